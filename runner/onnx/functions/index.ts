/*
 * Elementary functions as fixed sequences of scalar instructions. exp, tanh, sigmoid and erf follow the formulas of
 * onnxruntime-web's WASM kernels bit for bit (test/runner/onnx/oracle.test.ts); the others are binary32 algorithms of
 * our own arrangement. docs/functions.md has the measured errors.
 */

export { arithmetic, clamp, type Unary } from "./arithmetic.ts";
export { erf } from "./error.ts";
export { exp, expm1, expNegative, expOfLibrary } from "./exponential.ts";
export { acosh, acoshFar, asinh, asinhFar, atanh, cosh, sinh, tanh, tanhWithin } from "./hyperbolic.ts";
export { acos, asin, atan } from "./inverseTrigonometric.ts";
export { log, log1p } from "./logarithm.ts";
export { sigmoid } from "./logistic.ts";
export { binaryLogarithm, powerOf } from "./power.ts";
export { floatOf } from "./powerOfTwo.ts";
export { cos, sin, tan } from "./trigonometric.ts";
