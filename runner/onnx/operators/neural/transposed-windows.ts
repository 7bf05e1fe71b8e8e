import { item } from "../../../items.ts";
import type { Index } from "../../build/affine.ts";
import type { NodeContext } from "../../build/node.ts";
import { rowMajor, type Value } from "../../build/value.ts";
import { range } from "../common.ts";

/*
 * Which inputs and window positions meet in an output of ConvTranspose. Along an axis of stride s, output o adds input i
 * and window position k (of dilation 1) with i s + k = o + pad. With o + pad = q s + r, 0 <= r < s, these are i = q - j
 * and k = r + j s: affine in q, r and j. So outputs are computed as (q, r) and seen as o, and the sum runs over j.
 */

/** One axis of the outputs as (quotient, phase) and of the sum. */
export interface Axis {
  readonly quotients: number;
  readonly phases: number;
  readonly taps: number;
  /** Outputs of (quotient, phase) before the first that is wanted, and how many are wanted. */
  readonly skipped: number;
  readonly out: number;
  readonly input: (quotient: Index, tap: Index) => Index;
  /** Position in the window, its holes between dilated positions counted. */
  readonly spread: (phase: Index, tap: Index) => Index;
  /** How many of those positions occur, and which position of the filter each is, if any. */
  readonly reach: number;
  readonly positionOf: (spread: number) => number | undefined;
  /** Whether the input index may lie outside. */
  readonly leaves: boolean;
}

/** The axis of `size` inputs and `out` outputs, of which `before` more are cut off at the start. */
export const axisOf = (
  size: number,
  window: number,
  stride: number,
  dilation: number,
  before: number,
  out: number,
): Axis => {
  const step = stride === 1 ? dilation : 1;
  const holes = stride === 1 ? 1 : dilation;
  const first = Math.floor(before / stride);
  const quotients = Math.floor((before + out - 1) / stride) - first + 1;
  const taps = Math.ceil(((window - 1) * holes + 1) / stride);
  const reach = stride * taps;
  return {
    quotients,
    phases: stride,
    taps,
    skipped: before - first * stride,
    out,
    input: (quotient, tap) => quotient.plus(first).minus(tap.times(step)),
    spread: (phase, tap) => phase.plus(tap.times(stride)),
    reach,
    positionOf: (at) => (at % holes === 0 && at / holes < window ? at / holes : undefined),
    leaves: first - (taps - 1) * step < 0 || first + quotients > size,
  };
};

/** The position in the filter of every position in the dilated window, -1 where there is none. */
export const positions = (node: NodeContext, axes: readonly Axis[], kernel: readonly number[]): Value => {
  const strides = rowMajor(kernel);
  const all = axes.reduce<readonly (readonly (number | undefined)[])[]>(
    (rows, { reach, positionOf }) => rows.flatMap((row) => range(reach).map((at) => [...row, positionOf(at)])),
    [[]],
  );
  const flat = all.map((row) =>
    row.reduce<number>((sum, at, d) => (sum < 0 || at === undefined ? -1 : sum + at * item(strides, d)), 0),
  );
  return node.lowering.constantOf(
    "i32",
    axes.map(({ reach }) => reach),
    flat,
  );
};

/** What is cut off before the outputs, and how many there are, along each axis. */
export const extents = (
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
    const [s, k, dilation, e] = [item(strides, d), item(kernel, d), item(dilations, d), item(extra, d)];
    const full = (size - 1) * s + e + (k - 1) * dilation + 1;
    const same = auto === "SAME_UPPER" || auto === "SAME_LOWER";
    const target = wanted === undefined ? (same ? size * s : undefined) : item(wanted.slice(-sizes.length), d);
    if (target === undefined) {
      const [p, q] = auto === "VALID" ? [0, 0] : [item(pads, d), item(pads, d + sizes.length)];
      before.push(p);
      return full - p - q;
    }
    const total = Math.max(0, full - target);
    before.push(auto === "SAME_UPPER" ? Math.floor(total / 2) : Math.ceil(total / 2));
    return target;
  });
  if (out.some((n) => n < 1)) throw node.invalid("the output would be empty");
  return { before, out };
};
