export type { Sampling } from "./decoder/sampling.ts";
export { unrollDecoder, type UnrollOptions } from "./decoder/unroll.ts";
export { importModel, type ImportOptions, type Model, type Port } from "./import/import.ts";
export { OPERATORS } from "./operators/index.ts";
