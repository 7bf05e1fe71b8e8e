import { item } from "../../../items.ts";
import { LIMITS } from "../../../machine/limits.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import { isFloat, type Value } from "../../build/value.ts";
import { firstElement } from "../../build/view.ts";
import { storageOf } from "../../file/element-type.ts";
import { range } from "../common.ts";
import { picked } from "./movement.ts";

const pad = (node: NodeContext): Value => {
  const x = node.in(0);
  const rank = x.shape.length;
  const attribute = node.opset < 11;
  const mode = node.string("mode", "constant");
  const given = attribute ? (node.ints(node.opset < 2 ? "paddings" : "pads") ?? []) : node.staticInts(1, "the pads");
  const fill = attribute ? undefined : node.opt(2);
  const value = attribute ? node.float("value", 0) : 0;
  const chosen = node.opset >= 18 && node.opt(3) !== undefined ? node.staticInts(3, "the axes") : range(rank);
  const axes = chosen.map((axis) => node.axis(axis, rank));
  if (given.length !== 2 * axes.length)
    throw node.invalid(`${String(given.length)} pads for ${String(axes.length)} axes`);
  const pads = range(rank).map((): [number, number] => [0, 0]);
  axes.forEach((axis, i) => (pads[axis] = [item(given, i), item(given, i + axes.length)]));
  if (mode === "constant") return padded(node, x, pads, fill, value);
  return pads.reduce((current, [before, after], d) => {
    const size = item(x.shape, d);
    if (before === 0 && after === 0) return current;
    const positions = range(size + before + after).map((i) => padPosition(node, mode, i - before, size));
    return picked(node.lowering, current, d, positions);
  }, x);
};

const padPosition = (node: NodeContext, mode: string, i: number, size: number): number => {
  switch (mode) {
    case "edge":
      return Math.min(Math.max(i, 0), size - 1);
    case "wrap":
      return ((i % size) + size) % size;
    case "reflect": {
      if (size === 1) return 0;
      const period = 2 * (size - 1);
      const at = ((i % period) + period) % period;
      return at < size ? at : period - at;
    }
    default:
      throw node.refuse(`mode "${mode}"`, "mode");
  }
};

const padded = (
  node: NodeContext,
  x: Value,
  pads: readonly (readonly [number, number])[],
  fill: Value | undefined,
  value: number,
): Value => {
  const shape = x.shape.map((size, d) => size + item(pads, d)[0] + item(pads, d)[1]);
  if (shape.some((size) => size < 0)) throw node.invalid("the pads remove more than there is");
  const guarded = range(shape.length).filter((d) => item(pads, d).some((p) => p > 0));
  if (guarded.length > LIMITS.guards) throw node.refuse(`more than ${String(LIMITS.guards)} padded dimensions`);
  const constant = fill && node.lowering.elements(fill)?.[0];
  const dynamic = fill !== undefined && constant === undefined;
  return node.lowering.emit(
    {
      dtype: storageOf(x.element),
      shape,
      finish: (s, out) => {
        const at = out.map((index, d) => index.minus(item(pads, d)[0]));
        const inside = s.load(x, at, {
          guarded,
          fill: dynamic ? 0 : (constant ?? (isFloat(x) ? value : BigInt(value))),
        });
        if (!dynamic) return inside;
        const tests = guarded.map((d) => {
          const index = s.affine(item(at, d));
          return s.op("iand", s.op("ilt", s.i(-1), index), s.op("ilt", index, s.i(item(x.shape, d))));
        });
        const within = tests.reduce((all, test) => s.op("iand", all, test), s.i(1));
        return s.select(within, inside, s.load(firstElement(fill), []));
      },
    },
    x.element,
  );
};

/** Padding. */
export const PAD: readonly Operator[] = [onnx("Pad", 1, pad)];
