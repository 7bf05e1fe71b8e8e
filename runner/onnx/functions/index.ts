/*
 * Elementary functions as fixed sequences of scalar instructions. All follow onnxruntime-web's WASM kernels bit for bit
 * (test/runner/onnx/oracle.test.ts): exp, tanh, sigmoid and erf the formulas of its own kernels, the others its C library,
 * in f32 where that is f32 and in 64-bit fixed point where it is binary64. docs/functions.md has the measured errors.
 */

export { arithmetic, clamp, type Unary } from "./arithmetic.ts";
export { erf } from "./error.ts";
export { exp, expm1, expNegative, expOfLibrary } from "./exponential.ts";
export { acosh, acoshFar, asinh, asinhFar, atanh, cosh, sinh, tanh, tanhOfLibrary, tanhWithin } from "./hyperbolic.ts";
export { acos, asin, atan } from "./inverse-trigonometric.ts";
export { log, log1p } from "./logarithm.ts";
export { sigmoid } from "./logistic.ts";
export { binaryLogarithm, powerOf } from "./power.ts";
export { floatOf } from "./power-of-two.ts";
export { cos, sin, tan } from "./trigonometric.ts";
