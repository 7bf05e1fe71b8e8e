import { atLeast, item, lastItem } from "../../../items.ts";
import type { Index } from "../../build/affine.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { StageBuilder, Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { permuted } from "../../build/view.ts";
import * as fn from "../../functions/index.ts";
import { float, range } from "../common.ts";

/*
 * Fourier transforms as sums over tables of cosines and sines, and the windows of signals. ONNX Runtime transforms by
 * halves, in another order: its last bits differ.
 */

/** Most entries of a table of angles. */
const MAX_TABLE = 2 ** 22;

/**
 * Cosines (or sines) of the angles 2 pi i j / n, computed at import: i in rows, j in columns. Angles are brought to the
 * first eighth of a turn by whole numbers, so that those on the axes are exact and the others symmetric.
 */
const table = (node: NodeContext, rows: number, columns: number, n: number, sine = false): Value => {
  if (rows * columns > MAX_TABLE || n > MAX_TABLE) {
    throw node.error("ONNX_LIMIT", `a transform of ${String(rows)} by ${String(columns)}`);
  }
  const shape = [rows, columns];
  const placed = (s: StageBuilder, [i, j]: readonly [Index, Index, ...Index[]]): { quadrant: Ref; rest: Ref } => {
    const quarters = s.op("imul", s.op("irem", s.op("imul", s.affine(i), s.affine(j)), s.i(n)), s.i(4));
    return { quadrant: s.op("idiv", quarters, s.i(n)), rest: s.op("irem", quarters, s.i(n)) };
  };
  const angles = node.lowering.emit({
    dtype: "f32",
    shape,
    finish: (s, out) => {
      const { rest } = placed(s, atLeast(out, 2));
      const near = s.op("imin", rest, s.op("isub", s.i(n), rest));
      return s.op("fmul", s.op("fdiv", s.op("i2f", near), s.f(n)), s.f(Math.PI / 2));
    },
  });
  const [cosines, sines] = [node.lowering.map("f32", [angles], fn.cos), node.lowering.map("f32", [angles], fn.sin)];
  return node.lowering.emit({
    dtype: "f32",
    shape,
    finish: (s, out) => {
      const { quadrant, rest } = placed(s, atLeast(out, 2));
      // A cosine is a sine of the angle's complement: past the middle of the quadrant, and in every second quadrant.
      const past = s.op("ilt", s.i(n), s.op("imul", rest, s.i(2)));
      const odd = s.op("iand", sine ? s.op("iadd", quadrant, s.i(1)) : quadrant, s.i(1));
      const size = s.select(s.op("ixor", past, odd), s.load(sines, out), s.load(cosines, out));
      const turned = sine ? quadrant : s.op("iadd", quadrant, s.i(1));
      return s.select(s.op("iand", turned, s.i(2)), s.op("fneg", size), size);
    },
  });
};

interface Transform {
  readonly inverse: boolean;
  readonly onesided: boolean;
  /** Length of the transform. */
  readonly length: number;
}

/** The transform of [rows..., signal, 1 or 2] along the last dimension but one. */
const transformed = (node: NodeContext, x: Value, { inverse, onesided, length }: Transform): Value => {
  const [given, parts] = atLeast(x.shape.slice(-2), 2);
  const outer = x.shape.slice(0, -2);
  const complex = parts === 2;
  // The inverse of half a spectrum: the other half mirrors it, so that all but the ends count twice.
  const mirrored = inverse && onesided;
  if (onesided && !inverse && complex) throw node.invalid("half a spectrum of a complex signal", "onesided");
  if (mirrored && !complex) throw node.invalid("half a spectrum is complex", "onesided");
  const most = mirrored ? Math.floor(length / 2) + 1 : length;
  const used = Math.min(given, most);
  const bins = onesided && !inverse ? Math.floor(length / 2) + 1 : length;
  const [cosines, sines] = [table(node, bins, used, length), table(node, bins, used, length, true)];
  const scaled = (s: StageBuilder, v: Ref): Ref => (inverse ? s.op("fdiv", v, s.f(length)) : v);
  const rank = outer.length;
  const part = (imaginary: boolean): Value =>
    node.lowering.emit({
      dtype: "f32",
      shape: [...outer, bins],
      fold: {
        dims: [used],
        classes: ["f32"],
        init: (s) => [s.f(0)],
        step: (s, out, red) => {
          const [[k], bin, row] = [atLeast(red, 1), item(out, rank), out.slice(0, rank)];
          const [c, n] = [s.load(cosines, [bin, k]), s.load(sines, [bin, k])];
          const re = s.load(x, [...row, k, 0]);
          // (re + i im) (cos -+ i sin)
          let term = s.op("fmul", re, imaginary ? n : c);
          if (imaginary && !inverse) term = s.op("fneg", term);
          if (complex) {
            const cross = s.op("fmul", s.load(x, [...row, k, 1]), imaginary ? c : n);
            term = s.op(imaginary || !inverse ? "fadd" : "fsub", term, cross);
          }
          if (mirrored) {
            const at = s.affine(k);
            const end = s.op("ior", s.op("ieq", at, s.i(0)), s.op("ieq", s.op("imul", at, s.i(2)), s.i(length)));
            term = s.op("fmul", term, s.select(end, s.f(1), s.f(2)));
          }
          return [s.op("fadd", s.accumulator(), term)];
        },
      },
      finish: (s) => scaled(s, s.accumulator()),
    });
  const real = part(false);
  if (mirrored) return { ...real, shape: [...real.shape, 1], strides: [...real.strides, 0] };
  const imaginary = part(true);
  return node.lowering.emit({
    dtype: "f32",
    shape: [...real.shape, 2],
    finish: (s, out) => {
      const at = out.slice(0, -1);
      return s.select(s.affine(lastItem(out)), s.load(imaginary, at), s.load(real, at));
    },
  });
};

