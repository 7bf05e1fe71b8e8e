import type { TaskOptions } from "../task.ts";

/** What a command uses of its surroundings, apart from files. */
export interface Terminal {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether stderr is a terminal that a progress bar can be drawn on. */
  readonly interactive: boolean;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** What a command gets: the signal that stops it, and a callback for its progress. */
export interface CommandContext extends TaskOptions {
  readonly signal: AbortSignal;
  /** Prints at once, before the command ends. */
  readonly write?: (text: string) => void;
}

/** Exit codes. */
export const EXIT = {
  ok: 0,
  /** The work was done and its answer is no: bits mismatch, models differ, nothing to prove. */
  negative: 1,
  /** The input or the command line is wrong; the error says how. */
  input: 2,
  /** A bug: an error that is not an AssayError. */
  bug: 70,
  interrupted: 130,
} as const;

/** What a command found. */
export interface CommandResult {
  readonly exitCode: 0 | 1;
  /** For `--json`. Bigints are printed as strings. */
  readonly data: unknown;
  /** For people. */
  readonly text: string;
}
