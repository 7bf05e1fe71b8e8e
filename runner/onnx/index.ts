export { importModel, type ImportOptions, type Model, type Port } from "./import.ts";
export { OPERATORS } from "./operators/index.ts";
export type { Operator } from "./node.ts";
export { type Dense, readTensor } from "./tensors.ts";
export type { ElementType } from "./value.ts";
