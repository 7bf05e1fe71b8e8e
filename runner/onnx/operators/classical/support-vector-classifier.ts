import { atLeast, item } from "../../../items.ts";
import type { KernelStage } from "../../build/kernels.ts";
import type { NodeContext } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { type Binary64Sum, plusTerm, SUM_CLASSES, toF32, zeroSum } from "../../sums/binary64-sum.ts";
import { range } from "../common.ts";
import { labelled, topClass } from "./labels.ts";
import { matrix, withoutStrings } from "./ml.ts";
import { pairProbabilities } from "./pair-probability.ts";
import { transformOf } from "./post-transform.ts";
import { compared, kernelFunction } from "./support-vector-kernels.ts";

/** The pairs of classes that are compared, and what of the tables each sum of theirs takes. */
interface Pairs {
  readonly first: readonly number[];
  readonly second: readonly number[];
  /** [pairs, length]: positions of support vectors and their coefficients; -1 and 0 after the last of a pair. */
  readonly vectors: readonly number[];
  readonly coefficients: readonly number[];
  readonly length: number;
}

/** Every class against every later one: the support vectors of both, each with its coefficient for the other class. */
const pairsOf = (sizes: readonly number[], coefficients: readonly number[], count: number): Pairs => {
  const starts = sizes.map((_, c) => sizes.slice(0, c).reduce((sum, size) => sum + size, 0));
  const [first, second]: [number[], number[]] = [[], []];
  const rows: { readonly vector: number; readonly coefficient: number }[][] = [];
  sizes.forEach((_, i) => {
    for (let j = i + 1; j < sizes.length; j++) {
      const part = (of: number, row: number) =>
        range(item(sizes, of)).map((m) => {
          const vector = item(starts, of) + m;
          return { vector, coefficient: item(coefficients, row * count + vector) };
        });
      first.push(i);
      second.push(j);
      rows.push([...part(i, j - 1), ...part(j, i)]);
    }
  });
  const length = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const padded = rows.flatMap((row) => range(length).map((k) => row[k] ?? { vector: -1, coefficient: 0 }));
  return {
    first,
    second,
    vectors: padded.map(({ vector }) => vector),
    coefficients: padded.map(({ coefficient }) => coefficient),
    length,
  };
};

/** For each pair the sum of its terms and its constant, in binary64, as an f32: [rows, pairs]. */
const decisions = (node: NodeContext, terms: Value, pairs: Pairs, rho: readonly number[]): Value => {
  const count = pairs.first.length;
  const vectors = node.lowering.constantOf("i32", [count, pairs.length], pairs.vectors);
  const coefficients = node.lowering.constantOf("f32", [count, pairs.length], pairs.coefficients);
  const constants = node.lowering.constantOf("f32", [count], rho);
  const sum = (s: KernelStage): Binary64Sum => ({
    mantissa: s.accumulator(0),
    exponent: s.accumulator(1),
    special: s.accumulator(2),
  });
  return node.lowering.emit({
    dtype: "f32",
    shape: [item(terms.shape, 0), count],
    fold: {
      dims: [pairs.length],
      classes: SUM_CLASSES,
      init: (s) => zeroSum(s),
      step: (s, out, red) => {
        const [row, pair] = atLeast(out, 2);
        const [k] = atLeast(red, 1);
        const term = s.load(terms, [row, 0], { gather: { dimension: 1, by: vectors, at: [pair, k] } });
        return plusTerm(s, sum(s), s.op("fmul", s.load(coefficients, [pair, k]), term));
      },
    },
    finish: (s, out) => {
      const [, pair] = atLeast(out, 2);
      const [mantissa, exponent, special] = plusTerm(s, sum(s), s.load(constants, [pair]));
      if (!mantissa || !exponent || !special) throw new RangeError("three registers");
      return toF32(s, { mantissa, exponent, special });
    },
  });
};

