import type { Executable } from "../../runner/backends/backend.ts";
import { tensorsRoot } from "../../runner/commitment/model.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";
import { commitTensors } from "../../runner/commitment/tensor.ts";
import { AssayError } from "../../runner/errors.ts";
import { DTYPE_BYTES } from "../../runner/machine/dtype.ts";
import type { TensorType } from "../../runner/machine/kernel.ts";
import { type Tensor, tensorBytes, tensorFromBytes } from "../../runner/machine/tensor.ts";
import type { TaskOptions } from "../../runner/task.ts";

/** One execution: outputs of all kernels, and what a claim names. */
export interface Run {
  readonly inputs: readonly Tensor[];
  readonly trace: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly outputRoot: Hash;
}

/** Executes a prepared program on the bytes of its inputs, in order and without gaps. */
export async function executePrepared(
  name: string,
  executable: Executable,
  constants: readonly Tensor[],
  bytes: Uint8Array,
  options?: TaskOptions,
): Promise<Run> {
  const inputs = splitTensors(name, executable.program.inputs, bytes);
  const trace = await executable.run(inputs, constants, options);
  const outputs = executable.program.outputs.flatMap((index) => trace[index] ?? []);
  const outputRoot = tensorsRoot(await commitTensors("commit outputs", outputs, options));
  return { inputs, trace, outputs, outputRoot };
}

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
