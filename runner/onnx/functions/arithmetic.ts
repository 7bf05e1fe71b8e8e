import { item } from "../../items.ts";
import type { Ref, StageBuilder } from "../build/stage.ts";

/** A stage's builder with short names for what formulas use. */
export interface Arithmetic {
  readonly f: (value: number) => Ref;
  readonly i: (value: number | bigint) => Ref;
  readonly add: (a: Ref, b: Ref) => Ref;
  readonly sub: (a: Ref, b: Ref) => Ref;
  readonly mul: (a: Ref, b: Ref) => Ref;
  readonly div: (a: Ref, b: Ref) => Ref;
  readonly neg: (a: Ref) => Ref;
  readonly abs: (a: Ref) => Ref;
  readonly sqrt: (a: Ref) => Ref;
  readonly lt: (a: Ref, b: Ref) => Ref;
  readonly le: (a: Ref, b: Ref) => Ref;
  readonly eq: (a: Ref, b: Ref) => Ref;
  readonly select: (condition: Ref, yes: Ref, no: Ref) => Ref;
  /** Polynomial by Horner's rule, highest coefficient first, each step rounded twice. */
  readonly horner: (x: Ref, ...coefficients: readonly number[]) => Ref;
}

export const arithmetic = (s: StageBuilder): Arithmetic => {
  const add = (a: Ref, b: Ref): Ref => s.op("fadd", a, b);
  const mul = (a: Ref, b: Ref): Ref => s.op("fmul", a, b);
  return {
    f: (value) => s.f(value),
    i: (value) => s.i(value),
    add,
    sub: (a, b) => s.op("fsub", a, b),
    mul,
    div: (a, b) => s.op("fdiv", a, b),
    neg: (a) => s.op("fneg", a),
    abs: (a) => s.op("fabs", a),
    sqrt: (a) => s.op("fsqrt", a),
    lt: (a, b) => s.op("flt", a, b),
    le: (a, b) => s.op("fle", a, b),
    eq: (a, b) => s.op("feq", a, b),
    select: (condition, yes, no) => s.select(condition, yes, no),
    horner: (x, ...coefficients) =>
      coefficients.slice(1).reduce((p, coefficient) => add(mul(p, x), s.f(coefficient)), s.f(item(coefficients, 0))),
  };
};

/** A function of one f32. */
export type Unary = (s: StageBuilder, x: Ref) => Ref;

export const clamp = (s: StageBuilder, x: Ref, low: number, high: number): Ref =>
  s.op("fmin", s.op("fmax", x, s.f(low)), s.f(high));

/** |magnitude| with the sign bit of `sign`; NaN stays NaN. */
export const copySign = (s: StageBuilder, magnitude: Ref, sign: Ref): Ref => {
  const bits = s.op("fbits", s.op("fabs", magnitude));
  return s.op("bitsf", s.op("ior", bits, s.op("iand", s.op("fbits", sign), s.i(0x80000000))));
};

/** Negates where the int is not 0. */
export const negateIf = (s: StageBuilder, condition: Ref, x: Ref): Ref => s.select(condition, s.op("fneg", x), x);

/** NaN for infinite x. */
export const finiteOnly = (s: StageBuilder, x: Ref, result: Ref): Ref =>
  s.select(s.op("flt", s.op("fabs", x), s.f(Infinity)), result, s.f(NaN));
