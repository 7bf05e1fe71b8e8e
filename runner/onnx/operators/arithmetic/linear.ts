import { atLeast, lastItem } from "../../../items.ts";
import type { DType } from "../../../machine/dtype.ts";
import type { Index } from "../../build/affine.ts";
import type { KernelStage } from "../../build/kernels.ts";
import { type Lowering } from "../../build/lowering.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { broadcastShapes, broadcastTo, inserted, permuted } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import { rowDot, type RowSpec } from "../../sums/dot-of-row.ts";
import { contiguousAlong, dot, type DotSpec, gemmBlock, PACKED_BLOCK } from "../../sums/dot.ts";
import { isFloatType, range, sameType } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";

/** Two matrices as [.., M, K] and [.., N, K], and the shape of their product. */
interface Operands {
  readonly left: Value;
  readonly right: Value;
  /** Batch dimensions, then M and N; `keep` says which of them the result has. */
  readonly shape: readonly number[];
  readonly keep: readonly number[];
}

/** Brings the operands of numpy's matmul to batches of [M, K] and [N, K]. */
export const matmulOperands = (node: NodeContext, a: Value, b: Value): Operands => {
  if (a.shape.length === 0 || b.shape.length === 0) throw node.invalid("scalars do not multiply as matrices");
  const [oneA, oneB] = [a.shape.length === 1, b.shape.length === 1];
  const left = oneA ? inserted(a, 0) : a;
  const rightKN = oneB ? inserted(b, 1) : b;
  const rank = Math.max(left.shape.length, rightKN.shape.length);
  const right = permuted(rightKN, [
    ...range(rightKN.shape.length - 2),
    rightKN.shape.length - 1,
    rightKN.shape.length - 2,
  ]);
  const [m, k] = atLeast(left.shape.slice(-2), 2);
  const [n, kb] = atLeast(right.shape.slice(-2), 2);
  if (k !== kb) throw node.invalid(`inner dimensions ${String(k)} and ${String(kb)} differ`);
  const batch = broadcastShapes([left.shape.slice(0, -2), right.shape.slice(0, -2)]);
  const keep = range(rank).filter((d) => !(oneA && d === rank - 2) && !(oneB && d === rank - 1));
  return { left, right, shape: [...batch, m, n], keep };
};

/** A result without the dimensions that one-dimensional operands brought. */
export const kept = (value: Value, { keep }: Operands): Value => permuted(value, keep);

/** Sums of products of rows; `block` chooses the order of long sums. */
export const matmulKernels = (
  node: NodeContext,
  operands: Operands,
  dtype: DType,
  block: Block,
  finish: (...args: Parameters<Parameters<typeof dot>[1]["finish"]>) => Ref = (_s, _out, sum) => sum,
  scale = 1,
): Value => {
  const { shape } = operands;
  const rank = shape.length;
  const k = lastItem(operands.left.shape);
  const left = contiguousAlong(node.lowering, operands.left, operands.left.shape.length - 1);
  const right = contiguousAlong(node.lowering, operands.right, operands.right.shape.length - 1);
  const batch = shape.slice(0, -2);
  const wideLeft = broadcastTo(left, [...batch, ...left.shape.slice(-2)]);
  const wideRight = broadcastTo(right, [...batch, ...right.shape.slice(-2)]);
  const spec = {
    dtype,
    shape,
    class: isFloatType(left.element) ? ("f32" as const) : ("int" as const),
    length: k,
    scale,
    left: (s, out, at) => s.load(wideLeft, [...out.slice(0, rank - 1), at]),
    right: (s, out, at) => s.load(wideRight, [...out.slice(0, rank - 2), ...out.slice(rank - 1, rank), at]),
    finish,
  } satisfies Omit<DotSpec, "block">;
  return orderedDot(node.lowering, spec, block);
};

/** How onnxruntime-web orders a product of matrices: in blocks, or as a row by a matrix. */
export type Block = number | "vector";

/** A dot of matrices in an order; the columns are its last dimension. */
export const orderedDot = (lowering: Lowering, spec: Omit<DotSpec, "block">, block: Block): Value =>
  block === "vector" ? rowDot(lowering, rowOf(spec), spec.shape.length - 1) : dot(lowering, { ...spec, block });

/** The products of a dot one by one. */
export const rowOf = (spec: Omit<DotSpec, "block">): RowSpec => ({
  ...spec,
  term: (s, out, k) => s.op("fmul", spec.left(s, out, k), spec.right(s, out, k)),
});

