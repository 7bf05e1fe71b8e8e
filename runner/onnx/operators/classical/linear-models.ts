import { atLeast, item } from "../../../items.ts";
import type { NodeContext, Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { contiguousAlong, type DotSpec } from "../../sums/dot.ts";
import { blockFor, orderedDot } from "../arithmetic/linear.ts";
import { labelled, topClass } from "./labels.ts";
import { matrix, ml, withoutStrings } from "./ml.ts";
import { logistic, transformed, transformOf } from "./post-transform.ts";

/** x [rows, features] times coefficients [targets, features], plus one intercept a target, in the order of Gemm. */
const affine = (node: NodeContext, x: Value, targets: number, intercepts: readonly number[]): Value => {
  const coefficients = node.floats("coefficients") ?? [];
  const [rows, features] = atLeast(x.shape, 2);
  if (coefficients.length !== targets * features) {
    const wanted = `${String(targets)} times ${String(features)}`;
    throw node.invalid(`${String(coefficients.length)} coefficients, not ${wanted}`, "coefficients");
  }
  const left = contiguousAlong(node.lowering, x, 1);
  const right = node.lowering.constantOf("f32", [targets, features], coefficients);
  const bias = intercepts.length > 0 ? node.lowering.constantOf("f32", [targets], intercepts) : undefined;
  const order = blockFor({ m: rows, n: targets, k: features, packed: false, rightTransposed: true });
  const spec = {
    dtype: "f32",
    shape: [rows, targets],
    class: "f32",
    length: features,
    left: (s, out, k) => {
      const [row] = atLeast(out, 1);
      return s.load(left, [row, k]);
    },
    right: (s, out, k) => {
      const [, target] = atLeast(out, 2);
      return s.load(right, [target, k]);
    },
    ...(bias && {
      start: (s, out) => {
        const [, target] = atLeast(out, 2);
        return s.load(bias, [target]);
      },
    }),
    finish: (_s, _out, sum) => sum,
  } satisfies Omit<DotSpec, "block">;
  return orderedDot(node.lowering, spec, order);
};

const linearRegressor = (node: NodeContext): Value => {
  const x = matrix(node);
  if (node.in(0).element !== "f32") throw node.refuse(`element type ${node.in(0).element}, only float`);
  const targets = node.int("targets", 1);
  if (targets < 1) throw node.invalid("there are no targets", "targets");
  const intercepts = node.floats("intercepts") ?? [];
  if (intercepts.length !== 0 && intercepts.length !== targets) {
    throw node.invalid(`${String(intercepts.length)} intercepts for ${String(targets)} targets`, "intercepts");
  }
  const transform = transformOf(node);
  if (targets === 1 && transform !== "NONE" && transform !== "PROBIT") {
    throw node.refuse(`${transform} of one target, which ONNX Runtime leaves out`, "post_transform");
  }
  return transformed(node.lowering, affine(node, x, targets, intercepts), transform, true);
};

const linearClassifier = (node: NodeContext): Value[] => {
  const x = matrix(node);
  withoutStrings(node, "classlabels_strings");
  // Which of the two rules trained the model: the scores are the same.
  node.ignore("multi_class");
  const labels = node.ints("classlabels_ints") ?? [];
  const intercepts = node.floats("intercepts") ?? [];
  const classes = intercepts.length;
  if (classes === 0) throw node.refuse("a classifier without intercepts", "intercepts");
  if (labels.length !== (classes === 1 ? 2 : classes)) {
    throw node.invalid(`${String(labels.length)} labels for ${String(classes)} scores`, "classlabels_ints");
  }
  const transform = transformOf(node);
  const scores = affine(node, x, classes, intercepts);
  if (classes > 1) {
    const label = labelled(node.lowering, topClass(node.lowering, scores, undefined), labels);
    return [label, transformed(node.lowering, scores, transform, true)];
  }
  if (transform !== "NONE" && transform !== "LOGISTIC") {
    throw node.refuse(`${transform} of one score, which ONNX Runtime leaves out`, "post_transform");
  }
  const [rows] = atLeast(scores.shape, 1);
  const label = node.lowering.emit({
    dtype: "i64",
    shape: [rows],
    finish: (s, out) => {
      const [row] = atLeast(out, 1);
      return s.select(s.op("flt", s.f(0), s.load(scores, [row, 0])), s.i(item(labels, 1)), s.i(item(labels, 0)));
    },
  });
  const pair = node.lowering.emit({
    dtype: "f32",
    shape: [rows, 2],
    finish: (s, out) => {
      const [row, column] = atLeast(out, 2);
      const v = s.load(scores, [row, 0]);
      if (transform === "NONE") return s.select(s.affine(column), v, s.op("fsub", s.f(1), v));
      return logistic(s, s.select(s.affine(column), v, s.op("fneg", v)));
    },
  });
  return [label, pair];
};

/** Linear models. */
export const LINEAR_MODELS: readonly Operator[] = [
  ml("LinearRegressor", 1, linearRegressor),
  ml("LinearClassifier", 1, linearClassifier),
];
