import { atLeast, item, lastItem } from "../../../items.ts";
import type { DType } from "../../../machine/dtype.ts";
import { asIndex, type Index } from "../../build/affine.ts";
import type { KernelStage } from "../../build/kernels.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { elementCount } from "../../file/element-type.ts";
import { kept, matmulKernels, matmulOperands } from "../arithmetic/linear.ts";
import { computable, float } from "../common.ts";
import { convolution, convSpec } from "../neural/conv.ts";
import { leavingDimensions } from "../neural/windows.ts";
import { quantizeTo } from "./quantize.ts";
import { scalarOf } from "./quantized-bytes.ts";

/** Integers minus a zero point. The value itself when the zero point is known to be 0. */
const centred = (node: NodeContext, value: Value, zero: Value | undefined): Value => {
  if (zero === undefined || node.lowering.elements(zero)?.every((z) => Number(z) === 0)) return value;
  return node.lowering.map("i16", [value, zero], (s, v, z) => s.op("isub", v, z));
};

/** Sums over all but the first dimension, times the negated factor: what folding a zero point adds to each output. */
const zeroPointBias = (node: NodeContext, weights: Value, zero: Value): Value =>
  node.lowering.emit({
    dtype: "i64",
    shape: [item(weights.shape, 0)],
    fold: {
      dims: weights.shape.slice(1),
      classes: ["int"],
      init: (s) => [s.i(0)],
      step: (s, out, red) => {
        const [o] = atLeast(out, 1);
        return [s.op("iadd", s.accumulator(), s.load(weights, [o, ...red]))];
      },
    },
    finish: (s) =>
      s.op("isub", s.i(0), s.op("imul", s.accumulator(), s.load(scalarOf(node, zero, "the zero point"), []))),
  });

/** y = clamp(round(i32(sum) * scale)) + zp as ONNX Runtime requantises. */
export const requantize = (s: KernelStage, dtype: DType, sum: Ref, scale: Ref, zero: Ref): Ref =>
  quantizeTo(s, dtype, s.op("fmul", s.op("i2f", s.wrap(sum, "i32")), scale), zero);

const combinedScale = (node: NodeContext, a: Value, b: Value, y: Value): Value =>
  node.lowering.map("f32", [a, b, scalarOf(node, y, "the output scale")], (s, p, q, r) =>
    s.op("fdiv", s.op("fmul", p, q), r),
  );

const convolutionSum = (
  node: NodeContext,
  x: Value,
  xZero: Value | undefined,
  w: Value,
  wZero: Value | undefined,
  dtype: DType,
  finish: (s: KernelStage, out: readonly Index[], sum: Ref) => Ref,
): Value => {
  const outputs = item(w.shape, 0);
  const wz =
    wZero && elementCount(wZero.shape) > 1
      ? {
          ...wZero,
          shape: [outputs, ...w.shape.slice(1).map(() => 1)],
          strides: [item(wZero.strides, 0), ...w.shape.slice(1).map(() => 0)],
        }
      : wZero && scalarOf(node, wZero, "the weights' zero point");
  const weights = centred(node, w, wz);
  const spec = convSpec(node, x, weights);
  const zero = xZero && node.lowering.elements(scalarOf(node, xZero, "the zero point"))?.[0];
  if (xZero !== undefined && zero === undefined && leavingDimensions(x, spec.windows).length > 0) {
    // Padding would have to be the zero point, which is not known: subtract it first.
    const shifted = centred(node, x, scalarOf(node, xZero, "the zero point"));
    return convolution(node, { ...spec, x: shifted, dtype, finish });
  }
  const bias = xZero === undefined || zero === 0 ? undefined : zeroPointBias(node, weights, xZero);
  return convolution(node, {
    ...spec,
    dtype,
    fill: Number(zero ?? 0),
    finish: (s, out, sum) => finish(s, out, bias === undefined ? sum : s.op("iadd", sum, s.load(bias, [item(out, 1)]))),
  });
};

const perOutput = (value: Value, at: Index): readonly Index[] =>
  elementCount(value.shape) === 1 ? value.shape.map(() => asIndex(0)) : [at];

