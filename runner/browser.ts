/** The part of the runner's public API that needs no files and no threads, and so works in browsers too. */
export { AssayError, type AssayErrorCode, type AssayErrorDetails, isAssayError } from "./errors.ts";
export type { TaskOptions, TaskProgress } from "./task.ts";

export { type Backend, type Executable, interpreter, type PreparedKernel, prepareProgram } from "./backends/backend.ts";
export { compiled } from "./backends/javascript/compiled.ts";
export { wasm, wasmOn } from "./backends/wasm/wasm.ts";
export { type KernelCost, kernelCost } from "./machine/cost.ts";
export { type DType, DTYPE_BYTES, DTYPE_CODE, DTYPES, type RegisterClass, registerClass } from "./machine/dtype.ts";
export { decodeKernel, encodeKernel } from "./machine/encoding.ts";
export {
  executeElement,
  executeKernel,
  executePiece,
  executeProgram,
  type Piece,
  type Progress,
  START,
} from "./machine/interpreter.ts";
export type * from "./machine/kernel.ts";
export { LIMITS } from "./machine/limits.ts";
export { createRandom, type Random } from "./machine/prng.ts";
export { OPCODES, type Opcode } from "./machine/scalar.ts";
export {
  createTensor,
  elementBits,
  firstDifference,
  setElementBits,
  type Tensor,
  type TensorArrays,
  tensorBytes,
  tensorFrom,
  tensorFromBytes,
  tensorType,
} from "./machine/tensor.ts";
export { verifyKernel, verifyProgram } from "./machine/verify.ts";

export { type Hash, hashBytes, keccak256, toHash, ZERO_HASH } from "./commitment/keccak.ts";
export { leafHash, levelWidth, MerkleTree, nodeHash, rootOfRange } from "./commitment/merkle.ts";
export {
  commitModel,
  manifestCommitment,
  type ManifestType,
  type ModelCommitment,
  type ModelManifest,
  NUMERICS_VERSION,
  outputTypes,
  rootsTree,
  tensorsRoot,
} from "./commitment/model.ts";
export {
  commitTensor,
  commitTensors,
  LEAF_BYTES,
  leafCount,
  openSegment,
  type Segment,
  segmentRoot,
  type TensorCommitment,
  tensorRoot,
  tensorRootOf,
} from "./commitment/tensor.ts";
export { commitEnds, commitTrace, type Ends, type TraceCommitment } from "./commitment/trace.ts";

export { importModel, type ImportOptions, type Model, type Port } from "./onnx/import/import.ts";

export {
  buildFraudProof,
  buildProofPart,
  type Evidence,
  type Execution,
  type FraudProof,
  type KernelOpening,
  type OutputOpening,
  type ProofPart,
} from "./proving/fraud-proof.ts";
export { stepGas } from "./proving/gas.ts";
export { type Replay, replayWitness } from "./proving/replay.ts";
export {
  type Budget,
  DEFAULT_BUDGET,
  nextPart,
  type NextPart,
  openElement,
  openWitness,
  type Part,
  splitElement,
  type Witness,
  witnessElement,
} from "./proving/witness.ts";
export { decompressSignature, type DrandBeacon, drandRoundAt, drandTimeOf, QUICKNET } from "./randomness/drand.ts";
export { verifySignature } from "./randomness/verify.ts";

export { compareTraces, type Comparison, type Fault, type OperatorTrace } from "./dispute/compare.ts";
export { type DecodedLog, disputeEventOf } from "./dispute/events.ts";
export { GrowingMap, type Lookup } from "./dispute/growing-map.ts";
export { type Difference, KnownTree, placesUnder } from "./dispute/known-tree.ts";
export {
  type Located,
  locate,
  type LocateResult,
  openingOf,
  type OwnExecution,
  type OwnTrace,
  type Published,
} from "./dispute/locate.ts";
export { answerTo, type DefendedTrace, nextOperatorMove, type OperatorMove } from "./dispute/operator.ts";
export {
  accusationOf,
  afterEvent,
  type Demand,
  type DemandAnswer,
  type DisputeEvent,
  type DisputeStatus,
  type DisputeView,
  elementKey,
  LEVEL_BYTES,
  NODES,
  noDispute,
  type Opening,
  openingKey,
  type Place,
  TRACE_TREE,
} from "./dispute/view.ts";
export {
  type Accusation,
  type ChainState,
  type KnownRoots,
  nextMoveWithoutTrace,
  nextWatcherMove,
  proofPartOf,
  type TracelessMove,
  type WatcherIdentity,
  type WatcherMove,
} from "./dispute/watcher.ts";
/** Enums, constants, typed data and errors of the contracts. */
export * as protocol from "./protocol/index.ts";

export { decodeJson, encodeJson } from "./files/json.ts";
export { decodeNpy, encodeNpy } from "./files/npy.ts";
export type { ShapedTensor } from "./files/shaped-tensor.ts";
export { proofBound, type ProofBound } from "./inspection/bounds.ts";
export { type Inspection, inspectModel, type KernelReport } from "./inspection/inspect.ts";
