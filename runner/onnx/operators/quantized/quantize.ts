import { atLeast, item, lastItem } from "../../../items.ts";
import { scalarOf } from "./quantized-bytes.ts";
import { microsoft, type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { DType } from "../../../machine/dtype.ts";
import { asIndex, type Index } from "../../build/affine.ts";
import type { KernelStage } from "../../build/kernels.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import { LAYOUTS } from "../../functions/small-floats.ts";
import { type ElementType, elementCount, storageOf } from "../../file/element-type.ts";
import type { Value } from "../../build/value.ts";
import { castTo } from "../tensor/cast.ts";
import { computable, float, integerRange, range } from "../common.ts";
import { convolution, convSpec } from "../neural/conv.ts";
import { kept, matmulKernels, matmulOperands } from "../arithmetic/linear.ts";
import { leavingDimensions } from "../neural/windows.ts";

/** Clamps between qmin - zp and qmax - zp, rounds to nearest even, adds the zero point. */
const quantizeTo = (s: StageBuilder, dtype: ElementType, v: Ref, zeroPoint: Ref): Ref => {
  const [low, high] = integerRange(dtype).map((limit) => s.op("i2f", s.op("isub", s.i(limit), zeroPoint)));
  if (low === undefined || high === undefined) throw new RangeError("a range has two ends");
  const rounded = s.op("frint", s.op("fmin", s.op("fmax", v, low), high));
  return s.op("iadd", s.op("f2i", rounded), zeroPoint);
};

const QUANTIZED: readonly ElementType[] = ["u8", "i8", "u16", "i16", "u4", "i4", "u2", "i2"];

/** The axis of per-axis parameters; per-tensor ones leave it without meaning. */
const quantizedAxis = (node: NodeContext, x: Value, scale: Value): number => {
  const axis = node.int("axis", 1);
  return elementCount(scale.shape) === 1 ? 0 : node.axis(axis, x.shape.length);
};

const quantizeLinear = (node: NodeContext): Value => {
  const [x, scale, zero] = [float(node, node.in(0)), float(node, node.in(1)), node.opt(2)];
  node.ignore("saturate");
  const axis = quantizedAxis(node, x, scale);
  const block = node.int("block_size", 0);
  const wanted = node.int("output_dtype", 0);
  const precision = node.int("precision", 0);
  if (precision > 1) throw node.refuse("only float precision", "precision");
  const named: Readonly<Record<number, ElementType>> = {
    0: "u8",
    2: "u8",
    3: "i8",
    4: "u16",
    5: "i16",
    21: "u4",
    22: "i4",
  };
  const dtype = zero === undefined ? named[wanted] : zero.element;
  if (dtype === undefined || !QUANTIZED.includes(dtype)) throw node.refuse(`output type ${dtype ?? String(wanted)}`);
  const views = [x, parameterView(node, scale, x, axis, block)];
  if (zero) views.push(parameterView(node, zero, x, axis, block));
  return node.lowering.map(
    storageOf(dtype),
    views,
    (s, v, k, z) => quantizeTo(s, dtype, s.op("fdiv", v, k), z ?? s.i(0)),
    dtype,
  );
};

/** A scale or zero point of a tensor, of an axis or of blocks of an axis, seen at every element of a tensor. */
const parameterView = (node: NodeContext, value: Value, x: Value, axis: number, block: number): Value => {
  if (block > 0 && value.shape.length === x.shape.length) return blockedView(node, value, x, axis, block);
  if (elementCount(value.shape) === 1) return { ...value, shape: x.shape, strides: x.shape.map(() => 0) };
  if (block === 0 && value.shape.length === 1 && value.shape[0] === x.shape[axis]) {
    return { ...value, shape: x.shape, strides: x.shape.map((_, d) => (d === axis ? item(value.strides, 0) : 0)) };
  }
  throw node.refuse(`a scale or zero point of shape [${value.shape.join(", ")}]`);
};

/** A parameter for each block of an axis, repeated over the block. */
const blockedView = (node: NodeContext, value: Value, x: Value, axis: number, block: number): Value => {
  const positions = range(item(x.shape, axis)).map((i) => Math.floor(i / block));
  const table = node.lowering.constantOf("i32", [positions.length], positions);
  if (value.shape.some((size, d) => size !== (d === axis ? Math.ceil(item(x.shape, d) / block) : x.shape[d]))) {
    throw node.invalid("the scale does not have one element a block");
  }
  return node.lowering.emit({
    dtype: storageOf(value.element),
    shape: x.shape,
    finish: (s, out) => s.load(value, out, { gather: { dimension: axis, by: table, at: [item(out, axis)] } }),
  });
};

const dequantizeLinear = (node: NodeContext): Value => {
  const [given, scale, zero] = [node.in(0), float(node, node.in(1)), node.opt(2)];
  const { element } = given;
  if (["f32", "i64", "u64", "f64", "bool"].includes(element)) throw node.refuse(`input type ${element}`);
  if (zero !== undefined && zero.element !== element) throw node.invalid(`a zero point of type ${zero.element}`);
  const axis = quantizedAxis(node, given, scale);
  const block = node.int("block_size", 0);
  const wanted = node.int("output_dtype", 1);
  if (wanted !== 1 && wanted !== 0) throw node.refuse("only float output", "output_dtype");
  // The 8- and 4-bit floats are widened first; integers of 4 and 2 bits are held as their values.
  const isSmallFloat = element in LAYOUTS;
  const wide = (value: Value): Value =>
    isSmallFloat ? castTo(node.lowering, (reason) => node.refuse(reason), value, "f32") : value;
  const x = wide(given);
  const views = [x, parameterView(node, scale, x, axis, block)];
  if (zero) views.push(parameterView(node, wide(zero), x, axis, block));
  return node.lowering.map("f32", views, (s, value, k, z) => {
    const centred = z === undefined ? value : s.op(isSmallFloat ? "fsub" : "isub", value, z);
    return s.op("fmul", isSmallFloat ? centred : s.op("i2f", centred), k);
  });
};

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

/** Quantisation, as ONNX Runtime rounds it. */
export const QUANTIZE: readonly Operator[] = [
  onnx("QuantizeLinear", 10, quantizeLinear),
  onnx("DequantizeLinear", 10, dequantizeLinear),
  microsoft("QuantizeLinear", quantizeLinear),
  microsoft("DequantizeLinear", dequantizeLinear),
  onnx("QLinearConv", 10, qLinearConv),
  onnx("ConvInteger", 10, convInteger),
  onnx("QLinearMatMul", 10, qLinearMatMul),
  onnx("MatMulInteger", 10, (node) =>
    matmulInteger(node, node.in(0), node.opt(2), node.in(1), node.opt(3), "i32", (_s, _out, sum) => sum),
  ),
];
