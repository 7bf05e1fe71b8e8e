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

const modulo = (node: NodeContext): Value => {
  const values = [node.in(0), node.in(1)];
  const dtype = sameType(node, values);
  const fmod = node.int("fmod", 0);
  if (dtype === "f32") {
    if (fmod === 0) throw node.invalid("Mod of floats needs fmod = 1", "fmod");
    throw node.refuse("Mod of floats is not supported");
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
