import { asIndex } from "../affine.ts";
import { type NodeContext, onnx, type Operator } from "../node.ts";
import type { Value } from "../value.ts";
import { float, range } from "./common.ts";

/**
 * ConvTranspose as a gather: output position o takes input i and window position k with i * stride + k * dilation =
 * o + pad. The fold runs over channels and the window; i is an index table with -1 where stride does not divide.
 */
const convTranspose = (node: NodeContext): Value => {
  const [x, w, bias] = [float(node, node.in(0)), float(node, node.in(1)), node.opt(2)];
  const [n = 1, channels = 1, ...sizes] = x.shape;
  const [, perGroup = 1, ...kernel] = w.shape;
  const groups = node.int("group", 1);
  const given = node.ints("kernel_shape");
  if (given && given.join() !== kernel.join())
    throw node.invalid("kernel_shape differs from the weights", "kernel_shape");
  const strides = node.ints("strides") ?? sizes.map(() => 1);
  const dilations = node.ints("dilations") ?? sizes.map(() => 1);
  const { before, out } = extents(node, sizes, kernel, strides, dilations);
  const inGroup = channels / groups;
  // The inputs spread by their strides, one axis at a time: zeros stand between neighbours.
  const spread = sizes.reduce((value, size, d) => spreadAxis(node, value, d + 2, size, strides[d] ?? 1), x);
  const dims = [inGroup, ...kernel];
  const value = node.b.emit({
    dtype: "f32",
    shape: [n, groups, perGroup, ...out],
    fold: {
      dims,
      classes: ["f32"],
      init: (s) => [s.f(0)],
      step: (s, [image, group, member, ...places], [channel, ...inside]) => {
        const source = (group ?? asIndex(0)).times(inGroup).plus(channel ?? 0);
        const at = places.map((place, d) => {
          const k = (inside[d] ?? asIndex(0)).times(dilations[d] ?? 1);
          return place.plus(before[d] ?? 0).minus(k);
        });
        const v = s.load(spread, [image ?? 0, source, ...at], { guarded: range(sizes.length).map((d) => d + 2) });
        const c = s.load(w, [source, member ?? 0, ...inside]);
        return [s.op("fadd", s.accumulator(), s.op("fmul", v, c))];
      },
    },
    finish: (s, [, group, member]) => {
      if (bias === undefined) return s.accumulator();
      const channel = (group ?? asIndex(0)).times(perGroup).plus(member ?? 0);
      return s.op("fadd", s.accumulator(), s.load(bias, [channel]));
    },
  });
  const [sn = 0, sg = 0, sm = 0, ...rest] = value.strides;
  return { ...value, shape: [n, groups * perGroup, ...out], strides: [sn, perGroup > 1 ? sm : sg, ...rest] };
};

const spreadAxis = (node: NodeContext, value: Value, axis: number, size: number, stride: number): Value => {
  if (stride === 1) return value;
  const length = (size - 1) * stride + 1;
  const table = node.b.constantOf(
    "i32",
    [length],
    range(length).map((i) => (i % stride === 0 ? i / stride : -1)),
  );
  return node.b.emit({
    dtype: "f32",
    shape: value.shape.map((n, d) => (d === axis ? length : n)),
    finish: (s, out) => s.load(value, out, { gather: { dimension: axis, by: table, at: [out[axis] ?? 0] } }),
  });
};

const extents = (
  node: NodeContext,
  sizes: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): { readonly before: readonly number[]; readonly out: readonly number[] } => {
  const extra = node.ints("output_padding") ?? sizes.map(() => 0);
  const wanted = node.ints("output_shape");
  const auto = node.string("auto_pad", "NOTSET");
  const pads = node.ints("pads") ?? range(2 * sizes.length).map(() => 0);
  const before: number[] = [];
  const out = sizes.map((size, d) => {
    const [s = 1, k = 1, dilation = 1, e = 0] = [strides[d], kernel[d], dilations[d], extra[d]];
    const full = (size - 1) * s + e + (k - 1) * dilation + 1;
    const same = auto === "SAME_UPPER" || auto === "SAME_LOWER";
    const target = wanted?.slice(-sizes.length)[d] ?? (same ? size * s : undefined);
    if (target === undefined) {
      const [p = 0, q = 0] = auto === "VALID" ? [0, 0] : [pads[d], pads[d + sizes.length]];
      before.push(p);
      return full - p - q;
    }
    const total = Math.max(0, full - target);
    before.push(auto === "SAME_UPPER" || !same ? Math.floor(total / 2) : total - Math.floor(total / 2));
    return target;
  });
  if (out.some((n) => n < 1)) throw node.invalid("the output would be empty");
  return { before, out };
};

/** The transpose of convolution. */
export const CONV_TRANSPOSE: readonly Operator[] = [onnx("ConvTranspose", 1, convTranspose)];
