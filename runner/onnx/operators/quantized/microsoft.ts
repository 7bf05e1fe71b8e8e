import { atLeast, item } from "../../../items.ts";
import type { KernelStage } from "../../build/kernels.ts";
import { microsoft, type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { elementCount } from "../../file/element-type.ts";
import * as fn from "../../functions/index.ts";
import { contiguousAlong, dot } from "../../sums/dot.ts";
import { computable, float, integerRange, range } from "../common.ts";
import { concatenated, reshaped } from "../tensor/movement.ts";
import { byte, dequantized, quantized, quantizedAfter, scalar, zeroPoint } from "./quantized-bytes.ts";

/** QLinearAdd and QLinearMul: (a, scale, zp, b, scale, zp, y scale, y zp). */
const quantizedBinary = (name: string, op: "fadd" | "fmul"): Operator =>
  microsoft(name, (node) => {
    const [a, b] = [node.in(0), node.in(3)];
    const dtype = byte(node, a);
    const parameters = [1, 2, 4, 5, 6].map((i) => scalar(node, i));
    return node.lowering.map(dtype, [a, b, ...parameters, zeroPoint(node, 7, dtype)], (s, x, y, ...p) => {
      const [as, az, bs, bz, cs, cz] = p as readonly Ref[];
      if (!as || !az || !bs || !bz || !cs || !cz) throw new RangeError("six parameters");
      return quantizedAfter(s, dtype, s.op(op, dequantized(s, x, as, az), dequantized(s, y, bs, bz)), cs, cz);
    });
  });

/** A tensor as bytes, with the scale and the zero point that its least and its largest element give it. */
export const dynamicallyQuantized = (node: NodeContext, x: Value): readonly [y: Value, scale: Value, zero: Value] => {
  const flat = reshaped(node.lowering, x, [elementCount(x.shape)]);
  const extreme = (op: "fmin" | "fmax"): Value =>
    node.lowering.emit({
      dtype: "f32",
      shape: [],
      fold: {
        dims: flat.shape,
        classes: ["f32"],
        init: (s) => [s.f(0)],
        step: (s, _, red) => {
          const [k] = atLeast(red, 1);
          return [s.op(op, s.accumulator(), s.load(flat, [k]))];
        },
      },
      finish: (s) => s.accumulator(),
    });
  const [low, high] = [extreme("fmin"), extreme("fmax")];
  const scale = node.lowering.map("f32", [low, high], (s, a, b) => {
    const span = s.op("fsub", b, a);
    return s.select(s.op("feq", span, s.f(0)), s.f(1), s.op("fdiv", span, s.f(255)));
  });
  const zero = node.lowering.map("u8", [low, scale], (s, a, k) => {
    const at = s.op("fsub", s.f(0), s.op("fdiv", a, k));
    return s.op("f2i", s.op("frint", fn.clamp(s, at, 0, 255)));
  });
  const y = node.lowering.map("u8", [x, scale, zero], (s, v, k, z) => {
    const rounded = s.op("frint", s.op("fdiv", v, k));
    const moved = s.op("iadd", s.op("f2i", rounded), z);
    return s.op("imin", s.op("imax", moved, s.i(0)), s.i(255));
  });
  return [y, scale, zero];
};

const quantizedConcat = (node: NodeContext): Value => {
  const [yScale, yZero] = [scalar(node, 0), scalar(node, 1)];
  const dtype = byte(node, node.in(1));
  const parts = range((node.inputCount - 2) / 3).map((i) => {
    const [x, scale, zero] = [node.in(2 + 3 * i), scalar(node, 3 + 3 * i), scalar(node, 4 + 3 * i)];
    return node.lowering.map(dtype, [x, scale, zero, yScale, yZero], (s, v, xs, xz, ys, yz) => {
      const requantized = quantized(s, dtype, dequantized(s, v, xs, xz), ys, yz);
      const same = s.op("iand", s.op("feq", xs, ys), s.op("ieq", xz, yz));
      return s.select(same, v, requantized);
    });
  });
  const axis = node.axis(node.int("axis", 0), item(parts, 0).shape.length);
  return concatenated(node.lowering, parts, axis);
};

/** The average of each channel: the sum of the integers times one scale. */
export const quantizedAverage = (node: NodeContext): Value => {
  const x = node.in(0);
  if (node.int("channels_last", 0) === 1) throw node.refuse("channels last", "channels_last");
  const dtype = byte(node, x);
  const count = elementCount(x.shape.slice(2));
  const [xs, xz, ys, yz] = [scalar(node, 1), zeroPoint(node, 2, dtype), scalar(node, 3), zeroPoint(node, 4, dtype)];
  return node.lowering.emit({
    dtype,
    shape: [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)],
    fold: {
      dims: x.shape.slice(2),
      classes: ["int"],
      init: (s) => [s.i(0)],
      step: (s, out, red) => [s.op("iadd", s.accumulator(), s.load(x, [...out.slice(0, 2), ...red]))],
    },
    finish: (s: KernelStage) => {
      const [a, az, c, cz] = [xs, xz, ys, yz].map((value) => s.load(value, []));
      if (!a || !az || !c || !cz) throw new RangeError("four parameters");
      const sum = s.op("isub", s.accumulator(), s.op("imul", az, s.i(count)));
      const scale = s.op("fdiv", a, s.op("fmul", c, s.f(count)));
      const v = s.op("frint", s.op("fmul", s.op("i2f", sum), scale));
      const [low, high] = integerRange(dtype);
      return s.op("imin", s.op("imax", s.op("iadd", s.op("f2i", v), cz), s.i(low)), s.i(high));
    },
  });
};

