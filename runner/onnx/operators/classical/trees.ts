import { atLeast, item } from "../../../items.ts";
import type { Fold, KernelStage } from "../../build/kernels.ts";
import type { Lowering } from "../../build/lowering.ts";
import type { NodeContext, Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { broadcastTo } from "../../build/view.ts";
import { type Forest, RELATION } from "./forest.ts";
import { labelled, topClass } from "./labels.ts";
import { matrix, ml, withoutStrings } from "./ml.ts";
import { type Transform, transformed, transformOf, TRANSFORMS } from "./post-transform.ts";
import { baseValues, forestByIds, forestByPosition } from "./tree-tables.ts";

/** The element of a table that a tensor of indices names. */
const tableEntry = (s: KernelStage, table: Value, by: Value, indices: Parameters<KernelStage["load"]>[1]): Ref =>
  s.load(table, [0], { gather: { dimension: 0, by, at: indices } });

/** Whether the branch's true side is taken: the plain comparison where all branches have the same. */
const taken = (s: KernelStage, x: Ref, threshold: Ref, mask: number | Ref): Ref => {
  if (typeof mask === "number") {
    const plain: Readonly<Record<number, () => Ref>> = {
      [RELATION.less | RELATION.equal]: () => s.op("fle", x, threshold),
      [RELATION.less]: () => s.op("flt", x, threshold),
      [RELATION.greater | RELATION.equal]: () => s.op("fle", threshold, x),
      [RELATION.greater]: () => s.op("flt", threshold, x),
      [RELATION.equal]: () => s.op("feq", x, threshold),
      [RELATION.less | RELATION.greater | RELATION.unordered]: () => s.not(s.op("feq", x, threshold)),
    };
    const test = plain[mask];
    if (test !== undefined) return test();
  }
  const below = s.select(s.op("flt", threshold, x), s.i(RELATION.greater), s.i(RELATION.unordered));
  const relation = s.select(
    s.op("flt", x, threshold),
    s.i(RELATION.less),
    s.select(s.op("feq", x, threshold), s.i(RELATION.equal), below),
  );
  return s.op("iand", relation, typeof mask === "number" ? s.i(mask) : mask);
};

/**
 * The leaf that each row reaches in each tree, [rows, trees]: for every level one kernel that looks up the features
 * that the nodes test, and one that moves on to a child. Leaves stay where they are.
 */
const leavesOf = (lowering: Lowering, x: Value, forest: Forest): Value => {
  const shape = [item(x.shape, 0), forest.roots.length];
  const table = (dtype: "i32" | "f32" | "u8", list: readonly number[]): Value =>
    lowering.constantOf(dtype, [list.length], list);
  let node: Value = lowering.constantOf("i32", [1, forest.roots.length], forest.roots);
  if (forest.branches === 0) return broadcastTo(node, shape);
  const [features, thresholds] = [table("i32", forest.feature), table("f32", forest.threshold)];
  const [onTrue, onFalse] = [table("i32", forest.onTrue), table("i32", forest.onFalse)];
  const same = forest.mask.every((mask) => mask === forest.mask[0]);
  const masks = same ? undefined : table("u8", forest.mask);
  for (let level = 0; level < forest.depth; level++) {
    const current = node;
    const feature = lowering.emit({
      dtype: "i32",
      shape: current.shape,
      finish: (s, out) => tableEntry(s, features, current, out),
    });
    const [from, column] = [broadcastTo(current, shape), broadcastTo(feature, shape)];
    node = lowering.emit({
      dtype: "i32",
      shape,
      finish: (s, out) => {
        const element = s.load(x, [item(out, 0), 0], { gather: { dimension: 1, by: column, at: out } });
        const mask = masks === undefined ? item(forest.mask, 0) : tableEntry(s, masks, from, out);
        const yes = taken(s, element, tableEntry(s, thresholds, from, out), mask);
        return s.select(yes, tableEntry(s, onTrue, from, out), tableEntry(s, onFalse, from, out));
      },
    });
  }
  return broadcastTo(node, shape);
};

/** A table of [leaves, targets] seen by node number. */
const byNode = (forest: Forest, table: Value): Value => {
  const targets = item(table.shape, 1);
  return { ...table, shape: [forest.onTrue.length, targets], base: -forest.branches * targets };
};

type Aggregate = "SUM" | "AVERAGE" | "MIN" | "MAX";

/** What the leaf that a row reaches in a tree has for a target in a table of [leaves, targets]. */
const looked = (leaves: Value, table: Value, ...[s, out, red]: Parameters<Fold["step"]>): Ref => {
  const [row, target] = atLeast(out, 2);
  return s.load(table, [0, target], { gather: { dimension: 0, by: leaves, at: [row, item(red, 0)] } });
};

/** Folds the weights of the leaves over the trees, in the order of the file, for each row and target. */
const aggregated = (lowering: Lowering, leaves: Value, forest: Forest, targets: number, how: Aggregate): Value => {
  const count = forest.weights.length / targets;
  const weights = byNode(forest, lowering.constantOf("f32", [count, targets], forest.weights));
  const present = forest.present && byNode(forest, lowering.constantOf("bool", [count, targets], forest.present));
  const [rows, trees] = atLeast(leaves.shape, 2);
  if (how === "SUM" || how === "AVERAGE") {
    return lowering.emit({
      dtype: "f32",
      shape: [rows, targets],
      // A leaf without a weight for the target adds 0, which changes no sum that starts from 0.
      fold: {
        dims: [trees],
        classes: ["f32"],
        init: (s) => [s.f(0)],
        step: (s, ...loop) => [s.op("fadd", s.accumulator(), looked(leaves, weights, s, ...loop))],
      },
      finish: (s) => (how === "SUM" ? s.accumulator() : s.op("fdiv", s.accumulator(), s.f(trees))),
    });
  }
  return lowering.emit({
    dtype: "f32",
    shape: [rows, targets],
    fold: {
      dims: [trees],
      classes: ["f32", "int"],
      init: (s) => [s.f(0), s.i(0)],
      step: (s, ...loop) => {
        const [best, any] = [s.accumulator(0), s.accumulator(1)];
        const weight = looked(leaves, weights, s, ...loop);
        const has = present === undefined ? s.i(1) : looked(leaves, present, s, ...loop);
        const better = how === "MIN" ? s.op("flt", weight, best) : s.op("flt", best, weight);
        const takes = s.op("iand", has, s.op("ior", s.not(any), better));
        return [s.select(takes, weight, best), s.op("ior", any, has)];
      },
    },
    finish: (s) => s.accumulator(0),
  });
};

/** Whether any tree gave the row a weight for the class; undefined when all leaves have weights for all classes. */
const presence = (lowering: Lowering, leaves: Value, forest: Forest, targets: number): Value | undefined => {
  if (forest.present === undefined) return undefined;
  const table = byNode(forest, lowering.constantOf("bool", [forest.present.length / targets, targets], forest.present));
  return lowering.emit({
    dtype: "bool",
    shape: [item(leaves.shape, 0), targets],
    fold: {
      dims: leaves.shape.slice(1),
      classes: ["int"],
      init: (s) => [s.i(0)],
      step: (s, ...loop) => [s.op("ior", s.accumulator(), looked(leaves, table, s, ...loop))],
    },
    finish: (s) => s.accumulator(),
  });
};

const AGGREGATES: readonly Aggregate[] = ["AVERAGE", "SUM", "MIN", "MAX"];

/** Scores plus base values, transformed: a regressor's result. */
const regression = (
  node: NodeContext,
  x: Value,
  forest: Forest,
  targets: number,
  how: Aggregate,
  bases: readonly number[],
  transform: Transform,
): Value => {
  if (bases.length !== 0 && bases.length !== targets) {
    throw node.invalid(`${String(bases.length)} base values for ${String(targets)} targets`, "base_values");
  }
  if (targets === 1 && transform !== "NONE" && transform !== "PROBIT") {
    throw node.refuse(`${transform} of one target, which ONNX Runtime leaves out`, "post_transform");
  }
  const scores = aggregated(node.lowering, leavesOf(node.lowering, x, forest), forest, targets, how);
  // The least and the largest weight can be -0, which ONNX Runtime's addition of no base value turns into 0.
  const none = how === "MIN" || how === "MAX" ? new Array<number>(targets).fill(0) : [];
  return transformed(node.lowering, added(node.lowering, scores, bases.length > 0 ? bases : none), transform);
};

const regressor = (node: NodeContext): Value => {
  const x = matrix(node);
  const targets = node.int("n_targets", 0);
  if (targets < 1) throw node.invalid("there are no targets", "n_targets");
  const name = node.string("aggregate_function", "SUM");
  const how = AGGREGATES.find((aggregate) => aggregate === name);
  if (how === undefined) throw node.invalid(`aggregate_function "${name}"`, "aggregate_function");
  const { forest } = forestByIds(node, "target", targets, item(x.shape, 1));
  return regression(node, x, forest, targets, how, baseValues(node), transformOf(node));
};

/** TreeEnsemble of opset 5, a regressor whose enumerations are numbers. */
const ensemble = (node: NodeContext): Value => {
  const x = matrix(node);
  const targets = node.int("n_targets", 0);
  if (targets < 1) throw node.invalid("there are no targets", "n_targets");
  const how = AGGREGATES[node.int("aggregate_function", 1)];
  if (how === undefined) throw node.invalid("no such function", "aggregate_function");
  const transform = TRANSFORMS[node.int("post_transform", 0)];
  if (transform === undefined) throw node.invalid("no such transform", "post_transform");
  return regression(node, x, forestByPosition(node, targets, item(x.shape, 1)), targets, how, [], transform);
};

const classifier = (node: NodeContext): Value[] => {
  const x = matrix(node);
  withoutStrings(node, "classlabels_strings");
  const labels = node.ints("classlabels_int64s") ?? [];
  if (labels.length < 2) throw node.refuse("a classifier of fewer than two classes", "classlabels_int64s");
  if (labels.length === 2) return binary(node, x, labels);
  const bases = baseValues(node);
  if (bases.length !== 0 && bases.length !== labels.length) {
    throw node.invalid(`${String(bases.length)} base values for ${String(labels.length)} classes`, "base_values");
  }
  const { forest } = forestByIds(node, "class", labels.length, item(x.shape, 1));
  const leaves = leavesOf(node.lowering, x, forest);
  const scores = added(node.lowering, aggregated(node.lowering, leaves, forest, labels.length, "SUM"), bases);
  const present = bases.length > 0 ? undefined : presence(node.lowering, leaves, forest, labels.length);
  const label = labelled(node.lowering, topClass(node.lowering, scores, present), labels);
  return [label, transformed(node.lowering, scores, transformOf(node))];
};

/** Scores of [rows, targets] plus one base value a target, if there are any. */
const added = (lowering: Lowering, scores: Value, bases: readonly number[]): Value =>
  bases.length === 0
    ? scores
    : lowering.map("f32", [scores, lowering.constantOf("f32", [1, bases.length], bases)], (s, v, k) =>
        s.op("fadd", v, k),
      );

/**
 * Two classes with one score, as exporters write them: weights none of which is negative sum to the second class's
 * probability, others to a margin around 0.
 */
const binary = (node: NodeContext, x: Value, labels: readonly number[]): Value[] => {
  if (node.ints("class_ids")?.some((id) => id !== 0)) {
    throw node.refuse("two classes of which not only the first has weights", "class_ids");
  }
  const [bases, transform] = [baseValues(node), transformOf(node)];
  if (bases.length > 1) throw node.refuse("two base values for one score", "base_values");
  const { forest, weights } = forestByIds(node, "class", 1, item(x.shape, 1));
  const positive = weights.every(({ weight }) => !(weight < 0));
  if (transform !== "NONE" && (transform !== "LOGISTIC" || positive)) {
    const of = positive ? "weights none of which is negative" : "one score";
    throw node.refuse(`${transform} of ${of}, where ONNX Runtime's labels and scores disagree`, "post_transform");
  }
  const score = added(
    node.lowering,
    aggregated(node.lowering, leavesOf(node.lowering, x, forest), forest, 1, "SUM"),
    bases,
  );
  const [rows] = atLeast(score.shape, 1);
  const pair = node.lowering.emit({
    dtype: "f32",
    shape: [rows, 2],
    finish: (s, out) => {
      const [row, column] = atLeast(out, 2);
      const v = s.load(score, [row, 0]);
      const other = positive ? s.op("fsub", s.f(1), v) : s.op("fneg", v);
      return s.select(s.affine(column), v, other);
    },
  });
  const label = node.lowering.emit({
    dtype: "i64",
    shape: [rows],
    finish: (s, out) => {
      const [row] = atLeast(out, 1);
      const above = s.op("flt", s.f(positive ? 0.5 : 0), s.load(score, [row, 0]));
      return s.select(above, s.i(item(labels, 1)), s.i(item(labels, 0)));
    },
  });
  return [label, transformed(node.lowering, pair, transform)];
};

/** Ensembles of decision trees. */
export const TREES: readonly Operator[] = [
  ml("TreeEnsembleRegressor", 1, regressor, 4),
  ml("TreeEnsembleClassifier", 1, classifier, 4),
  ml("TreeEnsemble", 5, ensemble),
];
