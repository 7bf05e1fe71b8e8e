import { type NodeContext, onnx, type Operator } from "../node.ts";
import type { Value } from "../value.ts";
import { float, range } from "./common.ts";
import { picked } from "./movement.ts";

/** For each output position along an axis, the input positions that it mixes and with which weights. */
interface Taps {
  readonly positions: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
  /** Output positions that lie outside the input and become the extrapolation value. */
  readonly outside: readonly boolean[];
}

/** Where an output position lies in the input, in input positions. */
const coordinate = (
  node: NodeContext,
  mode: string,
  o: number,
  scale: number,
  size: number,
  out: number,
  roi: readonly [number, number],
): number => {
  // In f32 step by step, as ONNX Runtime: which neighbour is nearest may hang on the last bit.
  const f = Math.fround;
  const half = (): number => f(f(f(o + 0.5) / f(scale)) - 0.5);
  switch (mode) {
    case "half_pixel":
      return half();
    case "half_pixel_symmetric": {
      const adjustment = out / (scale * size);
      const centre = size / 2;
      return centre * (1 - adjustment) + half();
    }
    case "pytorch_half_pixel":
      return out > 1 ? half() : 0;
    case "align_corners":
      return out === 1 ? 0 : f(f(o * (size - 1)) / (out - 1));
    case "asymmetric":
      return f(o / f(scale));
    case "tf_half_pixel_for_nn":
      return f(f(o + 0.5) / f(scale));
    case "tf_crop_and_resize":
      if (out <= 1) return 0.5 * (roi[0] + roi[1]) * (size - 1);
      return roi[0] * (size - 1) + (o * (roi[1] - roi[0]) * (size - 1)) / (out - 1);
    default:
      throw node.refuse(`coordinate_transformation_mode "${mode}"`, "coordinate_transformation_mode");
  }
};

const nearest = (node: NodeContext, mode: string, x: number): number => {
  switch (mode) {
    case "round_prefer_floor":
      return Math.ceil(x - 0.5);
    case "round_prefer_ceil":
      return Math.floor(x + 0.5);
    case "floor":
      return Math.floor(x);
    case "ceil":
      return Math.ceil(x);
    default:
      throw node.refuse(`nearest_mode "${mode}"`, "nearest_mode");
  }
};

const cubicWeight = (d: number, a: number): number => {
  const x = Math.abs(d);
  if (x <= 1) return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
  return x < 2 ? a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a : 0;
};

interface Interpolation {
  readonly mode: string;
  readonly nearestMode: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
}

const tapsOf = (
  node: NodeContext,
  x: number,
  size: number,
  scale: number,
  how: Interpolation,
): [number[], number[]] => {
  const clampAt = (i: number): number => Math.min(Math.max(i, 0), size - 1);
  if (how.mode === "nearest") return [[clampAt(nearest(node, how.nearestMode, x))], [1]];
  // With antialiasing a reduction widens the filter.
  const stretch = how.antialias ? Math.min(scale, 1) : 1;
  const radius = (how.mode === "linear" ? 1 : 2) / stretch;
  const first = how.antialias ? Math.ceil(x - radius) : Math.floor(x) - (how.mode === "linear" ? 0 : 1);
  const last = how.antialias ? Math.floor(x + radius) : first + (how.mode === "linear" ? 1 : 3);
  const at = range(last - first + 1).map((i) => first + i);
  const weigh = (i: number): number => {
    const d = (i - x) * stretch;
    return how.mode === "linear" ? Math.max(0, 1 - Math.abs(d)) : cubicWeight(d, how.cubic);
  };
  let weights = at.map(weigh);
  if (how.excludeOutside) weights = weights.map((w, i) => ((at[i] ?? 0) < 0 || (at[i] ?? 0) >= size ? 0 : w));
  if (how.antialias || how.excludeOutside) {
    const total = weights.reduce((sum, w) => sum + w, 0);
    weights = weights.map((w) => w / total);
  }
  return [at.map(clampAt), weights];
};

/** One axis resized: positions and weights are constants, so each output is a short weighted sum. */
const resizeAxis = (node: NodeContext, x: Value, axis: number, taps: Taps, extrapolation: number): Value => {
  const count = Math.max(...taps.positions.map((row) => row.length));
  if (count > 12) throw node.refuse("a filter of more than 12 taps");
  const padded = (row: readonly number[]): number[] => range(count).map((i) => row[i] ?? 0);
  const parts = range(count).map((i) =>
    picked(
      node.b,
      x,
      axis,
      taps.positions.map((row) => padded(row)[i] ?? 0),
    ),
  );
  if (count === 1 && !taps.outside.includes(true)) return parts[0] as Value;
  const out = taps.positions.length;
  const columnOf = (values: readonly number[]): Value => ({
    ...node.b.constantOf("f32", [out], values),
    shape: x.shape.map((_, d) => (d === axis ? out : 1)),
    strides: x.shape.map((_, d) => (d === axis ? 1 : 0)),
  });
  const weights = range(count).map((i) => columnOf(taps.weights.map((row) => padded(row)[i] ?? 0)));
  const outside = taps.outside.includes(true) ? [columnOf(taps.outside.map((flag) => (flag ? 1 : 0)))] : [];
  const summed = node.b.map("f32", [parts[0] as Value, weights[0] as Value], (s, v, w) => s.op("fmul", v, w));
  const mixed = range(count - 1).reduce(
    (sum, i) =>
      node.b.map("f32", [sum, parts[i + 1] as Value, weights[i + 1] as Value], (s, a, v, w) =>
        s.op("fadd", a, s.op("fmul", v, w)),
      ),
    summed,
  );
  if (outside.length === 0) return mixed;
  return node.b.map("f32", [mixed, ...outside], (s, v, flag) =>
    s.select(s.op("feq", flag, s.f(0)), v, s.f(extrapolation)),
  );
};