/** How many pairs each class wins: [rows, classes], as f32. */
const votes = (node: NodeContext, scores: Value, pairs: Pairs, classes: number): Value => {
  const [first, second] = [pairs.first, pairs.second].map((list) =>
    node.lowering.constantOf("i32", [list.length], list),
  );
  if (first === undefined || second === undefined) throw new RangeError("two tables");
  return node.lowering.emit({
    dtype: "f32",
    shape: [item(scores.shape, 0), classes],
    fold: {
      dims: [pairs.first.length],
      classes: ["int"],
      init: (s) => [s.i(0)],
      step: (s, out, red) => {
        const [row, label] = atLeast(out, 2);
        const [pair] = atLeast(red, 1);
        const above = s.op("flt", s.f(0), s.load(scores, [row, pair]));
        const winner = s.select(above, s.load(first, [pair]), s.load(second, [pair]));
        return [s.op("iadd", s.accumulator(), s.op("ieq", winner, s.affine(label)))];
      },
    },
    finish: (s) => s.op("i2f", s.accumulator()),
  });
};

/** Most entries of the table of coefficients by pair. */
const MAX_TERMS = 2 ** 24;

/** Every pair of classes decides and votes; the label has the most votes, the scores are the decisions. */
export const supportVectorClassifier = (node: NodeContext): Value[] => {
  const x = matrix(node);
  const [rows, features] = atLeast(x.shape, 2);
  withoutStrings(node, "classlabels_strings");
  const labels = node.ints("classlabels_ints") ?? [];
  const sizes = node.ints("vectors_per_class") ?? [];
  const count = sizes.reduce((sum, size) => sum + size, 0);
  const [vectors, coefficients] = [node.floats("support_vectors") ?? [], node.floats("coefficients") ?? []];
  const rho = node.floats("rho") ?? [];
  const [probA, probB] = [node.floats("prob_a") ?? [], node.floats("prob_b") ?? []];
  if (probA.length > 0 && labels.length !== 2) {
    throw node.refuse("probabilities of more than two classes", "prob_a", "export the decision function");
  }
  if (probA.length !== probB.length || probA.length > 1) throw node.invalid("not one of each", "prob_a");
  if (transformOf(node) !== "NONE") throw node.refuse("a transform of the decisions", "post_transform");
  if (labels.length < 2) throw node.refuse("a classifier of fewer than two classes", "classlabels_ints");
  if (count === 0) throw node.refuse("a classifier without support vectors", "vectors_per_class");
  if (sizes.length !== labels.length || sizes.some((size) => size < 0)) {
    throw node.invalid("not one number of vectors a class", "vectors_per_class");
  }
  if (vectors.length !== count * features) {
    throw node.invalid(`not ${String(count)} vectors of ${String(features)} features`, "support_vectors");
  }
  if (coefficients.length !== (labels.length - 1) * count) {
    throw node.invalid(`not ${String(labels.length - 1)} coefficients a vector`, "coefficients");
  }
  const pairCount = (labels.length * (labels.length - 1)) / 2;
  if (rho.length !== pairCount) throw node.invalid("not one constant a pair of classes", "rho");
  if (pairCount * count > MAX_TERMS) throw node.error("ONNX_LIMIT", `${String(pairCount)} pairs of classes`);
  const pairs = pairsOf(sizes, coefficients, count);
  const terms = compared(node, x, node.lowering.constantOf("f32", [count, features], vectors), kernelFunction(node));
  const scores = decisions(node, terms, pairs, rho);
  const label = labelled(
    node.lowering,
    topClass(node.lowering, votes(node, scores, pairs, labels.length), undefined),
    labels,
  );
  if (pairCount > 1) return [label, scores];
  const [[a], [b]] = [probA, probB];
  if (a !== undefined && b !== undefined) return [label, pairProbabilities(node.lowering, scores, a, b)];
  const pair = node.lowering.emit({
    dtype: "f32",
    shape: [rows, 2],
    finish: (s, out) => {
      const [row, column] = atLeast(out, 2);
      const v = s.load(scores, [row, 0]);
      return s.select(s.affine(column), v, s.op("fneg", v));
    },
  });
  return [label, pair];
};
