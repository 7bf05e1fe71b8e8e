import { atLeast, item } from "../../../items.ts";
import type { Index } from "../../build/affine.ts";
import type { KernelStage } from "../../build/kernels.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { elementCount } from "../../file/element-type.ts";
import { arithmetic } from "../../functions/index.ts";
import { float, range } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";

/* GridSample and AffineGrid. */

interface Grid {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly padding: string;
  readonly aligned: boolean;
}

/** The coordinate of a grid's entry in [-1, 1] as one in elements of an axis. */
const denormalized = (s: KernelStage, g: Ref, size: number, aligned: boolean): Ref => {
  const { f, add, sub, mul, div } = arithmetic(s);
  if (aligned) return mul(div(add(g, f(1)), f(2)), f(size - 1));
  return div(sub(mul(add(g, f(1)), f(size)), f(1)), f(2));
};

/** A coordinate folded back at both ends as often as it takes. */
const reflected = (s: KernelStage, x: Ref, low: number, high: number): Ref => {
  const span = s.f(high - low);
  const folded = (distance: Ref, near: number, far: number, sign: 1 | -1): Ref => {
    const times = s.op("ftrunc", s.op("fdiv", distance, span));
    const rest = s.op("fsub", distance, s.op("fmul", times, span));
    const odd = s.op("iand", s.op("f2i", times), s.i(1));
    const [plus, minus] = sign === 1 ? (["fadd", "fsub"] as const) : (["fsub", "fadd"] as const);
    return s.select(odd, s.op(minus, s.f(far), rest), s.op(plus, s.f(near), rest));
  };
  const below = folded(s.op("fsub", s.f(low), x), low, high, 1);
  const above = folded(s.op("fsub", x, s.f(high)), high, low, -1);
  return s.select(s.op("flt", x, s.f(low)), below, s.select(s.op("flt", s.f(high), x), above, x));
};

/** A coordinate outside an axis brought inside, as the padding says; zeros leave it where it is. */
const brought = (s: KernelStage, x: Ref, size: number, { padding, aligned }: Grid): Ref => {
  if (padding === "border") return s.op("fmin", s.op("fmax", x, s.f(0)), s.f(size - 1));
  if (padding !== "reflection") return x;
  if (aligned && size === 1) return s.f(0);
  return reflected(s, x, aligned ? 0 : -0.5, aligned ? size - 1 : size - 0.5);
};

/** The coordinate at which an axis is sampled. */
const coordinate = (s: KernelStage, g: Ref, size: number, grid: Grid): Ref => {
  const x = denormalized(s, g, size, grid.aligned);
  const at = grid.mode === "nearest" ? s.op("frint", x) : x;
  if (grid.padding !== "reflection" && grid.mode !== "nearest") return at;
  // Up to half an element beyond the outermost ones, unless they are aligned, a coordinate stays.
  const edge = grid.aligned ? 0 : 0.5;
  const outside = s.op("ior", s.op("flt", at, s.f(-edge)), s.op("flt", s.f(size - 1 + edge), at));
  return s.select(outside, brought(s, at, size, grid), at);
};

/** Weight of a tap of the cubic filter, whose parameter is -0.75, at a distance of t from the tap before it. */
const cubicWeight = (s: KernelStage, t: Ref, tap: number): Ref => {
  const a = -0.75;
  const { f, add, sub, mul } = arithmetic(s);
  const outer = (d: Ref): Ref => sub(mul(add(mul(sub(mul(f(a), d), f(5 * a)), d), f(8 * a)), d), f(4 * a));
  const inner = (d: Ref): Ref => add(mul(mul(sub(mul(f(a + 2), d), f(a + 3)), d), d), f(1));
  if (tap === 0) return outer(add(t, f(1)));
  if (tap === 1) return inner(t);
  return tap === 2 ? inner(sub(f(1), t)) : outer(sub(f(2), t));
};

const TAPS = { nearest: 1, linear: 2, cubic: 4 } as const;

