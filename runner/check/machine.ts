import type { Hash } from "../commitment/keccak.ts";
import type { Progress } from "../machine/interpreter.ts";
import type { Witness } from "../proving/witness.ts";

/** One call of ITensorMachine.execute. */
export interface MachineCall {
  /** Encoded kernel. */
  readonly kernel: Uint8Array;
  readonly element: number;
  readonly progress: Progress;
  /** Reduction steps at most. */
  readonly maxSteps: bigint;
  readonly witness: Witness;
}

/** What the contract returned, and what it cost. */
export interface MachineResult {
  readonly done: boolean;
  readonly bits: bigint;
  readonly next: Progress;
  /** Tensor root of every operand, in order; zero where the witness has no segment. */
  readonly roots: readonly Hash[];
  /** Gas of the execution alone. */
  readonly gas: number;
  readonly calldata: Calldata;
}

/** Size and price of the arguments of a call. */
export interface Calldata {
  readonly bytes: number;
  /** Gas at 4 a zero byte, 16 another. */
  readonly gas: number;
}

/** A TensorMachine contract that can be called. Calls may overlap. */
export interface MachineContract {
  /** @throws Error with the contract's own error when it reverts. */
  readonly execute: (call: MachineCall) => Promise<MachineResult>;
  readonly close: () => Promise<void>;
}

/** Price of calldata. */
export function calldataOf(bytes: Uint8Array): Calldata {
  const zeros = bytes.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);
  return { bytes: bytes.length, gas: 4 * zeros + 16 * (bytes.length - zeros) };
}
