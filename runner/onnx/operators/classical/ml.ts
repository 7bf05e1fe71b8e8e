import { type NodeContext, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { computable } from "../common.ts";

/** The domain of ONNX's operators for classical models, which scikit-learn's exporter writes. */
const ML_DOMAIN = "ai.onnx.ml";

/** Rows of the ai.onnx.ml domain; opsets are that domain's. */
export const ml = (name: string, since: number, lower: Operator["lower"], until?: number): Operator => ({
  domain: ML_DOMAIN,
  name,
  since,
  lower,
  ...(until !== undefined && { until }),
});

/** The value as f32: integers are rounded once, as a C cast does. */
export const asFloat = (node: NodeContext, value: Value): Value => {
  const dtype = computable(node, value);
  if (dtype === "f32") return value;
  return node.lowering.map("f32", [value], (s, v) => s.op(dtype === "u64" ? "u2f" : "i2f", v));
};

/** The first input as a matrix [rows, features] of f32. */
export const matrix = (node: NodeContext): Value => {
  const x = asFloat(node, node.in(0));
  if (x.shape.length !== 2) throw node.refuse(`an input of rank ${String(x.shape.length)}, not [rows, features]`);
  return x;
};

/** Refuses tables of strings, which the machine has no tensors for. */
export const withoutStrings = (node: NodeContext, ...names: readonly string[]): void => {
  for (const name of names) {
    if ((node.strings(name) ?? []).length > 0) {
      throw node.refuse("strings are not supported", name, "export with integer labels");
    }
  }
};
