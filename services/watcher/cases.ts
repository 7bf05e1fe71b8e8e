import type { Hash } from "../../runner/commitment/keccak.ts";
import { commitTrace } from "../../runner/commitment/trace.ts";
import type { OwnExecution } from "../../runner/dispute/locate.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import { type Budget, DEFAULT_BUDGET } from "../../runner/proving/witness.ts";
import type { HostedModel, Run } from "../models/models.ts";

/** What a watcher knows of a claim. */
export interface Case {
  /** Root of its own answer. */
  readonly outputRoot: Hash;
  /** Root of its own trace, once that was needed. */
  traceRoot?: Hash;
  /** Its whole execution, only while there is something to prove. */
  own?: OwnExecution;
  /** What a transaction of a proof may carry; less after one that did not fit. */
  budget: Budget;
  /** What the operator published; null is what cannot be had. */
  roots?: readonly Hash[] | null;
  readonly outputs: Map<number, Tensor | null>;
  /** When it was used last: a count of uses. */
  used: number;
}

/** Bytes of traces that a watcher keeps at a time, unless it is told otherwise. */
const TRACE_BYTES = 2 * 2 ** 30;

/**
 * What a watcher knows of the claims that are open: of a right one two roots, of a wrong one the whole execution. All
 * executions together have a limit of bytes; the one that was not used for longest is dropped, and computed again when it is
 * needed.
 */
export class Cases {
  readonly #cases = new Map<Hash, Case>();
  readonly #traceBytes: number;
  #uses = 0;

  constructor(traceBytes = TRACE_BYTES) {
    this.#traceBytes = traceBytes;
  }

  find(claimId: Hash): Case | undefined {
    const found = this.#cases.get(claimId);
    if (found !== undefined) found.used = ++this.#uses;
    return found;
  }

  /** Notes one's own answer. */
  judge(claimId: Hash, outputRoot: Hash): Case {
    const known = this.#cases.get(claimId);
    const noted = known ?? { outputRoot, budget: DEFAULT_BUDGET, outputs: new Map<number, Tensor | null>(), used: 0 };
    noted.used = ++this.#uses;
    this.#cases.set(claimId, noted);
    return noted;
  }

  /** Notes the whole execution, and drops others when all together are too large. */
  keep(claimId: Hash, own: OwnExecution): void {
    const found = this.#cases.get(claimId);
    if (found === undefined) return;
    found.own = own;
    found.traceRoot = own.commitment.root;
    found.used = ++this.#uses;
    const kept = [...this.#cases.values()].filter((each) => each.own !== undefined).sort((a, b) => a.used - b.used);
    for (const oldest of kept) {
      if (this.heldBytes <= this.#traceBytes || oldest === found) break;
      delete oldest.own;
      oldest.outputs.clear();
    }
  }

  /** Bytes of all traces that are kept. */
  get heldBytes(): number {
    let sum = 0;
    for (const { own } of this.#cases.values()) {
      for (const { data } of own?.trace ?? []) sum += data.byteLength;
    }
    return sum;
  }

  /** Forgets all claims but these. */
  retain(open: ReadonlySet<Hash>): void {
    for (const claimId of this.#cases.keys()) if (!open.has(claimId)) this.#cases.delete(claimId);
  }

  forget(claimId: Hash): void {
    this.#cases.delete(claimId);
  }
}

/** An execution with the commitment to its whole trace. */
export async function ownExecution({ model, commitment }: HostedModel, run: Run): Promise<OwnExecution> {
  return {
    program: model.program,
    model: commitment,
    inputs: run.inputs,
    constants: model.constants,
    trace: run.trace,
    commitment: await commitTrace(run.trace),
  };
}
