import { atLeast, item } from "../../../items.ts";
import type { NodeContext, Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { matrix, ml } from "./ml.ts";
import { transformOf } from "./post-transform.ts";
import { supportVectorClassifier } from "./support-vector-classifier.ts";
import { compared, kernelFunction, scaledProduct } from "./support-vector-kernels.ts";

const regressor = (node: NodeContext): Value => {
  const x = matrix(node);
  const [rows, features] = atLeast(x.shape, 2);
  // ONNX Runtime has none either.
  if (transformOf(node) !== "NONE") throw node.refuse("a transform of the result", "post_transform");
  const count = node.int("n_supports", 0);
  const vectors = node.floats("support_vectors") ?? [];
  const coefficients = node.floats("coefficients") ?? [];
  const rho = node.floats("rho") ?? [];
  const kernel = kernelFunction(node);
  if (rho.length !== 1) throw node.invalid("not one constant", "rho");
  if (coefficients.length !== (count > 0 ? count : features)) {
    throw node.invalid(`${String(coefficients.length)} coefficients`, "coefficients");
  }
  if (count > 0 && vectors.length !== count * features) {
    throw node.invalid(`not ${String(count)} vectors of ${String(features)} features`, "support_vectors");
  }
  const weights = node.lowering.constantOf("f32", [1, coefficients.length], coefficients);
  const terms = count > 0 ? compared(node, x, node.lowering.constantOf("f32", [count, features], vectors), kernel) : x;
  const result = scaledProduct(node, terms, weights, 1, item(rho, 0));
  if (node.int("one_class", 0) === 0) return result;
  return node.lowering.map("f32", [{ ...result, shape: [rows, 1] }], (s, v) =>
    s.select(s.op("flt", s.f(0), v), s.f(1), s.f(-1)),
  );
};

/** Support vector machines. */
export const SUPPORT_VECTORS: readonly Operator[] = [
  ml("SVMRegressor", 1, regressor),
  ml("SVMClassifier", 1, supportVectorClassifier),
];