/** A product with weights of four bits, one scale (and zero point) for each block of a row. */
const matmulNBits = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const [packed, scales, zeros] = [node.in(1), float(node, node.in(2)), node.opt(3)];
  const [k, n, bits, block] = [node.int("K", 0), node.int("N", 0), node.int("bits", 4), node.int("block_size", 0)];
  node.ignore("accuracy_level");
  if (bits !== 4 || node.opt(4) !== undefined || node.opt(5) !== undefined)
    throw node.refuse("only four bits, no bias, no reordering");
  if (zeros !== undefined && computable(node, zeros) !== "u8") throw node.refuse("only packed zero points");
  const blocks = Math.ceil(k / block);
  const bytes = reshaped(node.lowering, packed, [n, (blocks * block) / 2]);
  const scale = reshaped(node.lowering, scales, [n, blocks]);
  const zero = zeros && reshaped(node.lowering, zeros, [n, Math.ceil(blocks / 2)]);
  const nibble = (s: KernelStage, value: Ref, odd: Ref): Ref =>
    s.op("iand", s.op("ushr", value, s.op("imul", odd, s.i(4))), s.i(15));
  const weights = node.lowering.emit({
    dtype: "f32",
    shape: [n, blocks, block / 2, 2],
    finish: (s, out) => {
      const [row, b, pair, odd] = atLeast(out, 4);
      const code = nibble(s, s.load(bytes, [row, b.times(block / 2).plus(pair)]), s.affine(odd));
      const parity = s.op("iand", s.affine(b), s.i(1));
      const half = node.lowering.constantOf(
        "i32",
        [blocks],
        range(blocks).map((i) => i >> 1),
      );
      const z = zero
        ? nibble(s, s.load(zero, [row, 0], { gather: { dimension: 1, by: half, at: [b] } }), parity)
        : s.i(8);
      return s.op("fmul", s.op("i2f", s.op("isub", code, z)), s.load(scale, [row, b]));
    },
  });
  const flat = reshaped(node.lowering, weights, [n, blocks * block]);
  const rows = contiguousAlong(node.lowering, reshaped(node.lowering, x, [elementCount(x.shape.slice(0, -1)), k]), 1);
  const y = dot(node.lowering, {
    dtype: "f32",
    shape: [item(rows.shape, 0), n],
    class: "f32",
    length: k,
    block: 256,
    left: (s, out, at) => {
      const [i] = atLeast(out, 1);
      return s.load(rows, [i, at]);
    },
    right: (s, out, at) => {
      const [, j] = atLeast(out, 2);
      return s.load(flat, [j, at]);
    },
    finish: (_s, _out, sum) => sum,
  });
  return reshaped(node.lowering, y, [...x.shape.slice(0, -1), n]);
};

/** Quantised operators of ONNX Runtime's own domain, and DynamicQuantizeLinear. */
export const MICROSOFT: readonly Operator[] = [
  quantizedBinary("QLinearAdd", "fadd"),
  quantizedBinary("QLinearMul", "fmul"),
  microsoft("QLinearConcat", quantizedConcat),
  microsoft("QLinearGlobalAveragePool", quantizedAverage),
  microsoft("MatMulNBits", matmulNBits),
  onnx("DynamicQuantizeLinear", 11, (node) => dynamicallyQuantized(node, float(node, node.in(0)))),
];
