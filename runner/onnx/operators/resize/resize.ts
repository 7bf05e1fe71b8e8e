import { item } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { float, range } from "../common.ts";
import { picked } from "../tensor/movement.ts";
import { coordinate, nearest, type Resized } from "./resize-coordinates.ts";
import { antialiasedTaps, cubicTaps, linearTaps, type Taps } from "./resize-filters.ts";
import { alongAxis, atOnce, replaced } from "./resize-kernels.ts";

interface Interpolation {
  readonly mode: string;
  readonly nearestMode: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
}

interface Target {
  readonly axes: readonly number[];
  readonly sizes: readonly number[];
  readonly scales: readonly number[];
  /** Sizes before they are rounded down. */
  readonly lengths: readonly number[];
}

/** Output sizes and scales of the resized axes, from scales or sizes. */
const targetOf = (node: NodeContext, x: Value, scalesAt: number, sizesAt: number | undefined): Target => {
  const rank = x.shape.length;
  const axes = (node.ints("axes") ?? range(rank)).map((axis) => node.axis(axis, rank));
  const policy = node.string("keep_aspect_ratio_policy", "stretch");
  const given =
    node.opt(scalesAt) && node.in(scalesAt).shape[0] !== 0 ? node.staticFloats(scalesAt, "the scales") : undefined;
  if (given) {
    const lengths = axes.map((axis, i) => Math.fround(item(x.shape, axis) * item(given, i)));
    return { axes, scales: given, lengths, sizes: lengths.map(Math.floor) };
  }
  if (sizesAt === undefined || node.opt(sizesAt) === undefined)
    throw node.invalid("neither scales nor sizes are given");
  const wanted = node.staticInts(sizesAt, "the sizes");
  const ratios = axes.map((axis, i) => item(wanted, i) / item(x.shape, axis));
  if (policy === "stretch") return { axes, sizes: wanted, scales: ratios, lengths: wanted };
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  const sizes = axes.map((axis) => Math.floor(scale * item(x.shape, axis) + 0.5));
  return { axes, scales: axes.map(() => scale), sizes, lengths: sizes };
};

/** The axes that onnxruntime-web resizes together: the image's, whether they change or not; none where it has no kernel. */
const imageOf = (axes: readonly Resized[], how: Interpolation): readonly number[] => {
  const kept = (d: number): boolean => axes[d]?.scale === 1;
  switch (axes.length) {
    case 2:
      return [0, 1];
    case 3:
      return how.mode === "linear" ? [0, 1, 2] : [];
    case 4:
      if (kept(0) && kept(1)) return [2, 3];
      return kept(0) && kept(3) ? [1, 2] : [];
    case 5:
      return how.mode === "linear" && kept(0) && kept(1) ? [2, 3, 4] : [];
    default:
      return [];
  }
};

const placesOf = (node: NodeContext, axis: Resized): readonly number[] =>
  range(axis.out).map((o) => (axis.scale === 1 ? o : coordinate(node, axis, o)));

