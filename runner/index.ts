/** Public API of the runner: the tensor machine, commitments, proofs and stores. */
export * from "./browser.ts";

export { commitOnThreads } from "./commitment/threads.ts";
export { createFolderStore, type Store } from "./files/store.ts";
export { type CheckedElement, type CheckedKernel, checkTrace, type GasSummary, summarise } from "./check/check.ts";
export type { MachineCall, MachineContract, MachineResult } from "./check/machine.ts";
export { readTensorFile, type TensorPlace } from "./files/tensor-file.ts";
export { writeFileAtomic } from "./files/write.ts";
export {
  compareManifests,
  manifestFile,
  type ManifestFile,
  type ModelDifference,
  readManifestFile,
} from "./inspection/manifest-file.ts";
export { type LoadedTrace, loadTrace, readTraceFile, saveTrace, type TraceFile } from "./inspection/trace-file.ts";
export { importModel } from "./onnx/index.ts";
