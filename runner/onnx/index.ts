export { unrollDecoder, type UnrollOptions } from "./decoder/unroll.ts";
export { importModel } from "./import/file.ts";
export type { ImportOptions, Model, Port } from "./import/import.ts";
export { OPERATORS } from "./operators/index.ts";
