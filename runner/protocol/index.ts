/** What the contracts fix, for TypeScript: enums, constants, typed data and errors. All but the decoding is generated. */
export * from "./constants.ts";
export * from "./enums.ts";
export { decodeRevert, type Revert, revertText } from "./revert.ts";
export * from "./typed-data.ts";
