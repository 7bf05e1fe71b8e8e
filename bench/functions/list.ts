import * as fn from "../../runner/onnx/functions/index.ts";
import type { TestNode } from "../../testing/onnx-model.ts";
import * as reference from "./reference.ts";
import type { Interval } from "./sample.ts";

/** An elementary function of the importer, and what it is measured against. */
export interface Subject {
  readonly name: string;
  /** An operator, or a function that several operators use inside. */
  readonly body: { readonly op: string; readonly attributes?: TestNode["attributes"] } | { readonly inside: fn.Unary };
  readonly exact: reference.Reference;
  /** Where bit patterns are evenly spaced. */
  readonly domain: Interval;
  /** Where values are evenly spaced: what models mostly see. */
  readonly usual: Interval;
}

const LARGEST = 2 ** 128 - 2 ** 104;
const ALL: Interval = [-LARGEST, LARGEST];
const POSITIVE: Interval = [2 ** -149, LARGEST];
const UNIT: Interval = [-1, 1];
/** e^x is a finite f32, not 0, for these. */
const EXPONENTS: Interval = [-103.97, 88.72];

const [ALPHA, GAMMA] = [1.67326319217681884765625, 1.05070102214813232421875];
const FIFTH = Math.fround(0.2);

const op = (name: string, exact: reference.Reference, domain: Interval, usual: Interval): Subject => ({
  name,
  body: { op: name },
  exact,
  domain,
  usual,
});

const inside = (
  name: string,
  body: fn.Unary,
  exact: reference.Reference,
  domain: Interval,
  usual: Interval,
): Subject => ({
  name,
  body: { inside: body },
  exact,
  domain,
  usual,
});

/** Every elementary function, in the order of docs/functions.md. */
export const SUBJECTS: readonly Subject[] = [
  op("Exp", Math.exp, EXPONENTS, [-20, 20]),
  inside(
    "e^x of Elu, Selu, Celu, Softplus, Mish, Cosh, ReduceLogSumExp",
    fn.expOfLibrary,
    Math.exp,
    EXPONENTS,
    [-20, 20],
  ),
  inside("e^x of Softmax", fn.expNegative, Math.exp, [-88.37, 0], [-20, 0]),
  inside("e^x - 1 of Sinh", fn.expm1, Math.expm1, [2 ** -25, 88.72], [2 ** -25, 1]),
  op("Log", Math.log, POSITIVE, [0.5, 2]),
  inside("log(1 + x) of Softplus, Mish, Asinh, Acosh, Atanh", fn.log1p, Math.log1p, [-0.99999994, LARGEST], [-0.5, 1]),
  op("Pow", Math.pow, POSITIVE, [0.5, 2]),
  op("Sqrt", Math.sqrt, POSITIVE, [0, 4]),
  op("Reciprocal", (x) => 1 / x, ALL, [0.5, 2]),
  op("Sin", Math.sin, ALL, [-8, 8]),
  op("Cos", Math.cos, ALL, [-8, 8]),
  op("Tan", Math.tan, ALL, [-8, 8]),
  op("Asin", Math.asin, UNIT, UNIT),
  op("Acos", Math.acos, UNIT, UNIT),
  op("Atan", Math.atan, ALL, [-4, 4]),
  op("Sinh", Math.sinh, [-89.4, 89.4], [-4, 4]),
  op("Cosh", Math.cosh, [-89.4, 89.4], [-4, 4]),
  op("Tanh", Math.tanh, ALL, [-8, 8]),
  inside("tanh of Attention's softcap", fn.tanhOfLibrary, Math.tanh, ALL, [-8, 8]),
  op("Asinh", Math.asinh, ALL, [-4, 4]),
  op("Acosh", Math.acosh, [1, LARGEST], [1, 4]),
  op("Atanh", Math.atanh, [-0.99999994, 0.99999994], [-0.99999994, 0.99999994]),
  op("Sigmoid", reference.logistic, ALL, [-8, 8]),
  op("Erf", reference.erf, ALL, [-4, 4]),
  op("Gelu", reference.gelu, ALL, [-4, 4]),
  {
    ...op("Gelu", reference.geluByTanh, ALL, [-4, 4]),
    name: "Gelu by tanh",
    body: { op: "Gelu", attributes: { approximate: "tanh" } },
  },
  op("Softplus", reference.softplus, ALL, [-8, 8]),
  op("Mish", reference.mish, ALL, [-8, 8]),
  op("Elu", (x) => reference.elu(x), ALL, [-8, 8]),
  op("Celu", (x) => reference.elu(x), ALL, [-8, 8]),
  op("Selu", (x) => GAMMA * reference.elu(x, ALPHA), ALL, [-8, 8]),
  op("Softsign", (x) => x / (1 + Math.abs(x)), ALL, [-8, 8]),
  op("HardSigmoid", (x) => Math.max(0, Math.min(1, FIFTH * x + 0.5)), ALL, [-4, 4]),
  op("HardSwish", (x) => x * Math.max(0, Math.min(1, x / 6 + 0.5)), ALL, [-4, 4]),
];
