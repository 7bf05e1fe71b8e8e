import { atLeast, item, lastItem } from "../../../items.ts";
import type { DType } from "../../../machine/dtype.ts";
import { asIndex, type Index } from "../../build/affine.ts";
import type { KernelStage } from "../../build/kernels.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import { rowMajor, type Value } from "../../build/value.ts";
import { elementCount, storageOf } from "../../file/element-type.ts";
import { dotInOrder, dotInRuns, type RowSpec } from "../../sums/dot-of-row.ts";
import { contiguousAlong, dot, type DotSpec, gemmBlock } from "../../sums/dot.ts";
import { rowOf } from "../arithmetic/linear.ts";
import { float, isFloatType, range } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";
import { channelsLast, leavingDimensions, windowIndices, windowsOf, type Windows } from "./windows.ts";

/** A convolution's operands: activations N C …, weights O C/g …. */
export interface ConvSpec {
  readonly x: Value;
  readonly w: Value;
  readonly groups: number;
  readonly windows: Windows;
  readonly dtype: DType;
  /** What stands outside the input. */
  readonly fill?: number;
  readonly finish: (stage: KernelStage, out: readonly Index[], sum: Ref) => Ref;
}

export const convSpec = (node: NodeContext, x: Value, w: Value): Pick<ConvSpec, "x" | "w" | "groups" | "windows"> => {
  const rank = x.shape.length;
  const groups = node.int("group", 1);
  const [, channels] = atLeast(x.shape, 2);
  const [outputs, perGroup] = atLeast(w.shape, 2);
  if (rank < 3 || w.shape.length !== rank) throw node.invalid("input and weights need the same rank, at least 3");
  if (groups < 1 || perGroup * groups !== channels || outputs % groups !== 0) {
    throw node.invalid(`${String(channels)} channels, ${String(groups)} groups and weights of ${String(perGroup)}`);
  }
  return { x, w, groups, windows: windowsOf(node, x.shape.slice(2), w.shape.slice(2)) };
};

/** Sums shorter than this read the input in place: a copy of the windows would not pay. */
const SHORT_SUM = 32;

/**
 * The kernels of a convolution. Its sum runs over channels, then the window, as the GEMM behind onnxruntime-web's
 * convolution does; a pointwise one reads channels-last activations in place, others a matrix of windows, so that
 * both factors are contiguous. Integer sums have no order and run over the window, then channels, in place.
 */
export const convolution = (node: NodeContext, spec: ConvSpec): Value => {
  const { x, w, groups, windows } = spec;
  const [n] = atLeast(x.shape, 1);
  const [outputs, perGroup] = atLeast(w.shape, 2);
  const length = perGroup * elementCount(windows.kernel);
  const isFloat = isFloatType(x.element);
  const leaving = leavingDimensions(x, windows);
  const pointwise = elementCount(windows.kernel) === 1 && leaving.length === 0;
  const members = outputs / groups;
  if (!pointwise && !(isFloat && (length > SHORT_SUM || members === 1))) return inPlace(node, spec, leaving);
  // Loop over image, group, output channel of the group, position; in memory the channels are innermost.
  const shape = [n, groups, members, ...windows.out];
  const last = shape.length;
  const order = [0, ...range(last).slice(3), 1, 2];
  const input = pointwise ? contiguousAlong(node.lowering, x, 1) : undefined;
  const columns = pointwise ? undefined : windowMatrix(node, spec, leaving);
  const weights = reshaped(node.lowering, node.lowering.arranged(w), [groups, members, length]);
  const dotSpec: Omit<DotSpec, "block"> = {
    dtype: spec.dtype,
    shape,
    order,
    class: isFloat ? "f32" : "int",
    length,
    left: (s, out, k) => {
      const [image, group, , ...positions] = atLeast(out, 3);
      const at = group.times(length).plus(k);
      if (input) return s.load(input, [image, at, ...windowIndices(windows, positions, [])]);
      return s.load(columns ?? x, [image, ...positions, at]);
    },
    right: (s, out, k) => {
      const [, group, member] = atLeast(out, 3);
      return s.load(weights, [group, member, k]);
    },
    finish: (s, out, sum) => {
      const [image, group, member, ...positions] = atLeast(out, 3);
      return spec.finish(s, [image, group.times(members).plus(member), ...positions], sum);
    },
  };
  const places = elementCount(windows.out);
  if (isFloat && members === 1 && length > 2) return mergedChannels(filterDot(node, dotSpec, places));
  return mergedChannels(dot(node.lowering, { ...dotSpec, block: isFloat ? gemmBlock(places, length) : length }));
};

const zero = asIndex(0);

/** One filter a group: the GEMM is a row by a matrix, whose last columns (of all positions in a row) sum in runs. */
const filterDot = (node: NodeContext, spec: Omit<DotSpec, "block">, places: number): Value => {
  const row = rowOf(spec);
  return places % 4 === 0 ? dotInOrder(node.lowering, row) : lastPlaces(node, row, places);
};

