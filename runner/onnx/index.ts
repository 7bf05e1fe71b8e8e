export { importModel, type ImportOptions, type Model, type Port } from "./import/import.ts";
export { OPERATORS } from "./operators/index.ts";
