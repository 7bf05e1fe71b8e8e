import type { DType, RegisterClass } from "../machine/dtype.ts";
import type { Index } from "./affine.ts";
import { asIndex } from "./affine.ts";
import type { KernelStage } from "./kernels.ts";
import type { Lowering } from "./lowering.ts";
import type { Ref } from "./stage.ts";
import { memoryOrder, type Value } from "./value.ts";

/** A sum of products over one index, in blocks. */
export interface DotSpec {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly order?: readonly number[];
  /** Class of the products: f32 or int. */
  readonly class: RegisterClass;
  /** Length of the sum. */
  readonly length: number;
  /** Length of the blocks whose sums are added in order; `length` or more for one block. */
  readonly block: number;
  /** The two factors at an output index and a summation index. */
  readonly left: (stage: KernelStage, out: readonly Index[], k: Index) => Ref;
  readonly right: (stage: KernelStage, out: readonly Index[], k: Index) => Ref;
  /** What the blocks' sums are added to, before the first; default nothing (not even a zero). */
  readonly start?: (stage: KernelStage, out: readonly Index[]) => Ref;
  /** Applied to each block's sum before it is added: a scale. */
  readonly scale?: number;
  readonly finish: (stage: KernelStage, out: readonly Index[], sum: Ref) => Ref;
}

/** Partial sums that one kernel's finish adds up itself. */
const DIRECT_PARTS = 8;

/**
 * A dot product as kernels whose step is exactly multiply and add. Long sums become a kernel of partial sums, one for
 * each whole block, and a kernel that sums the last block and adds the parts in order: the order of
 * onnxruntime-web's GEMM, and short replays for a court.
 */
export const dot = (b: Lowering, spec: DotSpec): Value => {
  const { class: cls, length, shape } = spec;
  const [multiply, sum] = cls === "f32" ? (["fmul", "fadd"] as const) : (["imul", "iadd"] as const);
  const zero = (s: KernelStage): Ref => (cls === "f32" ? s.f(0) : s.i(0));
  const fold = (size: number, indexOf: (out: readonly Index[], k: Index) => Index) => ({
    dims: [size],
    classes: [cls],
    init: (s: KernelStage) => [zero(s)],
    step: (s: KernelStage, out: readonly Index[], [k]: readonly Index[]) => {
      const at = indexOf(out, k ?? asIndex(0));
      const inner = out.slice(0, shape.length);
      return [s.op(sum, s.accumulator(), s.op(multiply, spec.left(s, inner, at), spec.right(s, inner, at)))];
    },
  });
  const scaled = (s: KernelStage, part: Ref): Ref =>
    spec.scale === undefined || spec.scale === 1 ? part : s.op("fmul", part, s.f(spec.scale));
  const whole = Math.ceil(length / spec.block) - 1;
  const order = spec.order ?? shape.map((_, d) => d);
  if (whole <= 0) {
    return b.emit({
      dtype: spec.dtype,
      shape,
      order,
      fold: fold(length, (_, k) => k),
      finish: (s, out) => {
        const acc = scaled(s, s.accumulator());
        return spec.finish(s, out, spec.start ? s.op(sum, spec.start(s, out), acc) : acc);
      },
    });
  }
  const blockIndex = (out: readonly Index[]): Index => (out[shape.length] ?? asIndex(0)).times(spec.block);
  const storage: DType = cls === "f32" ? "f32" : "i64";
  const parts = b.emit({
    dtype: storage,
    shape: [...shape, whole],
    order: [...order, shape.length],
    fold: fold(spec.block, (out, k) => blockIndex(out).plus(k)),
    finish: (s) => scaled(s, s.accumulator()),
  });
  const total =
    whole <= DIRECT_PARTS
      ? undefined
      : b.emit({
          dtype: storage,
          shape,
          order,
          fold: {
            dims: [whole - 1],
            classes: [cls],
            init: (s, out) => {
              const first = s.load(parts, [...out, 0]);
              return [spec.start ? s.op(sum, spec.start(s, out), first) : first];
            },
            step: (s, out, [k]) => [s.op(sum, s.accumulator(), s.load(parts, [...out, (k ?? asIndex(0)).plus(1)]))],
          },
          finish: (s) => s.accumulator(),
        });
  return b.emit({
    dtype: spec.dtype,
    shape,
    order,
    fold: fold(length - whole * spec.block, (_, k) => k.plus(whole * spec.block)),
    finish: (s, out) => {
      const last = scaled(s, s.accumulator());
      if (total !== undefined) return spec.finish(s, out, s.op(sum, s.load(total, out), last));
      let running = spec.start?.(s, out);
      for (let p = 0; p < whole; p++) {
        const part = s.load(parts, [...out, p]);
        running = running === undefined ? part : s.op(sum, running, part);
      }
      return spec.finish(s, out, running === undefined ? last : s.op(sum, running, last));
    },
  });
};

