import type { DType } from "../../../machine/dtype.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { storageOf } from "../../file/element-type.ts";
import { computable, float, isFloatType, less, sameType } from "../common.ts";

const comparison = (
  name: string,
  since: number,
  body: (s: StageBuilder, dtype: DType, a: Ref, b: Ref) => Ref,
): Operator =>
  onnx(name, since, (node) => {
    const values = [node.in(0), node.in(1)];
    const dtype = sameType(node, values);
    return node.lowering.map("bool", values, (s, a, b) => body(s, dtype, a, b));
  });

/** a <= b: for floats false with NaN, so not the negation of b < a. */
const lessOrEqual = (s: StageBuilder, dtype: DType, a: Ref, b: Ref): Ref =>
  isFloatType(dtype) ? s.op("fle", a, b) : s.not(less(s, dtype, b, a));

const boolean = (name: string, op: "iand" | "ior" | "ixor"): Operator =>
  onnx(name, 7, (node) => {
    const values = [node.in(0), node.in(1)];
    if (sameType(node, values) !== "bool") throw node.invalid("the inputs are not bool");
    return node.lowering.map("bool", values, (s, a, b) => s.op(op, a, b));
  });

const bitwise = (name: string, op: "iand" | "ior" | "ixor"): Operator =>
  onnx(name, 18, (node) => {
    const values = [node.in(0), node.in(1)];
    const dtype = sameType(node, values);
    if (isFloatType(dtype)) throw node.invalid("the inputs are not integers");
    return node.lowering.map(dtype, values, (s, a, b) => s.op(op, a, b));
  });

const where = (node: NodeContext): Value => {
  const [condition, yes, no] = [node.in(0), node.in(1), node.in(2)];
  if (condition.element !== "bool") throw node.invalid("the condition is not bool");
  if (yes.element !== no.element) throw node.invalid(`branches of types ${yes.element} and ${no.element}`);
  return node.lowering.map(
    storageOf(yes.element),
    [condition, yes, no],
    (s, c, a, b) => s.select(c, a, b),
    yes.element,
  );
};

const isInfinite = (node: NodeContext): Value => {
  const [positive, negative] = [node.int("detect_positive", 1), node.int("detect_negative", 1)];
  return node.lowering.map("bool", [float(node, node.in(0))], (s, x) => {
    const up = s.op("feq", x, s.f(positive ? Infinity : NaN));
    const down = s.op("feq", x, s.f(negative ? -Infinity : NaN));
    return s.op("ior", up, down);
  });
};

/** Comparisons, boolean and bitwise operators, Where. */
export const LOGIC: readonly Operator[] = [
  comparison("Equal", 7, (s, dtype, a, b) => s.op(isFloatType(dtype) ? "feq" : "ieq", a, b)),
  comparison("Less", 7, less),
  comparison("Greater", 7, (s, dtype, a, b) => less(s, dtype, b, a)),
  comparison("LessOrEqual", 12, lessOrEqual),
  comparison("GreaterOrEqual", 12, (s, dtype, a, b) => lessOrEqual(s, dtype, b, a)),
  boolean("And", "iand"),
  boolean("Or", "ior"),
  boolean("Xor", "ixor"),
  onnx("Not", 1, (node) => {
    const x = node.in(0);
    if (computable(node, x) !== "bool") throw node.invalid("the input is not bool");
    return node.lowering.map("bool", [x], (s, a) => s.not(a));
  }),
  bitwise("BitwiseAnd", "iand"),
  bitwise("BitwiseOr", "ior"),
  bitwise("BitwiseXor", "ixor"),
  onnx("BitwiseNot", 18, (node) => {
    const x = node.in(0);
    const dtype = computable(node, x);
    if (isFloatType(dtype)) throw node.invalid("the input is not an integer");
    return node.lowering.map(dtype, [x], (s, a) => s.op("ixor", a, s.i(-1)));
  }),
  onnx("IsNaN", 9, (node) => node.lowering.map("bool", [float(node, node.in(0))], (s, a) => s.not(s.op("feq", a, a)))),
  onnx("IsInf", 10, isInfinite),
  { ...onnx("Where", 9, where), anyType: true },
];
