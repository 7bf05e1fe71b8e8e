import { item } from "../../../items.ts";
import type { DType } from "../../../machine/dtype.ts";
import type { Opcode } from "../../../machine/scalar.ts";
import { LIMITS } from "../../../machine/limits.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { firstElement } from "../../build/view.ts";
import { LARGEST_F32, computable, float, isUnsigned, less, sameType } from "../common.ts";
import { power } from "./power.ts";

/** Names that opset 1 to 6 used for broadcasting; the numpy rule came with 7. */
const SINCE_NUMPY = 7;

/** A binary operator on any numeric type: the f32 opcode and the int one, results wrapped to their type. */
const binary = (
  name: string,
  onFloat: Opcode,
  onInt: (s: StageBuilder, dtype: DType, a: Ref, b: Ref) => Ref,
): Operator =>
  onnx(name, SINCE_NUMPY, (node) => {
    const values = [node.in(0), node.in(1)];
    const dtype = sameType(node, values);
    return node.lowering.map(dtype, values, (s, a, b) => combine(s, dtype, onFloat, onInt, a, b));
  });

const combine = (
  s: StageBuilder,
  dtype: DType,
  onFloat: Opcode,
  onInt: (s: StageBuilder, dtype: DType, a: Ref, b: Ref) => Ref,
  a: Ref | undefined,
  b: Ref | undefined,
): Ref => {
  if (a === undefined || b === undefined) throw new RangeError("two operands expected");
  return dtype === "f32" ? s.op(onFloat as "fadd", a, b) : onInt(s, dtype, a, b);
};

const onInts =
  (op: "iadd" | "isub" | "imul") =>
  (s: StageBuilder, _dtype: DType, a: Ref, b: Ref): Ref =>
    s.op(op, a, b);

const variadic = (
  name: string,
  since: number,
  onFloat: Opcode,
  onInt: (s: StageBuilder, dtype: DType, a: Ref, b: Ref) => Ref,
  finish: (s: StageBuilder, sum: Ref, count: number) => Ref = (_, sum) => sum,
): Operator =>
  onnx(name, since, (node) => {
    const values = node.all();
    const dtype = sameType(node, values);
    if (values.length > LIMITS.reads) return chain(node, dtype, values, onFloat, onInt, finish);
    return node.lowering.map(dtype, values, (s, first, ...rest) =>
      finish(
        s,
        rest.reduce<Ref>((sum, x) => combine(s, dtype, onFloat, onInt, sum, x), first),
        values.length,
      ),
    );
  });

/** More operands than a kernel takes: folded two at a time. */
const chain = (
  node: NodeContext,
  dtype: DType,
  values: readonly Value[],
  onFloat: Opcode,
  onInt: (s: StageBuilder, dtype: DType, a: Ref, b: Ref) => Ref,
  finish: (s: StageBuilder, sum: Ref, count: number) => Ref,
): Value => {
  const total = values.reduce((sum, value) =>
    node.lowering.map(dtype, [sum, value], (s, a, b) => combine(s, dtype, onFloat, onInt, a, b)),
  );
  return node.lowering.map(dtype, [total], (s, sum) => finish(s, sum, values.length));
};

const minimum = (s: StageBuilder, dtype: DType, a: Ref, b: Ref): Ref => s.select(less(s, dtype, a, b), a, b);
const maximum = (s: StageBuilder, dtype: DType, a: Ref, b: Ref): Ref => s.select(less(s, dtype, a, b), b, a);

const negate = (node: NodeContext): Value => {
  const x = node.in(0);
  const dtype = computable(node, x);
  return node.lowering.map(dtype, [x], (s, a) => (dtype === "f32" ? s.op("fneg", a) : s.op("isub", s.i(0), a)));
};

const absolute = (node: NodeContext): Value => {
  const x = node.in(0);
  const dtype = computable(node, x);
  return node.lowering.map(dtype, [x], (s, v) => {
    if (dtype === "f32") return s.op("fabs", v);
    return isUnsigned(dtype) ? s.op("ior", v, v) : s.op("imax", v, s.op("isub", s.i(0), v));
  });
};

