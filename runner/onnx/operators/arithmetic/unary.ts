import { microsoft, type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import * as fn from "../../functions/index.ts";
import { arithmetic } from "../../functions/index.ts";
import { float } from "../common.ts";

const unaryFloat = (name: string, body: fn.Unary, since = 1): Operator =>
  onnx(name, since, (node) => {
    if (node.opset < 6) node.ignore("consumed_inputs");
    return node.lowering.map("f32", [float(node, node.in(0))], body);
  });

/** A function too long for one kernel: `second` takes the argument and what `first` makes of it. */
const inTwo = (name: string, first: fn.Unary, second: (s: StageBuilder, x: Ref, of: Ref) => Ref, since = 1): Operator =>
  onnx(name, since, (node) => {
    const x = float(node, node.in(0));
    return node.lowering.map("f32", [x, node.lowering.map("f32", [x], first)], second);
  });

const rounding = (name: string, op: "ffloor" | "fceil" | "frint"): Operator => unaryFloat(name, (s, x) => s.op(op, x));

const leaky = (s: StageBuilder, x: Ref, alpha: Ref): Ref => s.select(s.op("fle", s.f(0), x), x, s.op("fmul", alpha, x));

const withAlpha = (
  name: string,
  since: number,
  alpha: number,
  body: (s: StageBuilder, x: Ref, alpha: number) => Ref,
): Operator =>
  onnx(name, since, (node) => {
    if (node.opset < 6) node.ignore("consumed_inputs");
    const a = node.float("alpha", alpha);
    return node.lowering.map("f32", [float(node, node.in(0))], (s, x) => body(s, x, a));
  });

/** 0.5 x (1 + erf(x / sqrt(2))), or by the hyperbolic tangent. */
export const geluOf = (s: StageBuilder, x: Ref, byTanh: boolean): Ref => {
  const { f, add, mul } = arithmetic(s);
  const inner = byTanh
    ? fn.tanh(s, mul(x, add(mul(mul(f(0.035677408136300125), x), x), f(0.7978845608028654))))
    : fn.erf(s, mul(x, f(Math.SQRT1_2)));
  return mul(mul(f(0.5), x), add(inner, f(1)));
};

const gelu = (node: NodeContext): Value => {
  const approximate = node.string("approximate", "none");
  if (approximate !== "none" && approximate !== "tanh")
    throw node.refuse(`approximate "${approximate}"`, "approximate");
  return node.lowering.map("f32", [float(node, node.in(0))], (s, x) => geluOf(s, x, approximate === "tanh"));
};

const selu = (node: NodeContext): Value => {
  if (node.opset < 6) node.ignore("consumed_inputs");
  const alpha = node.float("alpha", 1.67326319217681884765625);
  const gamma = node.float("gamma", 1.05070102214813232421875);
  return node.lowering.map("f32", [float(node, node.in(0))], (s, x) => {
    const { f, sub, mul, lt, select } = arithmetic(s);
    const below = mul(f(Math.fround(gamma) * Math.fround(alpha)), sub(fn.expOfLibrary(s, x), f(1)));
    return select(lt(f(0), x), mul(f(gamma), x), below);
  });
};

/** log(1 + e^-|x|), plus x where it is positive. */
const softplus: fn.Unary = (s, x) => {
  const tail = fn.log1p(s, fn.expOfLibrary(s, s.op("fneg", s.op("fabs", x))));
  return s.select(s.op("flt", s.f(0), x), s.op("fadd", x, tail), tail);
};

const hardSigmoid = (s: StageBuilder, x: Ref, alpha: number, beta: number): Ref =>
  fn.clamp(s, s.op("fadd", s.op("fmul", s.f(alpha), x), s.f(beta)), 0, 1);

const shrink = (node: NodeContext): Value => {
  const [bias, lambda] = [node.float("bias", 0), node.float("lambd", 0.5)];
  return node.lowering.map("f32", [float(node, node.in(0))], (s, x) => {
    const { f, add, sub, lt, select } = arithmetic(s);
    return select(lt(x, f(-lambda)), add(x, f(bias)), select(lt(f(lambda), x), sub(x, f(bias)), f(0)));
  });
};

/** Functions of one float, with or without parameters. */
export const UNARY: readonly Operator[] = [
  rounding("Floor", "ffloor"),
  rounding("Ceil", "fceil"),
  rounding("Round", "frint"),
  unaryFloat("Sqrt", (s, x) => s.op("fsqrt", x)),
  unaryFloat("Reciprocal", (s, x) => s.op("fdiv", s.f(1), x)),
  unaryFloat("Exp", fn.exp),
  unaryFloat("Log", fn.log),
  unaryFloat("Sin", fn.sin),
  unaryFloat("Cos", fn.cos),
  unaryFloat("Tan", fn.tan),
  unaryFloat("Asin", fn.asin),
  unaryFloat("Acos", fn.acos),
  unaryFloat("Atan", fn.atan),
  unaryFloat("Sinh", fn.sinh),
  unaryFloat("Cosh", fn.cosh),
  inTwo("Asinh", fn.asinhFar, fn.asinh),
  inTwo("Acosh", fn.acoshFar, fn.acosh),
  unaryFloat("Atanh", fn.atanh),
  unaryFloat("Tanh", fn.tanh),
  unaryFloat("Sigmoid", fn.sigmoid),
  unaryFloat("Erf", fn.erf),
  unaryFloat("Softplus", softplus),
  unaryFloat("Softsign", (s, x) => s.op("fmul", s.op("fdiv", s.f(1), s.op("fadd", s.f(1), s.op("fabs", x))), x)),
  unaryFloat("HardSwish", (s, x) => s.op("fmul", x, hardSigmoid(s, x, 1 / 6, 0.5))),
  inTwo("Mish", softplus, (s, x, of) => s.op("fmul", x, fn.tanh(s, of)), 18),
  withAlpha("LeakyRelu", 1, 0.01, (s, x, alpha) => leaky(s, x, s.f(alpha))),
  withAlpha("Elu", 1, 1, (s, x, alpha) =>
    s.select(s.op("flt", s.f(0), x), x, s.op("fmul", s.f(alpha), s.op("fsub", fn.expOfLibrary(s, x), s.f(1)))),
  ),
  withAlpha("Celu", 12, 1, (s, x, alpha) =>
    s.op(
      "fadd",
      s.op("fmax", s.f(0), x),
      s.op(
        "fmin",
        s.f(0),
        s.op("fmul", s.f(alpha), s.op("fsub", fn.expOfLibrary(s, s.op("fdiv", x, s.f(alpha))), s.f(1))),
      ),
    ),
  ),
  withAlpha("ThresholdedRelu", 10, 1, (s, x, alpha) => s.select(s.op("flt", s.f(alpha), x), x, s.f(0))),
  withAlpha("Swish", 24, 1, (s, x, alpha) => s.op("fmul", x, fn.sigmoid(s, s.op("fmul", s.f(alpha), x)))),
  onnx("HardSigmoid", 1, (node) => {
    if (node.opset < 6) node.ignore("consumed_inputs");
    const [alpha, beta] = [node.float("alpha", 0.2), node.float("beta", 0.5)];
    return node.lowering.map("f32", [float(node, node.in(0))], (s, x) => hardSigmoid(s, x, alpha, beta));
  }),
  onnx("Selu", 1, selu),
  onnx("Gelu", 20, gelu),
  microsoft("Gelu", gelu),
  onnx("Shrink", 9, shrink),
];
