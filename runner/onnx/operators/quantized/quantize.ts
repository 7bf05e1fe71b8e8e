import { item } from "../../../items.ts";
import { microsoft, type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { type ElementType, elementCount, storageOf } from "../../file/element-type.ts";
import { LAYOUTS } from "../../functions/small-floats.ts";
import { float, integerRange, range } from "../common.ts";
import { castTo } from "../tensor/cast.ts";

/** Clamps between qmin - zp and qmax - zp, rounds to nearest even, adds the zero point. */
export const quantizeTo = (s: StageBuilder, dtype: ElementType, v: Ref, zeroPoint: Ref): Ref => {
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

/** Quantisation, as ONNX Runtime rounds it. */
export const QUANTIZE: readonly Operator[] = [
  onnx("QuantizeLinear", 10, quantizeLinear),
  onnx("DequantizeLinear", 10, dequantizeLinear),
  microsoft("QuantizeLinear", quantizeLinear),
  microsoft("DequantizeLinear", dequantizeLinear),
];