const gridOf = (node: NodeContext): Grid => {
  const mode = node.string("mode", node.opset < 20 ? "bilinear" : "linear").replace(/^bi/, "");
  if (mode !== "nearest" && mode !== "linear" && mode !== "cubic") throw node.refuse(`mode "${mode}"`, "mode");
  const padding = node.string("padding_mode", "zeros");
  if (!["zeros", "border", "reflection"].includes(padding))
    throw node.refuse(`padding_mode "${padding}"`, "padding_mode");
  if (mode === "cubic" && padding !== "zeros") {
    throw node.refuse(
      `cubic with padding_mode "${padding}", where ONNX and ONNX Runtime take other coordinates`,
      "mode",
    );
  }
  return { mode, padding, aligned: node.int("align_corners", 0) === 1 };
};

/** Samples of [N, C, sizes...] at the coordinates of [N, places..., axes], the last axis of the sizes first. */
const gridSample = (node: NodeContext): Value => {
  const [x, grid] = [float(node, node.in(0)), float(node, node.in(1))];
  const options = gridOf(node);
  const sizes = x.shape.slice(2);
  const axes = sizes.length;
  if (axes < 2 || axes > 3 || grid.shape.length !== axes + 2 || grid.shape.at(-1) !== axes)
    throw node.invalid("the grid does not go with the input");
  if (options.mode === "cubic" && axes !== 2) throw node.refuse("cubic in more than two dimensions", "mode");
  const [batch, channels] = atLeast(x.shape, 2);
  const places = elementCount(grid.shape.slice(1, -1));
  const points = reshaped(node.lowering, grid, [batch, places, axes]);
  const source = reshaped(node.lowering, x, [batch, channels, elementCount(sizes)]);
  const taps = TAPS[options.mode];
  /** The coordinate along axis d at a place. */
  const along = (s: KernelStage, n: Index, place: Index, d: number): Ref =>
    coordinate(s, s.load(points, [n, place, axes - 1 - d]), item(sizes, d), options);
  /** Which element of the axis the tap reads, -1 for none. */
  const tapIndex = (d: number): Value =>
    node.lowering.emit({
      dtype: "i64",
      shape: [batch, places, taps],
      finish: (s, out) => {
        const [n, place, tap] = atLeast(out, 3);
        const c = along(s, n, place, d);
        const first = taps === 1 ? c : s.op("ffloor", c);
        const at = s.op("fadd", first, s.op("i2f", s.affine(taps === 4 ? tap.minus(1) : tap)));
        const size = item(sizes, d);
        const inside = s.op("f2i", brought(s, at, size, options));
        return s.select(s.op("ult", inside, s.i(size)), inside, s.i(-1));
      },
    });
  const indices = range(axes).map(tapIndex);
  const combinations = range(axes).map(() => taps);
  /** Offsets of all combinations of taps. */
  const offsets = node.lowering.emit({
    dtype: "i64",
    shape: [batch, places, ...combinations],
    finish: (s, out) => {
      const [n, place, ...tap] = atLeast(out, 2);
      let [offset, outside]: [Ref, Ref] = [s.i(0), s.i(0)];
      indices.forEach((index, d) => {
        const i = s.load(index, [n, place, item(tap, d)]);
        offset = s.op("iadd", s.op("imul", offset, s.i(item(sizes, d))), i);
        outside = s.op("ior", outside, s.op("ilt", i, s.i(0)));
      });
      return s.select(outside, s.i(-1), offset);
    },
  });
  const read = (s: KernelStage, n: Index, c: Index, place: Index, tap: readonly (Index | number)[]): Ref =>
    s.load(source, [n, c, 0], { gather: { dimension: 2, by: offsets, at: [n, place, ...tap] } });
  const shape = [batch, channels, ...grid.shape.slice(1, -1)];
  if (taps === 1) {
    const nearest = node.lowering.emit({
      dtype: "f32",
      shape: [batch, channels, places],
      finish: (s, out) => {
        const [n, c, place] = atLeast(out, 3);
        return read(
          s,
          n,
          c,
          place,
          combinations.map(() => 0),
        );
      },
    });
    return reshaped(node.lowering, nearest, shape);
  }
  /** Weights of the taps of an axis. */
  const weights = range(axes).map((d) =>
    node.lowering.emit({
      dtype: "f32",
      shape: [batch, places, taps],
      finish: (s, out) => {
        const [n, place, tap] = atLeast(out, 3);
        const c = along(s, n, place, d);
        // The distance is taken from the first tap, and rounded there.
        const first = s.op("ffloor", c);
        const t =
          taps === 2 ? s.op("fsub", c, first) : s.op("fsub", s.op("fsub", c, s.op("fsub", first, s.f(1))), s.f(1));
        const each =
          taps === 2
            ? [s.op("fsub", s.op("fadd", s.op("ffloor", c), s.f(1)), c), t]
            : range(4).map((k) => cubicWeight(s, t, k));
        return each
          .slice(1)
          .reduce((chosen, w, k) => s.select(s.op("ieq", s.affine(tap), s.i(k + 1)), w, chosen), item(each, 0));
      },
    }),
  );
  // ONNX Runtime multiplies the weights of both axes first in this case, and only in this one.
  if (taps === 2 && axes === 2 && options.padding === "zeros" && !options.aligned) {
    const [rows, columns] = [item(weights, 0), item(weights, 1)];
    const blended = node.lowering.emit({
      dtype: "f32",
      shape: [batch, channels, places],
      finish: (s, out) => {
        const [n, c, place] = atLeast(out, 3);
        const terms = [0, 1].flatMap((i) =>
          [0, 1].map((j) => {
            const weight = s.op("fmul", s.load(rows, [n, place, i]), s.load(columns, [n, place, j]));
            return s.op("fmul", weight, read(s, n, c, place, [i, j]));
          }),
        );
        return terms.slice(1).reduce((sum, term) => s.op("fadd", sum, term), item(terms, 0));
      },
    });
    return reshaped(node.lowering, blended, shape);
  }
  // From the innermost axis outwards: each step sums over the taps of one axis.
  let values: Value | undefined;
  for (let d = axes - 1; d >= 0; d--) {
    const inner = values;
    values = node.lowering.emit({
      dtype: "f32",
      shape: [batch, channels, places, ...combinations.slice(0, d)],
      finish: (s, out) => {
        const [n, c, place, ...tap] = atLeast(out, 3);
        const terms = range(taps).map((k) => {
          const v = inner ? s.load(inner, [n, c, place, ...tap, k]) : read(s, n, c, place, [...tap, k]);
          return s.op("fmul", s.load(item(weights, d), [n, place, k]), v);
        });
        return terms.slice(1).reduce((sum, term) => s.op("fadd", sum, term), item(terms, 0));
      },
    });
  }
  if (values === undefined) throw new RangeError("no axes");
  return reshaped(node.lowering, values, shape);
};

