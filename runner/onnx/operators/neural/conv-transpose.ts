import { atLeast, item, lastItem } from "../../../items.ts";
import { LIMITS } from "../../../machine/limits.ts";
import { type Index } from "../../build/affine.ts";
import type { KernelStage, ReadOptions } from "../../build/kernels.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { sliced } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import { contiguousAlong, dot, gemmBlock } from "../../sums/dot.ts";
import { float, range } from "../common.ts";
import { type Axis, axisOf, extents, positions } from "./transposed-windows.ts";

/*
 * ConvTranspose as onnxruntime-web computes it: the products of all filters with all inputs (a product of matrices), of
 * which each output adds those that meet in it in the order of the window, and the bias last.
 */

const convTranspose = (node: NodeContext): Value => {
  const [x, w, bias] = [float(node, node.in(0)), float(node, node.in(1)), node.opt(2)];
  const [n, , ...sizes] = atLeast(x.shape, 2);
  const [, perGroup, ...kernel] = atLeast(w.shape, 2);
  const groups = node.int("group", 1);
  const given = node.ints("kernel_shape");
  if (given && given.join() !== kernel.join())
    throw node.invalid("kernel_shape differs from the weights", "kernel_shape");
  const strides = node.ints("strides") ?? sizes.map(() => 1);
  const dilations = node.ints("dilations") ?? sizes.map(() => 1);
  const { before, out } = extents(node, sizes, kernel, strides, dilations);
  const axes = sizes.map((size, d) =>
    axisOf(size, item(kernel, d), item(strides, d), item(dilations, d), item(before, d), item(out, d)),
  );
  const terms = termsOf(node, x, w, groups, axes);
  const value = node.lowering.emit({
    dtype: "f32",
    shape: [n, groups, perGroup, ...axes.flatMap(({ quotients, phases }) => [quotients, phases])],
    fold: {
      dims: axes.map(({ taps }) => taps),
      classes: ["f32"],
      init: (s) => [s.f(0)],
      step: (s, out, taps) => {
        const [image, group, member, ...places] = atLeast(out, 3);
        const inputs = axes.map((axis, d) => axis.input(item(places, 2 * d), item(taps, d)));
        const spread = axes.map((axis, d) => axis.spread(item(places, 2 * d + 1), item(taps, d)));
        return [s.op("fadd", s.accumulator(), terms(s, [image, group, member], inputs, spread))];
      },
    },
    finish: (s, out) => {
      const [, group, member] = atLeast(out, 3);
      if (bias === undefined) return s.accumulator();
      return s.op("fadd", s.accumulator(), s.load(bias, [group.times(perGroup).plus(member)]));
    },
  });
  const [sn, sg, sm, ...rest] = atLeast(value.strides, 3);
  const joined: Value = {
    ...value,
    shape: [n, groups * perGroup, ...axes.map(({ quotients, phases }) => quotients * phases)],
    strides: [sn, perGroup > 1 ? sm : sg, ...axes.map((_, d) => item(rest, 2 * d + 1))],
  };
  return axes.reduce((all, { skipped, out: wanted }, d) => sliced(all, d + 2, skipped, wanted), joined);
};

/** What an output adds: the term of an image, group and member at an input and a window position, 0 outside. */
type Terms = (
  s: KernelStage,
  place: readonly [image: Index, group: Index, member: Index],
  inputs: readonly Index[],
  spread: readonly Index[],
) => Ref;

const termsOf = (node: NodeContext, x: Value, w: Value, groups: number, axes: readonly Axis[]): Terms => {
  const [n, channels, ...sizes] = atLeast(x.shape, 2);
  const [, perGroup, ...kernel] = atLeast(w.shape, 2);
  const inGroup = channels / groups;
  const spatial = range(axes.length);
  const overhanging = spatial.filter((d) => item(axes, d).reach > item(kernel, d));
  const leaving = spatial.filter((d) => axes[d]?.leaves);
  const dilated = axes.some(({ positionOf, phases }) => phases > 1 && positionOf(1) !== 1);
  const tabled = dilated || overhanging.length + leaving.length > LIMITS.guards;
  const table = tabled ? positions(node, axes, kernel) : undefined;
  /** The element of a value whose dimensions from `at` on are the window's. */
  const inWindow = (
    s: KernelStage,
    value: Value,
    lead: readonly Index[],
    spread: readonly Index[],
    guarded: readonly number[],
  ): Ref => {
    const at = lead.length;
    if (table === undefined) {
      return s.load(value, [...lead, ...spread], { guarded: [...guarded, ...overhanging.map((d) => d + at)] });
    }
    const flat = {
      ...value,
      shape: [...value.shape.slice(0, at), elementCount(kernel)],
      strides: [...value.strides.slice(0, at), lastItem(value.strides)],
    };
    const options: ReadOptions = { guarded, gather: { dimension: at, by: table, at: spread } };
    return s.load(flat, [...lead, 0], options);
  };
  if (inGroup === 1) {
    // With one channel in the group there is no sum, so no kernel of products is needed.
    const filters = node.lowering.arranged(w);
    return (s, [image, group, member], inputs, spread) => {
      const v = s.load(x, [image, group, ...inputs], { guarded: leaving.map((d) => d + 2) });
      return s.op("fmul", v, inWindow(s, filters, [group, member], spread, []));
    };
  }
  const [input, filters] = [contiguousAlong(node.lowering, x, 1), contiguousAlong(node.lowering, w, 0)];
  // onnxruntime-web transposes filters of the file before the run, unless there is one filter of one position.
  const packed = node.lowering.initializers.has(w) && perGroup * elementCount(kernel) > 1;
  const products = dot(node.lowering, {
    dtype: "f32",
    shape: [n, groups, perGroup, ...sizes, ...kernel],
    class: "f32",
    length: inGroup,
    block: gemmBlock(elementCount(sizes), inGroup, !packed),
    left: (s, out, k) => {
      const [image, group, , ...at] = atLeast(out, 3);
      return s.load(input, [image, group.times(inGroup).plus(k), ...at.slice(0, sizes.length)]);
    },
    right: (s, out, k) => {
      const [, group, member, ...at] = atLeast(out, 3);
      return s.load(filters, [group.times(inGroup).plus(k), member, ...at.slice(sizes.length)]);
    },
    finish: (_s, _out, sum) => sum,
  });
  return (s, place, inputs, spread) =>
    inWindow(
      s,
      products,
      [...place, ...inputs],
      spread,
      leaving.map((d) => d + 3),
    );
};

/** The transpose of convolution. */
export const CONV_TRANSPOSE: readonly Operator[] = [onnx("ConvTranspose", 1, convTranspose)];