const dft = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const rank = x.shape.length;
  const parts = lastItem(x.shape);
  if (rank < 2 || (parts !== 1 && parts !== 2)) throw node.invalid("the last dimension is neither real nor complex");
  const given =
    node.opset < 20 ? node.int("axis", 1) : node.opt(2) === undefined ? -2 : item(node.staticInts(2, "the axis"), 0);
  const axis = node.axis(given, rank);
  if (axis === rank - 1) throw node.invalid("the axis is that of real and imaginary parts", "axis");
  const [inverse, onesided] = [node.int("inverse", 0) === 1, node.int("onesided", 0) === 1];
  const signal = item(x.shape, axis);
  if (inverse && !onesided) {
    throw node.refuse("the inverse of a whole spectrum, whose imaginary parts are what sums in float leave", "inverse");
  }
  const natural = inverse && onesided ? 2 * (signal - 1) : signal;
  const length = node.opt(1) === undefined ? natural : item(node.staticInts(1, "the length"), 0);
  if (length < 1) throw node.invalid(`a transform of length ${String(length)}`);
  const order = [...range(rank - 1).filter((d) => d !== axis), axis, rank - 1];
  const y = transformed(node, permuted(x, order), { inverse, onesided, length });
  return permuted(
    y,
    range(rank).map((d) => order.indexOf(d)),
  );
};

const stft = (node: NodeContext): Value => {
  const signal = float(node, node.in(0));
  const x =
    signal.shape.length === 2 ? { ...signal, shape: [...signal.shape, 1], strides: [...signal.strides, 0] } : signal;
  const step = item(node.staticInts(1, "the step of frames"), 0);
  const window = node.opt(2);
  const size = node.opt(3) === undefined ? window?.shape[0] : item(node.staticInts(3, "the length of frames"), 0);
  const onesided = node.int("onesided", 1) === 1;
  const [batch, length, parts] = atLeast(x.shape, 3);
  if (size === undefined || size < 1 || step < 1 || size > length)
    throw node.invalid("the frames do not fit the signal");
  if (window !== undefined && window.shape[0] !== size)
    throw node.invalid("the window has another length than a frame");
  const frames = Math.floor((length - size) / step) + 1;
  const [sb, sl, sp] = atLeast(x.strides, 3);
  const framed: Value = { ...x, shape: [batch, frames, size, parts], strides: [sb, step * sl, sl, sp] };
  const column = window && { ...float(node, window), shape: [size, 1], strides: [item(window.strides, 0), 0] };
  const weighted = column ? node.lowering.map("f32", [framed, column], (s, v, w) => s.op("fmul", v, w)) : framed;
  return transformed(node, weighted, { inverse: false, onesided, length: size });
};

/** A window: coefficients of the cosines of 0, 1 and 2 turns. */
const window = (name: string, ...[a, b, c]: readonly [number, number, number]): Operator =>
  onnx(name, 17, (node) => {
    const size = item(node.staticInts(0, "the size"), 0);
    if (node.int("output_datatype", 1) !== 1) throw node.refuse("only float", "output_datatype");
    const turn = node.int("periodic", 1) === 1 ? size : size - 1;
    if (size < 1 || turn < 1 || size > MAX_TABLE) throw node.refuse(`a window of ${String(size)}`);
    const cosines = (turns: number): Value => {
      const rows = table(node, turns + 1, size, turn);
      return { ...rows, shape: [size], base: rows.base + turns * size, strides: [1] };
    };
    return node.lowering.map("f32", [cosines(1), cosines(2)], (s, once, twice) => {
      const sum = s.op("fadd", s.f(a), s.op("fmul", s.f(b), once));
      return c === 0 ? sum : s.op("fadd", sum, s.op("fmul", s.f(c), twice));
    });
  });

/** Signals. */
export const SIGNAL: readonly Operator[] = [
  onnx("DFT", 17, dft),
  onnx("STFT", 17, stft),
  window("HannWindow", 0.5, -0.5, 0),
  window("HammingWindow", 25 / 46, -21 / 46, 0),
  window("BlackmanWindow", 0.42, -0.5, 0.08),
];
