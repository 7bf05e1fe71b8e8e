import { item } from "../items.ts";
import type { DType } from "./dtype.ts";
import { DTYPE_BYTES } from "./dtype.ts";
import { CANONICAL_NAN } from "./float.ts";

/** Elements of a tensor in another order: a dense row-major shape, and where each element comes from. */
export interface StridedView {
  readonly shape: readonly number[];
  /** Per dimension, in elements. */
  readonly strides: readonly number[];
  readonly base: number;
}

interface Dimension {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

type Words = Uint8Array | Uint16Array | Uint32Array;

/** Elements of a side of the squares that are copied one after the other, so that both tensors stay in the cache. */
const SIDE = 16;

/** First and last element that a view reads. */
export function spanOf({ shape, strides, base }: StridedView): { readonly low: number; readonly high: number } {
  let [low, high] = [base, base];
  shape.forEach((size, d) => {
    const reach = item(strides, d) * (size - 1);
    if (reach < 0) low += reach;
    else high += reach;
  });
  return { low, high };
}

/**
 * Copies the elements of a view, which must lie in `from`. NaNs of f32 become the canonical one, as in a register.
 * @param to Holds the whole view; `part` says which indices of one dimension are copied, the others are left.
 */
export function copyStrided(
  dtype: DType,
  from: Uint8Array,
  to: Uint8Array,
  view: StridedView,
  part?: { readonly dimension: number; readonly first: number; readonly count: number },
): void {
  const width = DTYPE_BYTES[dtype];
  // 64-bit elements move as two words.
  const scale = width === 8 ? 2 : 1;
  const dims: Dimension[] = width === 8 ? [{ size: 2, from: 1, to: 1 }] : [];
  let [stride, toBase, fromBase] = [scale, 0, view.base * scale];
  for (let d = view.shape.length - 1; d >= 0; d--) {
    const whole = item(view.shape, d);
    const chosen = part?.dimension === d ? part : { first: 0, count: whole };
    const step = item(view.strides, d) * scale;
    fromBase += chosen.first * step;
    toBase += chosen.first * stride;
    if (chosen.count > 1) dims.push({ size: chosen.count, from: step, to: stride });
    stride *= whole;
  }
  const View = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: Uint32Array }[width] ?? Uint8Array;
  const words = ({ buffer, byteOffset, byteLength }: Uint8Array): Words =>
    new View(buffer as ArrayBuffer, byteOffset, byteLength / View.BYTES_PER_ELEMENT);
  copyDimensions(words(from), words(to), dims, fromBase, toBase, dtype === "f32");
}

function copyDimensions(
  from: Words,
  to: Words,
  dims: readonly Dimension[],
  fromBase: number,
  toBase: number,
  float: boolean,
): void {
  const one = { size: 1, from: 0, to: 0 };
  const nearest = (by: "from" | "to"): Dimension =>
    dims.reduce((best, each) => (best === one || Math.abs(each[by]) < Math.abs(best[by]) ? each : best), one);
  // The dimensions along which each of the two tensors is read or written in a row.
  const inner = nearest("to");
  const moving = dims.filter((each) => each.from !== 0 && each !== inner);
  const along = moving.reduce((best, each) => (Math.abs(each.from) < Math.abs(best.from) ? each : best), inner);
  const across = along === inner ? one : along;
  const rest = dims.filter((each) => each !== inner && each !== across).sort((a, b) => b.to - a.to);
  const walk = (depth: number, f: number, t: number): void => {
    const dimension = rest[depth];
    if (dimension === undefined) {
      copyPlane(from, to, inner, across, f, t, float);
      return;
    }
    for (let i = 0; i < dimension.size; i++) walk(depth + 1, f + i * dimension.from, t + i * dimension.to);
  };
  walk(0, fromBase, toBase);
}

function copyPlane(
  from: Words,
  to: Words,
  inner: Dimension,
  across: Dimension,
  fromBase: number,
  toBase: number,
  float: boolean,
): void {
  if (across.size === 1) {
    copyRun(from, to, inner, inner.size, fromBase, toBase, float);
    return;
  }
  for (let column = 0; column < inner.size; column += SIDE) {
    const end = Math.min(inner.size, column + SIDE);
    for (let row = 0; row < across.size; row += SIDE) {
      const count = Math.min(across.size - row, SIDE);
      for (let c = column; c < end; c++) {
        const [source, target] = [
          fromBase + row * across.from + c * inner.from,
          toBase + row * across.to + c * inner.to,
        ];
        copyRun(from, to, across, count, source, target, float);
      }
    }
  }
}

function copyRun(
  from: Words,
  to: Words,
  { from: f, to: t }: Dimension,
  count: number,
  fromBase: number,
  toBase: number,
  float: boolean,
): void {
  let [source, target] = [fromBase, toBase];
  for (let i = 0; i < count; i++) {
    const word = from[source] as number;
    to[target] = float && (word & 0x7fffffff) > 0x7f800000 ? CANONICAL_NAN : word;
    source += f;
    target += t;
  }
}
