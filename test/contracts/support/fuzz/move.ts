import type { World } from "./world.ts";

/** A transaction that could be sent now. */
export interface Act {
  /** Who does what with what, for the story of a walk. */
  readonly text: string;
  readonly send: () => Promise<unknown>;
}

/** A transaction that must be refused now, and with what. */
export interface Refusal extends Act {
  readonly error: string;
  /** Arguments of the error; not compared when left out. */
  readonly args?: readonly unknown[];
  /** State in which the move is tried, when the state is why it is refused. */
  readonly state?: string;
}

/** One state-changing function of one contract. */
export interface Move {
  /** `contract.function`. */
  readonly name: string;
  /** How often it is played, against the others. */
  readonly weight: number;
  /** A call that must succeed now; nothing when there is none. */
  readonly valid: (world: World) => Act | undefined;
  /** Calls that must be refused now, each for another reason. */
  readonly refusals: (world: World) => readonly Refusal[];
}

export const REQUEST_STATES = [
  ...["None", "Open", "Assigned", "Claimed", "Challenged"],
  ...["Final", "Refunded", "TimedOut", "Cancelled", "Convicted"],
] as const;
export const [OPEN, ASSIGNED, CLAIMED, CHALLENGED, FINAL] = [1n, 2n, 3n, 4n, 5n];
export const [CANCELLED, CONVICTED] = [8n, 9n];

export const DISPUTE_STATES = ["None", "Challenged", "TraceCommitted", "Upheld", "Convicted"] as const;
export const AUDIT_STATES = ["None", "Begun", "Committed", "Settled"] as const;
export const AUDITED = { none: 0n, begun: 1n, committed: 2n, settled: 3n } as const;

export const DISPUTE = { none: 0n, challenged: 1n, traced: 2n, upheld: 3n, convicted: 4n } as const;

export const [ACTIVE, JAILED, TOMBSTONED] = [1n, 2n, 3n];

/** An address as ethers' types give it, once it is known to be text. */
export const textOfAddress = (value: unknown): string => (typeof value === "string" ? value : "");

/** Short name of an id or an address. */
export const short = (hash: string): string => hash.slice(0, 8);

/** The entries that are there. */
export const present = <T>(...entries: readonly (T | undefined | false)[]): T[] =>
  entries.filter((entry): entry is T => entry !== undefined && entry !== false);

/** Address of a deployed contract. */
export const addressOf = ({ target }: { readonly target: unknown }): string => target as string;
