import {
  calldataOf,
  type MachineCall,
  type MachineContract,
  type MachineResult,
} from "../../../runner/check/machine.ts";
import { decodeKernel } from "../../../runner/machine/encoding.ts";
import { replayWitness } from "../../../runner/proving/replay.ts";

/** A stand-in for the contract: the same work in TypeScript, from the witness alone. `change` makes it lie. */
export function standIn(
  change: (call: MachineCall, result: MachineResult) => MachineResult = (_, same) => same,
): MachineContract & {
  readonly calls: readonly MachineCall[];
} {
  const calls: MachineCall[] = [];
  return {
    calls,
    close: () => Promise.resolve(),
    execute: (call) => {
      calls.push(call);
      const { kernel, element, progress, maxSteps, witness } = call;
      const { piece, roots } = replayWitness(decodeKernel(kernel), element, progress, Number(maxSteps), witness);
      const bits = piece.done ? piece.bits : 0n;
      const next = piece.done ? { position: 0, accumulators: [] } : piece.next;
      const result = { done: piece.done, bits, next, roots, gas: 1000 + element, calldata: calldataOf(kernel) };
      return Promise.resolve(change(call, result));
    },
  };
}