/** The grid of an affine map: theta times (x, y, [z,] 1) at each place. */
const affineGrid = (node: NodeContext): Value => {
  const theta = float(node, node.in(0));
  const [batch, , ...sizes] = atLeast(node.staticInts(1, "the size"), 2);
  const aligned = node.int("align_corners", 0) === 1;
  const axes = sizes.length;
  if (theta.shape.join() !== [batch, axes, axes + 1].join()) throw node.invalid("the matrices do not go with the size");
  // Coordinates in [-1, 1] of each axis, the last one first, as ONNX's reference takes them.
  const line = (size: number): number[] =>
    range(size).map((i) => {
      if (aligned) return size === 1 ? -1 : -1 + (2 * i) / (size - 1);
      return (2 * i + 1) / size - 1;
    });
  const lines = sizes.map((size) => node.lowering.constantOf("f32", [size], line(size)));
  return node.lowering.emit({
    dtype: "f32",
    shape: [batch, ...sizes, axes],
    finish: (s, out) => {
      const [n, ...rest] = atLeast(out, 1);
      const row = item(rest, axes);
      const terms = range(axes).map((k) => {
        const d = axes - 1 - k;
        return s.op("fmul", s.load(theta, [n, row, k]), s.load(item(lines, d), [item(rest, d)]));
      });
      return [...terms, s.load(theta, [n, row, axes])].reduce((sum, term) => s.op("fadd", sum, term));
    },
  });
};

/** Sampling at computed places. */
export const GRID_SAMPLE: readonly Operator[] = [
  onnx("GridSample", 16, gridSample),
  onnx("AffineGrid", 20, affineGrid),
];
