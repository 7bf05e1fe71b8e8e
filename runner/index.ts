/** Public API of the runner: the tensor machine, commitments, proofs and stores. */
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
export { commitOnThreads } from "./commitment/threads.ts";
export { commitEnds, commitTrace, type Ends, type TraceCommitment } from "./commitment/trace.ts";

export { importModel, type ImportOptions, type Model, type Port } from "./onnx/index.ts";

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
export { createFolderStore, type Store } from "./files/store.ts";

export { type CheckedElement, type CheckedKernel, checkTrace, type GasSummary, summarise } from "./check/check.ts";
export type { MachineCall, MachineContract, MachineResult } from "./check/machine.ts";
export { decodeJson, encodeJson } from "./files/json.ts";
export { decodeNpy, encodeNpy } from "./files/npy.ts";
export type { ShapedTensor } from "./files/shaped-tensor.ts";
export { readTensorFile, type TensorPlace } from "./files/tensor-file.ts";
export { writeFileAtomic } from "./files/write.ts";
export { proofBound, type ProofBound } from "./inspection/bounds.ts";
export { type Inspection, inspectModel, type KernelReport } from "./inspection/inspect.ts";
export {
  compareManifests,
  manifestFile,
  type ManifestFile,
  type ModelDifference,
  readManifestFile,
} from "./inspection/manifest-file.ts";
export { type LoadedTrace, loadTrace, readTraceFile, saveTrace, type TraceFile } from "./inspection/trace-file.ts";