const lastPlaces = (node: NodeContext, spec: RowSpec, places: number): Value => {
  const straight = dotInOrder(node.lowering, spec);
  const runs = dotInRuns(node.lowering, spec);
  const strides = rowMajor(spec.shape.slice(3));
  const whole = places - (places % 4);
  return node.lowering.emit({
    dtype: "f32",
    shape: spec.shape,
    ...(spec.order && { order: spec.order }),
    finish: (s, out) => {
      const place = out.slice(3).reduce((sum, index, d) => sum.plus(index.times(item(strides, d))), zero);
      return s.select(s.op("ilt", s.affine(place), s.i(whole)), s.load(straight, out), s.load(runs, out));
    },
  });
};

/** Every window of the input as a row: [N, positions…, channels * window]. */
const windowMatrix = (node: NodeContext, spec: ConvSpec, leaving: readonly number[]): Value => {
  const { x, windows } = spec;
  const [n, channels] = atLeast(x.shape, 2);
  const spatial = windows.out.length;
  const columns = node.lowering.emit({
    dtype: storageOf(x.element),
    shape: [n, ...windows.out, channels, ...windows.kernel],
    finish: (s, out) => {
      const positions = out.slice(1, 1 + spatial);
      const inside = out.slice(2 + spatial);
      const at = [item(out, 0), item(out, 1 + spatial), ...windowIndices(windows, positions, inside)];
      return s.load(x, at, { guarded: leaving, fill: spec.fill ?? 0 });
    },
  });
  return reshaped(node.lowering, columns, [n, ...windows.out, channels * elementCount(windows.kernel)]);
};

/** Reads the input where it lies, window by window. */
const inPlace = (node: NodeContext, spec: ConvSpec, leaving: readonly number[]): Value => {
  const { groups } = spec;
  const { x, windows } = spec;
  const [outputs, perGroup] = atLeast(spec.w.shape, 2);
  const isFloat = isFloatType(x.element);
  const rank = x.shape.length;
  const input = perGroup > 1 && !isFloat ? contiguousAlong(node.lowering, x, 1) : x;
  const weights = perGroup > 1 && !isFloat ? node.lowering.arranged(spec.w, channelsLast(rank)) : spec.w;
  const perOutput = outputs / groups;
  // Output channels as (group, member): the group chooses the input channels.
  const loop = [item(x.shape, 0), groups, perOutput, ...windows.out];
  const loopOrder = [0, ...range(rank + 1).slice(3), 1, 2];
  const dims = isFloat ? [perGroup, ...windows.kernel] : [...windows.kernel, perGroup];
  const cls = isFloat ? ("f32" as const) : ("int" as const);
  const value = node.lowering.emit({
    dtype: spec.dtype,
    shape: loop,
    order: loopOrder,
    fold: {
      dims,
      classes: [cls],
      init: (s) => [isFloat ? s.f(0) : s.i(0)],
      step: (s, out, red) => {
        const channel = isFloat ? item(red, 0) : lastItem(red);
        const inside = isFloat ? red.slice(1) : red.slice(0, -1);
        const [batch, group, member, ...positions] = atLeast(out, 3);
        const inputChannel = group.times(perGroup).plus(channel);
        const at = [batch, inputChannel, ...windowIndices(windows, positions, inside)];
        const a = s.load(input, at, { guarded: leaving, fill: spec.fill ?? 0 });
        const output = group.times(perOutput).plus(member);
        const c = s.load(weights, [output, channel, ...inside]);
        return isFloat
          ? [s.op("fadd", s.accumulator(), s.op("fmul", a, c))]
          : [s.op("iadd", s.accumulator(), s.op("imul", a, c))];
      },
    },
    finish: (s, out) => {
      const [batch, group, member, ...positions] = atLeast(out, 3);
      const output = group.times(perOutput).plus(member);
      return spec.finish(s, [batch, output, ...positions], s.accumulator());
    },
  });
  return mergedChannels(value);
};

/** [N, G, O/G, …] seen as [N, O, …]. */
const mergedChannels = (value: Value): Value => {
  const [n, groups, perOutput, ...sizes] = atLeast(value.shape, 3);
  const [sn, , so, ...strides] = atLeast(value.strides, 3);
  const stride = perOutput > 1 ? so : item(value.strides, 1);
  return { ...value, shape: [n, groups * perOutput, ...sizes], strides: [sn, stride, ...strides] };
};

/** A convolution of floats, with a bias for each output channel. */
export const conv = (node: NodeContext): Value => {
  const [x, w, bias] = [float(node, node.in(0)), float(node, node.in(1)), node.opt(2)];
  return convolution(node, {
    ...convSpec(node, x, w),
    dtype: "f32",
    finish: (s, out, sum) => (bias === undefined ? sum : s.op("fadd", sum, s.load(bias, [item(out, 1)]))),
  });
};

/** Convolutions of floats. */
export const CONV: readonly Operator[] = [onnx("Conv", 1, conv)];
