import type { TaskOptions } from "../task.ts";

/** What a command may touch of the outside world, apart from files. */
export interface Terminal {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether stderr is a terminal that a progress bar can be drawn on. */
  readonly interactive: boolean;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** What a command works with: the signal, and where to tell how far it is. */
export interface CommandContext extends TaskOptions {
  readonly signal: AbortSignal;
}

/** Exit codes. */
export const EXIT = {
  ok: 0,
  /** The work was done and its answer is no: bits mismatch, models differ, nothing to prove. */
  negative: 1,
  /** The input or the command line is wrong; the error says how. */
  input: 2,
  /** A bug: an error that nobody meant to throw. */
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