const sign = (node: NodeContext): Value => {
  const x = node.in(0);
  const dtype = computable(node, x);
  return node.lowering.map(dtype, [x], (s, v) => {
    if (dtype === "f32") {
      const zeroOrNaN = s.select(s.op("feq", v, v), s.f(0), v);
      return s.select(s.op("flt", s.f(0), v), s.f(1), s.select(s.op("flt", v, s.f(0)), s.f(-1), zeroOrNaN));
    }
    const zero = s.i(0);
    return s.op("isub", s.not(s.not(v)), isUnsigned(dtype) ? zero : s.op("imul", s.i(2), s.op("ilt", v, zero)));
  });
};

const clip = (node: NodeContext): Value => {
  const x = node.in(0);
  const dtype = computable(node, x);
  if (node.opset < 11) {
    float(node, x);
    if (node.opset < 6) node.ignore("consumed_inputs");
    const low = node.float("min", -LARGEST_F32);
    const high = node.float("max", LARGEST_F32);
    return node.lowering.map("f32", [x], (s, a) => s.op("fmin", s.op("fmax", a, s.f(low)), s.f(high)));
  }
  const [low, high] = [node.opt(1), node.opt(2)];
  const bounds = [low, high].filter((bound) => bound !== undefined);
  sameType(node, [x, ...bounds]);
  const scalars = bounds.map(firstElement);
  const body = (s: StageBuilder, a: Ref, ...limits: readonly Ref[]): Ref => {
    let v = a;
    let next = 0;
    const pick = (): Ref => item(limits, next++);
    if (low !== undefined) {
      const limit = pick();
      v = dtype === "f32" ? s.op("fmax", v, limit) : maximum(s, dtype, v, limit);
    }
    if (high !== undefined) {
      const limit = pick();
      v = dtype === "f32" ? s.op("fmin", v, limit) : minimum(s, dtype, v, limit);
    }
    return v;
  };
  return node.lowering.map(dtype, [x, ...scalars], (s, a, ...rest) => body(s, a, ...rest));
};

/** A finite float's magnitude as mantissa times a power of two: the exponent counts from the least subnormal's. */
const split = (s: StageBuilder, x: Ref): { readonly mantissa: Ref; readonly exponent: Ref } => {
  const bits = s.op("fbits", x);
  const fraction = s.op("iand", bits, s.i(0x7fffff));
  const field = s.op("iand", s.op("ushr", bits, s.i(23)), s.i(255));
  const normal = s.op("ilt", s.i(0), field);
  return {
    mantissa: s.op("ior", fraction, s.op("ishl", normal, s.i(23))),
    exponent: s.op("imax", s.op("isub", field, s.i(1)), s.i(0)),
  };
};

/** The remainder of C's fmod, exact: mantissas are whole numbers, and 2^d modulo the divisor's comes by squaring. */
const floatRemainder = (s: StageBuilder, x: Ref, y: Ref): Ref => {
  const [a, b] = [split(s, x), split(s, y)];
  const distance = s.op("isub", a.exponent, b.exponent);
  const modulus = b.mantissa;
  const times = (p: Ref, q: Ref): Ref => s.op("urem", s.op("imul", p, q), modulus);
  let [power, rest] = [s.op("urem", s.i(2), modulus), s.op("urem", a.mantissa, modulus)];
  // Exponents differ by at most 253.
  for (let bit = 0; bit < 8; bit++) {
    const on = s.op("iand", s.op("ushr", distance, s.i(bit)), s.i(1));
    rest = s.select(on, times(rest, power), rest);
    power = times(power, power);
  }
  // The remainder in units of the divisor's exponent: its float is exact, as a product of it and two powers of two.
  const half = s.op("ushr", b.exponent, s.i(1));
  const scale = (e: Ref): Ref => s.op("bitsf", s.op("ishl", s.op("iadd", e, s.i(127)), s.i(23)));
  const tiny = s.op("fmul", s.op("i2f", rest), s.f(2 ** -23));
  const lifted = s.op(
    "fmul",
    s.op("fmul", s.op("fmul", tiny, scale(half)), s.f(2 ** -126)),
    scale(s.op("isub", b.exponent, half)),
  );
  const size = s.select(s.op("flt", s.op("fabs", x), s.op("fabs", y)), s.op("fabs", x), lifted);
  const signed = s.op("bitsf", s.op("ior", s.op("fbits", size), s.op("iand", s.op("fbits", x), s.i(0x80000000))));
  const defined = s.op(
    "iand",
    s.op("iand", s.op("flt", s.op("fabs", x), s.f(Infinity)), s.op("feq", y, y)),
    s.not(s.op("feq", y, s.f(0))),
  );
  const finite = s.select(s.op("feq", s.op("fabs", y), s.f(Infinity)), x, signed);
  return s.select(defined, finite, s.f(Number.NaN));
};