const qLinearConv = (node: NodeContext): Value => {
  const [x, xScale, xZero, w, wScale, wZero, yScale, yZero, bias] = [
    node.in(0),
    float(node, node.in(1)),
    node.in(2),
    node.in(3),
    float(node, node.in(4)),
    node.in(5),
    float(node, node.in(6)),
    node.in(7),
    node.opt(8),
  ];
  const dtype = computable(node, yZero);
  const scale = combinedScale(node, scalarOf(node, xScale, "the input scale"), wScale, yScale);
  return convolutionSum(node, x, xZero, w, wZero, dtype, (s, out, sum) => {
    const channel = item(out, 1);
    const total = bias === undefined ? sum : s.op("iadd", sum, s.load(bias, [channel]));
    return requantize(
      s,
      dtype,
      total,
      s.load(scale, perOutput(scale, channel)),
      s.load(scalarOf(node, yZero, "the output zero point"), []),
    );
  });
};

const convInteger = (node: NodeContext): Value =>
  convolutionSum(node, node.in(0), node.opt(2), node.in(1), node.opt(3), "i32", (_s, _out, sum) => sum);

/** A zero point of matrices: one number, or one for each row of A (column of B). */
const zeroView = (node: NodeContext, zero: Value, x: Value, axis: number): Value => {
  if (elementCount(zero.shape) === 1) return scalarOf(node, zero, "the zero point");
  if (zero.shape.length === x.shape.length) return zero;
  const d = x.shape.length + axis;
  if (zero.shape.length !== 1 || zero.shape[0] !== x.shape[d]) throw node.refuse("this shape of zero point");
  return {
    ...zero,
    shape: x.shape.map((size, i) => (i === d ? size : 1)),
    strides: x.shape.map((_, i) => (i === d ? item(zero.strides, 0) : 0)),
  };
};

/** A product of matrices of integers less their zero points. */
export const matmulInteger = (
  node: NodeContext,
  a: Value,
  aZero: Value | undefined,
  b: Value,
  bZero: Value | undefined,
  dtype: DType,
  finish: (s: KernelStage, out: readonly Index[], sum: Ref) => Ref,
): Value => {
  const right = centred(node, b, bZero && zeroView(node, bZero, b, -1));
  const zero = aZero && zeroView(node, aZero, a, -2);
  const known = zero && elementCount(zero.shape) === 1 ? node.lowering.elements(zero)?.[0] : undefined;
  const foldable = known !== undefined && Number(known) !== 0 && b.shape.length === 2 && node.lowering.isConstant(b);
  const left = zero === undefined || foldable ? a : centred(node, a, zero);
  const operands = matmulOperands(node, left, right);
  const length = lastItem(operands.left.shape);
  const bias = foldable && zero ? zeroPointBias(node, operands.right, zero) : undefined;
  const rank = operands.shape.length;
  return kept(
    matmulKernels(node, operands, dtype, length, (s, out, sum) =>
      finish(s, out, bias === undefined ? sum : s.op("iadd", sum, s.load(bias, [item(out, rank - 1)]))),
    ),
    operands,
  );
};

const qLinearMatMul = (node: NodeContext): Value => {
  const [a, aScale, aZero, b, bScale, bZero, yScale, yZero] = [
    node.in(0),
    float(node, node.in(1)),
    node.in(2),
    node.in(3),
    float(node, node.in(4)),
    node.in(5),
    float(node, node.in(6)),
    node.in(7),
  ];
  const dtype = computable(node, yZero);
  if (elementCount(aScale.shape) !== 1) throw node.refuse("a scale for each row");
  const scale = combinedScale(
    node,
    scalarOf(node, aScale, "the scale"),
    elementCount(bScale.shape) === 1 ? scalarOf(node, bScale, "the scale") : bScale,
    yScale,
  );
  if (scale.shape.length > 1) throw node.refuse("scales of more than one dimension");
  return matmulInteger(node, a, aZero, b, bZero, dtype, (s, out, sum) =>
    requantize(
      s,
      dtype,
      sum,
      s.load(scale, scale.shape.length === 0 ? [] : [lastItem(out)]),
      s.load(scalarOf(node, yZero, "the output zero point"), []),
    ),
  );
};

/** Products and convolutions of integers. */
export const INTEGER_PRODUCTS: readonly Operator[] = [
  onnx("QLinearConv", 10, qLinearConv),
  onnx("ConvInteger", 10, convInteger),
  onnx("QLinearMatMul", 10, qLinearMatMul),
  onnx("MatMulInteger", 10, (node) =>
    matmulInteger(node, node.in(0), node.opt(2), node.in(1), node.opt(3), "i32", (_s, _out, sum) => sum),
  ),
];
