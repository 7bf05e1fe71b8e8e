import { atLeast } from "../../../items.ts";
import type { Lowering } from "../../build/lowering.ts";
import type { Value } from "../../build/value.ts";
import { broadcastTo } from "../../build/view.ts";

/** The position of the first largest score of each row of [rows, classes], among the classes that are present. */
export const topClass = (lowering: Lowering, scores: Value, present: Value | undefined): Value =>
  lowering.emit({
    dtype: "i64",
    shape: scores.shape.slice(0, 1),
    fold: {
      dims: scores.shape.slice(1),
      classes: ["f32", "int"],
      init: (s) => [s.f(0), s.i(-1)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const at = [...out, k];
        const [best, position] = [s.accumulator(0), s.accumulator(1)];
        const score = s.load(scores, at);
        const first = s.op("ilt", position, s.i(0));
        const better = s.op("ior", first, s.op("flt", best, score));
        const takes = present === undefined ? better : s.op("iand", better, s.load(present, at));
        return [s.select(takes, score, best), s.select(takes, s.affine(k), position)];
      },
    },
    finish: (s) => s.accumulator(1),
  });

/** The labels of classes given by position. */
export const labelled = (lowering: Lowering, positions: Value, labels: readonly number[]): Value => {
  if (labels.every((label, i) => label === i)) return positions;
  const table = lowering.constantOf("i64", [labels.length], labels);
  const view = broadcastTo(table, [...positions.shape, labels.length]);
  return lowering.emit({
    dtype: "i64",
    shape: positions.shape,
    finish: (s, out) =>
      s.load(view, [...out, 0], { gather: { dimension: positions.shape.length, by: positions, at: out } }),
  });
};
