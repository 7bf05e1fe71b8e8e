import type { Executable } from "../../runner/backends/backend.ts";
import { tensorsRoot } from "../../runner/commitment/model.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";
import { commitTensors } from "../../runner/commitment/tensor.ts";
import { AssayError } from "../../runner/errors.ts";
import { DTYPE_BYTES } from "../../runner/machine/dtype.ts";
import type { TensorType } from "../../runner/machine/kernel.ts";
import { type Tensor, tensorBytes, tensorFromBytes } from "../../runner/machine/tensor.ts";
import type { TaskOptions } from "../../runner/task.ts";

/** An execution of which only the program's outputs are kept: what a claim names. */
export interface Answer {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly outputRoot: Hash;
}

/** An execution with the outputs of all kernels: what a dispute needs. */
export interface Run extends Answer {
  readonly trace: readonly Tensor[];
}

/** An answer looked at: right, or wrong with the whole execution that says so. */
export type Judgement =
  | { readonly right: true; readonly outputRoot: Hash }
  | { readonly right: false; readonly outputRoot: Hash; readonly run: Run };

/** A model that is ready to run. */
export interface Prepared {
  /** Of its input, for errors. */
  readonly name: string;
  readonly executable: Executable;
  readonly constants: readonly Tensor[];
}

/** Executes on the bytes of the inputs, in order and without gaps, and keeps the outputs only. */
export async function inferPrepared(
  { name, executable, constants }: Prepared,
  bytes: Uint8Array,
  options?: TaskOptions,
): Promise<Answer> {
  const inputs = splitTensors(name, executable.program.inputs, bytes);
  const outputs = await executable.infer(inputs, constants, options);
  return { inputs, outputs, outputRoot: await rootOf(outputs, options) };
}

/** As `inferPrepared`, and keeps the whole trace. */
export async function executePrepared(
  { name, executable, constants }: Prepared,
  bytes: Uint8Array,
  options?: TaskOptions,
): Promise<Run> {
  const inputs = splitTensors(name, executable.program.inputs, bytes);
  const trace = await executable.run(inputs, constants, options);
  const outputs = executable.program.outputs.flatMap((index) => trace[index] ?? []);
  return { inputs, trace, outputs, outputRoot: await rootOf(outputs, options) };
}

/** Executes and compares. Only for a wrong answer it executes again, for the trace: most answers are right. */
export async function judgePrepared(
  prepared: Prepared,
  bytes: Uint8Array,
  claimedRoot: Hash,
  options?: TaskOptions,
): Promise<Judgement> {
  const { outputRoot } = await inferPrepared(prepared, bytes, options);
  if (outputRoot === claimedRoot) return { right: true, outputRoot };
  return { right: false, outputRoot, run: await executePrepared(prepared, bytes, options) };
}

const rootOf = async (outputs: readonly Tensor[], options?: TaskOptions): Promise<Hash> =>
  tensorsRoot(await commitTensors("commit outputs", outputs, options));

/** Bytes of tensors in order, without gaps: how requests and claims carry them. */
export const joinTensors = (tensors: readonly Tensor[]): Uint8Array => Buffer.concat(tensors.map(tensorBytes));

/** How many bytes tensors of these types take together. */
export const bytesOfTensors = (types: readonly TensorType[]): number =>
  types.reduce((sum, { dtype, length }) => sum + length * DTYPE_BYTES[dtype], 0);

/** The tensors in such bytes. @throws AssayError TENSOR_MISMATCH when the bytes are not as many as the types say. */
export function splitTensors(name: string, types: readonly TensorType[], bytes: Uint8Array): readonly Tensor[] {
  const expected = bytesOfTensors(types);
  if (bytes.length !== expected) {
    const details = { name, expected: `${String(expected)} bytes`, actual: String(bytes.length) };
    throw new AssayError("TENSOR_MISMATCH", `${details.name} must be ${details.expected}`, details);
  }
  let offset = 0;
  return types.map((type) => {
    const end = offset + type.length * DTYPE_BYTES[type.dtype];
    const tensor = tensorFromBytes(type.dtype, bytes.subarray(offset, end));
    offset = end;
    return tensor;
  });
}
