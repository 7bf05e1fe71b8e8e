import { item } from "../items.ts";
import { AssayError } from "../errors.ts";
import { DTYPE_BYTES, DTYPE_CODE } from "../machine/dtype.ts";
import type { TensorType } from "../machine/kernel.ts";
import { type Tensor, tensorBytes, tensorType } from "../machine/tensor.ts";
import { CONSTANTS } from "../protocol/constants.ts";
import { runNow, runTask, type TaskOptions } from "../task.ts";
import { type Hash, hashBytes, keccak256, toHash } from "./keccak.ts";
import { hashRows, rowsPerCall } from "./keccak-pairs.ts";
import { leafHash, MerkleTree, rootOfRange } from "./merkle.ts";

/** Bytes of a whole leaf of a tensor. */
export const LEAF_BYTES = CONSTANTS.TensorTree.LEAF_BYTES;

const TENSOR_TAG = 0x02;
const LEAVES_PER_CALL = rowsPerCall("leaf");

/** A tensor's commitment with the tree that proofs come from (about 1/16 of the tensor's bytes). */
export interface TensorCommitment {
  readonly type: TensorType;
  readonly root: Hash;
  readonly tree: MerkleTree;
}

/** A run of whole consecutive leaves with its range proof; `Segment` of contracts/types/Witness.sol. */
export interface Segment {
  readonly firstLeaf: number;
  readonly data: Uint8Array;
  readonly siblings: readonly Hash[];
}

/** Leaves of a tensor. */
export const leafCount = ({ dtype, length }: TensorType): number =>
  Math.ceil((length * DTYPE_BYTES[dtype]) / LEAF_BYTES);

/** Binds dtype and length to the root of the tree over the leaves. */
export function tensorRootOf({ dtype, length }: TensorType, merkleRoot: Hash): Hash {
  const bytes = new Uint8Array(42);
  const fields = new DataView(bytes.buffer);
  fields.setUint8(0, TENSOR_TAG);
  fields.setUint8(1, DTYPE_CODE[dtype]);
  fields.setBigUint64(2, BigInt(length));
  bytes.set(hashBytes(merkleRoot), 10);
  return toHash(keccak256(bytes));
}

/** Commits a tensor at once: about 2 ms a megabyte. */
export const commitTensor = (tensor: Tensor): TensorCommitment => item(runNow(committing([tensor])), 0);

/** Commits tensors in slices, progress in leaves. @throws AssayError ABORTED. */
export function commitTensors(
  task: string,
  tensors: readonly Tensor[],
  options?: TaskOptions,
): Promise<readonly TensorCommitment[]> {
  const total = tensors.reduce((sum, tensor) => sum + leafCount(tensorType(tensor)), 0);
  return runTask(task, total, committing(tensors), options);
}

/** Root of a tensor, when its tree is not needed. */
export const tensorRoot = (tensor: Tensor): Hash => commitTensor(tensor).root;

/** Leaves `firstLeaf` to `firstLeaf + count - 1` with their proof. @throws AssayError OUT_OF_RANGE. */
export function openSegment(tensor: Tensor, { tree }: TensorCommitment, firstLeaf: number, count: number): Segment {
  const siblings = tree.proveRange(firstLeaf, count);
  const data = tensorBytes(tensor).slice(firstLeaf * LEAF_BYTES, (firstLeaf + count) * LEAF_BYTES);
  return { firstLeaf, data, siblings };
}

/**
 * The tensor root that a segment leads to. @throws AssayError OUT_OF_RANGE when the segment is not whole leaves inside
 * a tensor of the type, or has the wrong number of siblings.
 */
export function segmentRoot(type: TensorType, { firstLeaf, data, siblings }: Segment): Hash {
  const leaves = leafCount(type);
  const count = Math.ceil(data.length / LEAF_BYTES);
  const last = firstLeaf + count === leaves;
  const wanted = last ? type.length * DTYPE_BYTES[type.dtype] - firstLeaf * LEAF_BYTES : count * LEAF_BYTES;
  if (data.length !== wanted) {
    throw new AssayError("OUT_OF_RANGE", `the segment has ${String(data.length)} bytes, not ${String(wanted)}`, {
      name: "data",
      value: data.length,
      range: String(wanted),
    });
  }
  const hashes = Array.from({ length: count }, (_, i) =>
    toHash(leafHash(data.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES))),
  );
  return tensorRootOf(type, rootOfRange(hashes, firstLeaf, leaves, siblings));
}

function* committing(tensors: readonly Tensor[]): Generator<number, readonly TensorCommitment[]> {
  const commitments: TensorCommitment[] = [];
  let done = 0;
  // Stored elements are read into one buffer, one tensor after the other.
  const longest = tensors.reduce((most, { stored }) => Math.max(most, stored?.byteLength ?? 0), 0);
  const buffer = new Uint8Array(longest);
  const read = (tensor: Tensor): Uint8Array => {
    if (tensor.stored === undefined) return tensorBytes(tensor);
    tensor.stored.copyTo(buffer);
    return buffer.subarray(0, tensor.stored.byteLength);
  };
  for (const tensor of tensors) {
    const type = tensorType(tensor);
    const bytes = read(tensor);
    const count = leafCount(type);
    const leaves = new Uint8Array(count * 32);
    const whole = Math.floor(bytes.length / LEAF_BYTES);
    for (let i = 0; i < whole; i += LEAVES_PER_CALL) {
      const end = Math.min(whole, i + LEAVES_PER_CALL);
      hashRows("leaf", bytes.subarray(i * LEAF_BYTES, end * LEAF_BYTES), leaves.subarray(i * 32));
      done += end - i;
      yield done;
    }
    if (whole < count) leaves.set(leafHash(bytes.subarray(whole * LEAF_BYTES)), whole * 32);
    done += count - whole;
    const growing = MerkleTree.grow(leaves);
    let step = growing.next();
    for (; step.done !== true; step = growing.next()) yield done;
    const tree = step.value;
    commitments.push({ type, tree, root: tensorRootOf(type, tree.root) });
  }
  return commitments;
}