/** A product of [M, K] and [K, N] as onnxruntime-web calls its GEMM. */
export interface Gemm {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** The right matrix is in the file, has two dimensions, and the operator packs it. */
  readonly packed: boolean;
  readonly leftTransposed?: boolean;
  readonly rightTransposed?: boolean;
  /** The product or what it is added to is multiplied by another number than 1. */
  readonly scaled?: boolean;
}

/** The order of a product's sums. */
export const blockFor = ({ m, n, k, packed, leftTransposed, rightTransposed, scaled }: Gemm): Block => {
  if (packed) return PACKED_BLOCK;
  const plain = leftTransposed !== true && rightTransposed !== true && scaled !== true;
  return m === 1 && plain ? "vector" : gemmBlock(n, k, leftTransposed);
};

const matmul = (node: NodeContext): Value => {
  const [a, b] = [node.in(0), node.in(1)];
  const dtype = sameType(node, [a, b]);
  const operands = matmulOperands(node, a, b);
  const [m, n] = atLeast(operands.shape.slice(-2), 2);
  const k = lastItem(operands.left.shape);
  if (k === 0) throw node.refuse("an inner dimension of 0");
  const packed = b.shape.length === 2 && node.lowering.initializers.has(b);
  // A matrix of two dimensions takes the batches of the left one as further rows.
  if (b.shape.length === 2 && a.shape.length > 2) {
    const rows = elementCount(a.shape.slice(0, -1));
    const flat = matmulOperands(node, reshaped(node.lowering, a, [rows, k]), b);
    const result = matmulKernels(node, flat, dtype, dtype === "f32" ? blockFor({ m: rows, n, k, packed }) : k);
    return reshaped(node.lowering, result, [...a.shape.slice(0, -1), n]);
  }
  // With a vector onnxruntime-web computes every row as a separate product.
  const order = b.shape.length === 1 ? "vector" : blockFor({ m, n, k, packed });
  return kept(matmulKernels(node, operands, dtype, dtype === "f32" ? order : k), operands);
};

/** alpha A B + beta C. */
export const gemm = (node: NodeContext): Value => {
  const [a, b, c] = [node.in(0), node.in(1), node.opt(2)];
  const dtype = sameType(node, [a, b, ...(c ? [c] : [])]);
  if (dtype !== "f32") throw node.refuse(`element type ${dtype}`);
  if (node.opset < 7) node.ignore("broadcast");
  const [alpha, beta] = [node.float("alpha", 1), node.float("beta", 1)];
  const left = node.int("transA", 0) ? permuted(a, [1, 0]) : a;
  const right = node.int("transB", 0) ? b : permuted(b, [1, 0]);
  const [m, k] = atLeast(left.shape, 2);
  const [n, kb] = atLeast(right.shape, 2);
  if (k !== kb || a.shape.length !== 2 || b.shape.length !== 2) throw node.invalid("the matrices do not multiply");
  const bias = c && beta !== 0 ? broadcastTo(c, [m, n]) : undefined;
  const [rows, columns] = [contiguousAlong(node.lowering, left, 1), contiguousAlong(node.lowering, right, 1)];
  const order = blockFor({
    m,
    n,
    k,
    packed: node.lowering.initializers.has(b),
    leftTransposed: node.int("transA", 0) === 1,
    rightTransposed: node.int("transB", 0) === 1,
    scaled: alpha !== 1 || (bias !== undefined && beta !== 1),
  });
  const spec = {
    dtype: "f32",
    shape: [m, n],
    class: "f32",
    length: k,
    scale: alpha,
    left: (s, out, at) => {
      const [i] = atLeast(out, 1);
      return s.load(rows, [i, at]);
    },
    right: (s, out, at) => {
      const [, j] = atLeast(out, 2);
      return s.load(columns, [j, at]);
    },
    ...(bias && {
      start: (s, out) => {
        const value = s.load(bias, out);
        return beta === 1 ? value : s.op("fmul", value, s.f(beta));
      },
    }),
    finish: (_s: KernelStage, _out: readonly Index[], sum: Ref) => sum,
  } satisfies Omit<DotSpec, "block">;
  return orderedDot(node.lowering, spec, order);
};

/** Matrix products of floats. */
export const LINEAR: readonly Operator[] = [onnx("MatMul", 1, matmul), onnx("Gemm", 1, gemm)];