interface Target {
  readonly axes: readonly number[];
  readonly sizes: readonly number[];
  readonly scales: readonly number[];
}

/** Output sizes and scales of the resized axes, from scales or sizes. */
const targetOf = (node: NodeContext, x: Value, scalesAt: number, sizesAt: number | undefined): Target => {
  const rank = x.shape.length;
  const axes = (node.ints("axes") ?? range(rank)).map((axis) => node.axis(axis, rank));
  const policy = node.string("keep_aspect_ratio_policy", "stretch");
  const given =
    node.opt(scalesAt) && node.in(scalesAt).shape[0] !== 0 ? node.staticFloats(scalesAt, "the scales") : undefined;
  if (given) {
    return { axes, scales: given, sizes: axes.map((axis, i) => Math.floor((x.shape[axis] ?? 1) * (given[i] ?? 1))) };
  }
  if (sizesAt === undefined || node.opt(sizesAt) === undefined)
    throw node.invalid("neither scales nor sizes are given");
  const wanted = node.staticInts(sizesAt, "the sizes");
  const ratios = axes.map((axis, i) => (wanted[i] ?? 1) / (x.shape[axis] ?? 1));
  if (policy === "stretch") return { axes, sizes: wanted, scales: ratios };
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return {
    axes,
    scales: axes.map(() => scale),
    sizes: axes.map((axis) => Math.floor(scale * (x.shape[axis] ?? 1) + 0.5)),
  };
};

const resize = (node: NodeContext): Value => {
  const modern = node.opset >= 11;
  const x = node.in(0);
  const how: Interpolation = {
    mode: node.string("mode", "nearest"),
    nearestMode: node.string("nearest_mode", modern ? "round_prefer_floor" : "floor"),
    cubic: node.float("cubic_coeff_a", -0.75),
    excludeOutside: node.int("exclude_outside", 0) === 1,
    antialias: node.int("antialias", 0) === 1,
  };
  if (!["nearest", "linear", "cubic"].includes(how.mode)) throw node.refuse(`mode "${how.mode}"`, "mode");
  const transformation = node.string("coordinate_transformation_mode", modern ? "half_pixel" : "asymmetric");
  const extrapolation = node.float("extrapolation_value", 0);
  const { axes, sizes, scales } = targetOf(node, x, modern ? 2 : 1, modern ? 3 : undefined);
  const crop = transformation === "tf_crop_and_resize";
  const roi = crop ? node.staticFloats(1, "the region") : [];
  return axes.reduce((current, axis, i) => {
    const size = x.shape[axis] ?? 1;
    const [out = size, scale = 1] = [sizes[i], scales[i]];
    const region: [number, number] = [roi[i] ?? 0, roi[i + axes.length] ?? 1];
    if (out === size && scale === 1 && (!crop || (region[0] === 0 && region[1] === 1))) return current;
    if (out < 1) throw node.invalid("a size is below 1");
    if (how.mode !== "nearest") float(node, x);
    const places = range(out).map((o) => coordinate(node, transformation, o, scale, size, out, region));
    const taps = places.map((place) => tapsOf(node, place, size, scale, how));
    const outside = places.map((place) => crop && (place < 0 || place > size - 1));
    return resizeAxis(
      node,
      current,
      axis,
      { positions: taps.map(([at]) => at), weights: taps.map(([, weights]) => weights), outside },
      extrapolation,
    );
  }, x);
};

const upsample = (node: NodeContext): Value => {
  const x = node.in(0);
  const mode = node.string("mode", "nearest");
  if (mode !== "nearest") throw node.refuse(`mode "${mode}"`, "mode");
  const scales = node.opset < 9 ? (node.floats("scales") ?? []) : node.staticFloats(1, "the scales");
  return scales.reduce((current, scale, axis) => {
    const size = x.shape[axis] ?? 1;
    const positions = range(Math.floor(size * scale)).map((o) => Math.min(size - 1, Math.floor(o / scale)));
    return scale === 1 ? current : picked(node.b, current, axis, positions);
  }, x);
};

/** Resizing with constant positions and weights. */
export const RESIZE: readonly Operator[] = [onnx("Resize", 10, resize), onnx("Upsample", 7, upsample, 9)];
