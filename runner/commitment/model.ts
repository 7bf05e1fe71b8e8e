import { AbiCoder } from "ethers";

import { item } from "../items.ts";
import { DTYPE_CODE } from "../machine/dtype.ts";
import { encodeKernel } from "../machine/encoding.ts";
import { product } from "../machine/shape.ts";
import type { Program, TensorType } from "../machine/kernel.ts";
import { expectTensors, type Tensor } from "../machine/tensor.ts";
import { CONSTANTS } from "../protocol/constants.ts";
import type { TaskOptions } from "../task.ts";
import { bytesFromHex, type Hash, hashBytes, keccak256, toHash } from "./keccak.ts";
import { MerkleTree } from "./merkle.ts";
import { commitTensors, type TensorCommitment } from "./tensor.ts";

/** Version of docs/tensor-machine.md that this package implements. */
export const NUMERICS_VERSION = CONSTANTS.ModelRegistry.NUMERICS_VERSION;

export const MANIFEST_TAG: Hash = CONSTANTS.ModelRegistry.MANIFEST_TAG;

/** `ModelManifest` of contracts/types/Model.sol, ready for ethers. */
export interface ModelManifest {
  readonly numericsVersion: number;
  readonly programRoot: Hash;
  readonly kernelCount: number;
  readonly weightsRoot: Hash;
  readonly constantCount: number;
  readonly inputs: readonly ManifestType[];
  readonly outputs: readonly ManifestType[];
  readonly outputKernels: readonly number[];
}

/** `TensorType` of contracts/types/Model.sol. */
export interface ManifestType {
  readonly dtype: number;
  readonly length: number;
}

/** A model's commitment with all that proofs need. */
export interface ModelCommitment {
  /** `keccak256(abi.encode(MANIFEST_TAG, manifest))`. */
  readonly commitment: Hash;
  readonly manifest: ModelManifest;
  /** Encoded kernels, in order. */
  readonly kernels: readonly Uint8Array[];
  readonly programTree: MerkleTree;
  readonly constants: readonly TensorCommitment[];
  readonly weightsTree: MerkleTree;
}

const MANIFEST_ABI =
  "tuple(uint32 numericsVersion, bytes32 programRoot, uint32 kernelCount, bytes32 weightsRoot, uint32 constantCount, " +
  "tuple(uint8 dtype, uint64 length)[] inputs, tuple(uint8 dtype, uint64 length)[] outputs, uint32[] outputKernels)";

/** The commitment of a manifest. */
export function manifestCommitment(manifest: ModelManifest): Hash {
  const encoded = AbiCoder.defaultAbiCoder().encode(["bytes32", MANIFEST_ABI], [MANIFEST_TAG, manifest]);
  return toHash(keccak256(bytesFromHex(encoded)));
}

/** Tree of a list of tensor roots: inputs, outputs, weights or a trace. */
export const rootsTree = (roots: readonly Hash[]): MerkleTree => MerkleTree.ofItems(roots.map(hashBytes));

/** `inputRoot` or `outputRoot`: root of the list of the tensors' roots. */
export const tensorsRoot = (commitments: readonly { readonly root: Hash }[]): Hash =>
  rootsTree(commitments.map(({ root }) => root)).root;

/** Types of the program's outputs, in order. The program must be verified. */
export const outputTypes = ({ kernels, outputs }: Program): readonly TensorType[] =>
  outputs.map((index) => {
    const { dtype, shape } = item(kernels, index);
    return { dtype, length: product(shape) };
  });

export interface CommitOptions extends TaskOptions {
  /** What commits the weights; see `commitOnThreads`. */
  readonly commit?: typeof commitTensors;
}

/**
 * Commits a verified program and its weights; progress in leaves of weights.
 * @throws AssayError TENSOR_MISMATCH when the constants are not the program's, ABORTED.
 */
export async function commitModel(
  program: Program,
  constants: readonly Tensor[],
  { commit = commitTensors, ...options }: CommitOptions = {},
): Promise<ModelCommitment> {
  expectTensors("constant", constants, program.constants);
  const kernels = program.kernels.map(encodeKernel);
  const programTree = MerkleTree.ofItems(kernels);
  const committed = await commit("commit weights", constants, options);
  const weightsTree = rootsTree(committed.map(({ root }) => root));
  const manifest: ModelManifest = {
    numericsVersion: NUMERICS_VERSION,
    programRoot: programTree.root,
    kernelCount: kernels.length,
    weightsRoot: weightsTree.root,
    constantCount: constants.length,
    inputs: program.inputs.map(manifestType),
    outputs: outputTypes(program).map(manifestType),
    outputKernels: [...program.outputs],
  };
  const commitment = manifestCommitment(manifest);
  return { commitment, manifest, kernels, programTree, constants: committed, weightsTree };
}

const manifestType = ({ dtype, length }: TensorType): ManifestType => ({ dtype: DTYPE_CODE[dtype], length });
