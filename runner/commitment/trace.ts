import type { Tensor } from "../machine/tensor.ts";
import type { TaskOptions } from "../task.ts";
import type { Hash } from "./keccak.ts";
import type { MerkleTree } from "./merkle.ts";
import { rootsTree, tensorsRoot } from "./model.ts";
import { commitTensors, type TensorCommitment } from "./tensor.ts";

/** Commitment to the outputs of all kernels of one execution. */
export interface TraceCommitment {
  readonly root: Hash;
  readonly outputs: readonly TensorCommitment[];
  /** Tree over the outputs' tensor roots. */
  readonly tree: MerkleTree;
}

/** Commits a trace: the outputs of all kernels, in order; progress in leaves. @throws AssayError ABORTED. */
export async function commitTrace(outputs: readonly Tensor[], options?: TaskOptions): Promise<TraceCommitment> {
  const committed = await commitTensors("commit trace", outputs, options);
  const tree = rootsTree(committed.map(({ root }) => root));
  return { root: tree.root, outputs: committed, tree };
}

/** The claim's ends of an execution. */
export interface Ends {
  readonly inputRoot: Hash;
  readonly outputRoot: Hash;
}

/** Roots that a claim names; progress in leaves. @throws AssayError ABORTED. */
export async function commitEnds(
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  options?: TaskOptions,
): Promise<Ends> {
  return {
    inputRoot: tensorsRoot(await commitTensors("commit inputs", inputs, options)),
    outputRoot: tensorsRoot(await commitTensors("commit outputs", outputs, options)),
  };
}