/** Linear and cubic interpolation in the order of onnxruntime-web's kernels. */
const interpolated = (
  node: NodeContext,
  x: Value,
  axes: readonly Resized[],
  how: Interpolation,
  fill: number,
): Value => {
  const { lowering } = node;
  const changed = range(axes.length).filter(
    (d) => item(axes, d).scale !== 1 || item(axes, d).out !== item(axes, d).size,
  );
  const image = imageOf(axes, how);
  const together = image.length > 0 ? image : changed;
  // Enlarging images with the channels last, its cubic kernel is the one that antialiases, which then changes nothing.
  const enlarged = image[0] === 1 && image.every((d) => item(axes, d).scale >= 1);
  const antialias = how.antialias || (how.mode === "cubic" && axes.length === 4 && enlarged);
  const tapsAlong = (d: number): readonly Taps[] => {
    const axis = item(axes, d);
    const { size, scale } = axis;
    const { excludeOutside } = how;
    const cubic = how.mode === "cubic" ? how.cubic : undefined;
    return placesOf(node, axis).map((place) => {
      if (antialias) return antialiasedTaps(place, { size, scale, cubic, excludeOutside });
      return cubic === undefined ? linearTaps(place, size) : cubicTaps(place, size, cubic, excludeOutside);
    });
  };
  // The cubic kernel divides the last axis' weights themselves, the other's products.
  const divided = (taps: readonly Taps[]): readonly Taps[] =>
    taps.map(({ positions, weights, divisor = 1 }) => ({
      positions,
      weights: weights.map((w) => Math.fround(w / divisor)),
    }));
  const joint = how.mode === "linear" && !antialias && image.length > 0;
  const mixed = joint
    ? atOnce(lowering, x, item(image, 0), image.map(tapsAlong))
    : [...together].reverse().reduce((value, d, i) => {
        if (antialias && item(axes, d).size === item(axes, d).out) return value;
        return alongAxis(lowering, value, d, i === 0 ? divided(tapsAlong(d)) : tapsAlong(d));
      }, x);
  return together.reduce((value, d) => {
    const axis = item(axes, d);
    if (axis.mode !== "tf_crop_and_resize") return value;
    const outside = placesOf(node, axis).map((place) => place < 0 || place > axis.size - 1);
    return replaced(lowering, value, d, outside, fill);
  }, mixed);
};

/** The nearest elements; int and float alike. */
const nearestOf = (node: NodeContext, x: Value, axes: readonly Resized[], how: Interpolation, fill: number): Value =>
  axes.reduce((value, axis, d) => {
    const { size, out, scale } = axis;
    const crop = axis.mode === "tf_crop_and_resize";
    const whole = axis.region[0] === 0 && axis.region[1] === 1;
    if (out === size && scale === 1 && (!crop || whole)) return value;
    const places = range(out).map((o) => coordinate(node, axis, o));
    const at = places.map((place) => Math.min(Math.max(nearest(node, how.nearestMode, place), 0), size - 1));
    const outside = places.map((place) => crop && (place < 0 || place > size - 1));
    return replaced(node.lowering, picked(node.lowering, value, d, at), d, outside, fill);
  }, x);

/** The region of an axis that is not cropped. */
const WHOLE = [0, 1] as const;

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
  const mode = node.string("coordinate_transformation_mode", modern ? "half_pixel" : "asymmetric");
  const extrapolation = node.float("extrapolation_value", 0);
  const target = targetOf(node, x, modern ? 2 : 1, modern ? 3 : undefined);
  const crop = mode === "tf_crop_and_resize";
  const roi = crop ? node.staticFloats(1, "the region") : [];
  const axes = x.shape.map((size, d): Resized => {
    const i = target.axes.indexOf(d);
    if (i < 0) return { mode, size, out: size, length: size, scale: 1, region: WHOLE };
    const region = crop ? ([item(roi, i), item(roi, i + target.axes.length)] as const) : WHOLE;
    const [out, length] = [item(target.sizes, i), item(target.lengths, i)];
    return { mode, size, out, length, scale: Math.fround(item(target.scales, i)), region };
  });
  if (axes.some(({ out }) => out < 1)) throw node.invalid("a size is below 1");
  if (how.mode === "nearest") return nearestOf(node, x, axes, how, extrapolation);
  float(node, x);
  if (axes.every(({ size, out }) => size === out)) return x;
  return interpolated(node, x, axes, how, extrapolation);
};

const upsample = (node: NodeContext): Value => {
  const x = node.in(0);
  const mode = node.string("mode", "nearest");
  if (mode !== "nearest") throw node.refuse(`mode "${mode}"`, "mode");
  const scales = node.opset < 9 ? (node.floats("scales") ?? []) : node.staticFloats(1, "the scales");
  return scales.reduce((current, scale, axis) => {
    const size = item(x.shape, axis);
    const positions = range(Math.floor(size * scale)).map((o) => Math.min(size - 1, Math.floor(o / scale)));
    return scale === 1 ? current : picked(node.lowering, current, axis, positions);
  }, x);
};

/** Resizing with constant positions and weights. */
export const RESIZE: readonly Operator[] = [onnx("Resize", 10, resize), onnx("Upsample", 7, upsample, 9)];