const modulo = (node: NodeContext): Value => {
  const values = [node.in(0), node.in(1)];
  const dtype = sameType(node, values);
  const fmod = node.int("fmod", 0);
  if (dtype === "f32") {
    if (fmod === 0) throw node.invalid("Mod of floats needs fmod = 1", "fmod");
    return node.lowering.map("f32", values, floatRemainder);
  }
  return node.lowering.map(dtype, values, (s, x, y) => {
    const [a, b] = [x, y];
    if (dtype === "u64") return s.op("urem", a, b);
    const rest = s.op("irem", a, b);
    if (fmod === 1 || isUnsigned(dtype)) return rest;
    // Floored: the remainder takes the divisor's sign.
    const opposite = s.op("ilt", s.op("ixor", rest, b), s.i(0));
    const adjust = s.op("iand", opposite, s.not(s.op("ieq", rest, s.i(0))));
    return s.select(adjust, s.op("iadd", rest, b), rest);
  });
};

const shift = (node: NodeContext): Value => {
  const values = [node.in(0), node.in(1)];
  const dtype = sameType(node, values);
  if (!isUnsigned(dtype)) throw node.invalid("BitShift takes unsigned integers");
  const direction = node.string("direction", "");
  if (direction !== "LEFT" && direction !== "RIGHT") throw node.invalid("direction is LEFT or RIGHT", "direction");
  return node.lowering.map(dtype, values, (s, a, b) => s.op(direction === "LEFT" ? "ishl" : "ushr", a, b));
};

const prelu = (node: NodeContext): Value => {
  const [x, given] = [node.in(0), node.in(1)];
  const dtype = sameType(node, [x, given]);
  if (dtype !== "f32") throw node.refuse(`element type ${dtype}`);
  // Before opset 9 a slope of rank 1 ran over channels.
  const channels = node.opset < 9 && given.shape.length === 1 && x.shape.length > 2;
  const slope = channels
    ? {
        ...given,
        shape: [item(given.shape, 0), ...x.shape.slice(2).map(() => 1)],
        strides: [item(given.strides, 0), ...x.shape.slice(2).map(() => 0)],
      }
    : given;
  return node.lowering.map("f32", [x, slope], (s, a, b) => s.select(s.op("flt", a, s.f(0)), s.op("fmul", a, b), a));
};

/** Operators that compute each element from the elements at its place. */
export const ELEMENTWISE: readonly Operator[] = [
  binary("Add", "fadd", onInts("iadd")),
  binary("Sub", "fsub", onInts("isub")),
  binary("Mul", "fmul", onInts("imul")),
  binary("Div", "fdiv", (s, dtype, a, b) => s.op(dtype === "u64" ? "udiv" : "idiv", a, b)),
  variadic("Sum", 6, "fadd", onInts("iadd")),
  variadic("Mean", 6, "fadd", onInts("iadd"), (s, sum, count) => s.op("fmul", sum, s.f(1 / count))),
  variadic("Min", 6, "fmin", minimum),
  variadic("Max", 6, "fmax", maximum),
  onnx("Pow", SINCE_NUMPY, power),
  onnx("Neg", 6, negate),
  onnx("Abs", 6, absolute),
  onnx("Sign", 9, sign),
  onnx("Clip", 1, clip),
  onnx("Mod", 10, modulo),
  onnx("BitShift", 11, shift),
  onnx("Relu", 1, (node) => {
    if (node.opset < 6) node.ignore("consumed_inputs");
    const x = node.in(0);
    const dtype = computable(node, x);
    return node.lowering.map(dtype, [x], (s, a) =>
      dtype === "f32" ? s.op("fmax", a, s.f(0)) : s.op("imax", a, s.i(0)),
    );
  }),
  onnx("PRelu", SINCE_NUMPY, prelu),
];
