import type { Hash } from "../../runner/commitment/keccak.ts";
import type { BlockMark, ChainLog } from "./blocks.ts";

/** What was read of a chain, in the order of the chain. */
export interface JournalPage {
  /** The last block of the page, and those before it that are known. */
  readonly marks: readonly BlockMark[];
  readonly logs: readonly ChainLog[];
}

/** Where a ledger keeps what it read, so that a restart need not read the chain again. */
export interface Journal {
  /** The newest marks, and the logs of all that is not closed. */
  readonly read: () => Promise<JournalPage>;
  /** Adds a page, all of it or nothing; a page that is there already changes nothing. */
  readonly append: (page: JournalPage) => Promise<void>;
  /** Drops what came after a block. */
  readonly dropAfter: (block: number) => Promise<void>;
  /** The logs of these requests and claims are no longer needed for `read`. */
  readonly close: (ids: readonly Hash[]) => Promise<void>;
}