/** The value with one dimension contiguous in memory, the others in the order they already have. */
export const contiguousAlong = (b: Lowering, value: Value, dimension: number): Value => {
  if (value.shape[dimension] === 1 || value.strides[dimension] === 1) return value;
  const others = memoryOrder(value).filter((d) => d !== dimension);
  return b.arranged(value, [...others, dimension]);
};

/** Block length of onnxruntime-web's GEMM for a matrix that it has packed beforehand. */
export const PACKED_BLOCK = 256;

/**
 * Sums in the order of the matrix-vector kernel of onnxruntime-web for the columns behind the last whole four: the
 * first product, then runs of four products, each run summed by itself and added, then what is left one by one.  */
export const dotInRuns = (b: Lowering, spec: Omit<DotSpec, "block" | "start" | "scale" | "class" | "dtype">): Value => {
  const { length, shape } = spec;
  // Position in its run of each product, and whether it ends the run: 0 the first product of all, else 1 to 4 | 8.
  const codes = Array.from({ length }, (_, k) => {
    if (k === 0) return 0;
    const whole = Math.floor((length - 1) / 4) * 4;
    const at = k - 1;
    if (at < whole) return (at % 4) + 1 + (at % 4 === 3 ? 8 : 0);
    return 1 + 8;
  });
  const table = b.constantOf("u8", [length], codes);
  return b.emit({
    dtype: "f32",
    shape,
    ...(spec.order && { order: spec.order }),
    fold: {
      dims: [length],
      classes: ["f32", "f32"],
      init: (s) => [s.f(0), s.f(0)],
      step: (s, out, [k]) => {
        const at = k ?? asIndex(0);
        const product = s.op("fmul", spec.left(s, out, at), spec.right(s, out, at));
        const code = s.load(table, [at]);
        const [run, total] = [s.accumulator(0), s.accumulator(1)];
        const starts = s.op("ieq", s.op("iand", code, s.i(7)), s.i(1));
        const now = s.select(starts, product, s.op("fadd", run, product));
        const first = s.op("ieq", code, s.i(0));
        const ends = s.op("ilt", s.i(8), code);
        return [now, s.select(first, product, s.select(ends, s.op("fadd", total, now), total))];
      },
    },
    finish: (s, out) => spec.finish(s, out, s.accumulator(1)),
  });
};

/**
 * A product of one row with a matrix of `columns` columns (dimension `column` of the output) as onnxruntime-web's
 * matrix-vector kernel sums it: straight through, but in runs for the columns behind the last whole four.
 */
export const vectorDot = (b: Lowering, spec: Omit<DotSpec, "block">, column: number): Value => {
  const columns = spec.shape[column] ?? 1;
  const whole = columns - (columns % 4);
  const part = (from: number, count: number): Omit<DotSpec, "block"> => {
    const moved = (out: readonly Index[]): Index[] => out.map((index, d) => (d === column ? index.plus(from) : index));
    return {
      ...spec,
      shape: spec.shape.map((size, d) => (d === column ? count : size)),
      left: (s, out, k) => spec.left(s, moved(out), k),
      right: (s, out, k) => spec.right(s, moved(out), k),
      finish: (s, out, sum) => spec.finish(s, moved(out), sum),
    };
  };
  if (whole === columns || spec.length < 3) return dot(b, { ...spec, block: spec.length });
  const rest = dotInRuns(b, part(whole, columns - whole));
  if (whole === 0) return rest;
  const main = dot(b, { ...part(0, whole), block: spec.length });
  return b.emit({
    dtype: spec.dtype,
    shape: spec.shape,
    ...(spec.order && { order: spec.order }),
    finish: (s, out) => {
      const behind = out.map((index, d) => (d === column ? index.minus(whole) : index));
      const bits = [s.load(main, out, { guarded: [column] }), s.load(rest, behind, { guarded: [column] })];
      const [x, y] = bits.map((part) => s.op("fbits", part));
      return s.op("bitsf", s.op("ior", x as Ref, y as Ref));
    },
  });
};

/**
 * Block length of onnxruntime-web's single-precision GEMM for N columns and K products: 128, doubled while half of the
 * columns' panel would hold all N.
 */
export const gemmBlock = (n: number, k: number): number => {
  let [strideN, strideK] = [128, 128];
  if (n >= k) {
    while (strideK / 2 >= k) strideK /= 2;
    return strideK;
  }
  while (strideN > 16 && strideN / 2 >= n) {
    strideN /= 2;
    strideK *= 2;
  }
  return strideK;
};
