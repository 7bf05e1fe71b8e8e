import { atLeast, item } from "../../items.ts";
import type { DType, RegisterClass } from "../../machine/dtype.ts";
import type { Index } from "../build/affine.ts";
import type { KernelStage } from "../build/kernels.ts";
import type { Lowering } from "../build/lowering.ts";
import type { Ref } from "../build/stage.ts";
import { memoryOrder, type Value } from "../build/value.ts";

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
export const dot = (lowering: Lowering, spec: DotSpec): Value => {
  const { class: cls, length, shape } = spec;
  const [multiply, sum] = cls === "f32" ? (["fmul", "fadd"] as const) : (["imul", "iadd"] as const);
  const zero = (s: KernelStage): Ref => (cls === "f32" ? s.f(0) : s.i(0));
  const fold = (size: number, indexOf: (out: readonly Index[], k: Index) => Index) => ({
    dims: [size],
    classes: [cls],
    init: (s: KernelStage) => [zero(s)],
    step: (s: KernelStage, out: readonly Index[], red: readonly Index[]) => {
      const [k] = atLeast(red, 1);
      const at = indexOf(out, k);
      const inner = out.slice(0, shape.length);
      return [s.op(sum, s.accumulator(), s.op(multiply, spec.left(s, inner, at), spec.right(s, inner, at)))];
    },
  });
  const scaled = (s: KernelStage, part: Ref): Ref =>
    spec.scale === undefined || spec.scale === 1 ? part : s.op("fmul", part, s.f(spec.scale));
  const whole = Math.ceil(length / spec.block) - 1;
  const order = spec.order ?? shape.map((_, d) => d);
  if (whole <= 0) {
    return lowering.emit({
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
  const blockIndex = (out: readonly Index[]): Index => item(out, shape.length).times(spec.block);
  const storage: DType = cls === "f32" ? "f32" : "i64";
  const parts = lowering.emit({
    dtype: storage,
    shape: [...shape, whole],
    order: [...order, shape.length],
    fold: fold(spec.block, (out, k) => blockIndex(out).plus(k)),
    finish: (s) => scaled(s, s.accumulator()),
  });
  const total =
    whole <= DIRECT_PARTS
      ? undefined
      : lowering.emit({
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
            step: (s, out, red) => {
              const [k] = atLeast(red, 1);
              return [s.op(sum, s.accumulator(), s.load(parts, [...out, k.plus(1)]))];
            },
          },
          finish: (s) => s.accumulator(),
        });
  return lowering.emit({
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
export const contiguousAlong = (lowering: Lowering, value: Value, dimension: number): Value => {
  if (value.shape[dimension] === 1 || value.strides[dimension] === 1) return value;
  const others = memoryOrder(value).filter((d) => d !== dimension);
  return lowering.arranged(value, [...others, dimension]);
};

/** Block length of onnxruntime-web's GEMM for a matrix that it packs before the model runs. */
export const PACKED_BLOCK = 256;

/**
 * Block length of onnxruntime-web's single-precision GEMM for N columns and K products: 128, doubled while half of the
 * columns' panel would hold all N, but not where it transposes the left matrix.
 */
export const gemmBlock = (n: number, k: number, leftTransposed = false): number => {
  let [strideN, strideK] = [128, 128];
  if (n >= k) {
    while (strideK / 2 >= k) strideK /= 2;
    return strideK;
  }
  while (!leftTransposed && strideN > 16 && strideN / 2 >= n) {
    strideN /= 2;
    strideK *= 2;
  }
  return strideK;
};
