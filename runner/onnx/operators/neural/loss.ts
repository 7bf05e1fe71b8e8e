import { atLeast, lastItem } from "../../../items.ts";
import { type Index } from "../../build/affine.ts";
import type { KernelStage } from "../../build/kernels.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { permuted } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import { softmaxRows } from "../arithmetic/normalize.ts";
import { float, range } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";

/** The weight of the class of one target: 0 for the ignored one, 1 without weights. */
const classWeight = (s: KernelStage, label: Ref, weight: (s: KernelStage) => Ref, ignored: number | undefined): Ref => {
  const w = weight(s);
  return ignored === undefined ? w : s.select(s.op("ieq", label, s.i(ignored)), s.f(0), w);
};

/** -weight[t] * x[n, t, …] and its sum or mean. */
const likelihoodLoss = (node: NodeContext, x: Value, target: Value, weights: Value | undefined): Value => {
  const ignored = node.has("ignore_index") ? node.int("ignore_index") : undefined;
  const reduction = node.string("reduction", "mean");
  const weightAt = (s: KernelStage, out: readonly Index[]): Ref =>
    weights === undefined ? s.f(1) : s.load(weights, [0], { gather: { dimension: 0, by: target, at: out } });
  const weighted = (s: KernelStage, out: readonly Index[]): Ref =>
    classWeight(s, s.load(target, out), (stage) => weightAt(stage, out), ignored);
  const losses = node.lowering.emit({
    dtype: "f32",
    shape: target.shape,
    finish: (s, out) => {
      const [n, ...rest] = atLeast(out, 1);
      const chosen = s.load(x, [n, 0, ...rest], { gather: { dimension: 1, by: target, at: out } });
      const loss = s.op("fmul", s.op("fneg", chosen), weighted(s, out));
      // An ignored label may lie outside the classes: its loss is 0 whatever was read.
      if (ignored === undefined) return loss;
      return s.select(s.op("ieq", s.load(target, out), s.i(ignored)), s.f(0), loss);
    },
  });
  if (reduction === "none") return losses;
  const total = (value: (s: KernelStage, at: readonly Index[]) => Ref): Value =>
    node.lowering.emit({
      dtype: "f32",
      shape: [],
      fold: {
        dims: target.shape,
        classes: ["f32"],
        init: (s) => [s.f(0)],
        step: (s, _, red) => [s.op("fadd", s.accumulator(), value(s, red))],
      },
      finish: (s) => s.accumulator(),
    });
  const sum = total((s, at) => s.load(losses, at));
  if (reduction === "sum") return sum;
  if (reduction !== "mean") throw node.refuse(`reduction "${reduction}"`, "reduction");
  if (weights === undefined && ignored === undefined) {
    return node.lowering.map("f32", [sum], (s, v) => s.op("fdiv", v, s.f(elementCount(target.shape))));
  }
  const weight = total(weighted);
  return node.lowering.map("f32", [sum, weight], (s, v, w) => s.op("fdiv", v, w));
};

const crossEntropy = (node: NodeContext): Value[] => {
  const scores = float(node, node.in(0));
  const rank = scores.shape.length;
  const order = [0, ...range(rank).slice(2), 1];
  const rows = permuted(scores, order);
  const flat = reshaped(node.lowering, rows, [elementCount(rows.shape.slice(0, -1)), lastItem(rows.shape)]);
  const logs = reshaped(node.lowering, softmaxRows(node.lowering, flat, true), rows.shape);
  const logProbabilities = permuted(
    logs,
    range(rank).map((d) => order.indexOf(d)),
  );
  const weights = node.opt(2);
  return [likelihoodLoss(node, logProbabilities, node.in(1), weights && float(node, weights)), logProbabilities];
};

/** Losses, as exported with some models. */
export const LOSS: readonly Operator[] = [
  onnx("NegativeLogLikelihoodLoss", 12, (node) => {
    const weights = node.opt(2);
    return likelihoodLoss(node, float(node, node.in(0)), node.in(1), weights && float(node, weights));
  }),
  onnx("SoftmaxCrossEntropyLoss", 12, crossEntropy),
];
