import { expect } from "chai";

import { f32, run } from "../../../testing/onnx-model.ts";

/*
 * Elementary functions where formulas break: zeros, ends of domains, infinities, NaN. Compared with binary64, where the
 * kind of the result (NaN, infinity, the sign of zero) must be the same and a finite one close.
 */
const FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  Exp: Math.exp,
  Log: Math.log,
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Sin: Math.sin,
  Cos: Math.cos,
  Tan: Math.tan,
  Asin: Math.asin,
  Acos: Math.acos,
  Atan: Math.atan,
  Sinh: Math.sinh,
  Cosh: Math.cosh,
  Tanh: Math.tanh,
  Asinh: Math.asinh,
  Acosh: Math.acosh,
  Atanh: Math.atanh,
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Softplus: (x) => (x > 40 ? x : Math.log1p(Math.exp(x))),
  Softsign: (x) => (Math.abs(x) === Infinity ? NaN : x / (1 + Math.abs(x))),
};
const EDGES = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  -2,
  1 + 2 ** -23,
  -1 - 2 ** -23,
  1 - 2 ** -24,
  88.5,
  -88.5,
  2 ** -149,
  2 ** -126,
];
const ENDS = [Infinity, -Infinity, NaN];

describe("elementary functions at their edges", () => {
  for (const [op, reference] of Object.entries(FUNCTIONS)) {
    it(`${op} is of the right kind, and close, at zeros, units, ends and NaN`, () => {
      const values = [...EDGES, ...ENDS];
      const { outputs } = run({
        inputs: { x: f32([values.length], values) },
        nodes: [{ op, in: ["x"], out: ["y"] }],
        outputs: ["y"],
      });
      const got = Array.from(outputs[0]?.data ?? [], Number);
      values.forEach((x, i) => {
        const [actual, expected] = [got[i] ?? 0, Math.fround(reference(Math.fround(x)))];
        const label = `${op}(${String(x)}) = ${String(actual)}, not ${String(expected)}`;
        if (Number.isNaN(expected)) expect(actual, label).to.satisfy(Number.isNaN);
        else if (!Number.isFinite(expected)) expect(actual, label).to.equal(expected);
        else
          expect(Math.abs(actual - expected), label).to.be.at.most(1e-6 * Math.max(1e-3, Math.abs(expected)) + 1e-30);
      });
    });
  }

  it("Pow is what IEEE 754 says at zeros, units, infinities and NaN", () => {
    const cases: readonly (readonly [x: number, y: number, power: number])[] = [
      [NaN, 0, 1],
      [Infinity, -0, 1],
      [1, NaN, 1],
      [1, Infinity, 1],
      [-1, Infinity, 1],
      [-1, -Infinity, 1],
      [NaN, 1, NaN],
      [2, NaN, NaN],
      [-1, NaN, NaN],
      [-2, 0.5, NaN],
      [-0, 3, -0],
      [-0, 2, 0],
      [-0, 0.5, 0],
      [-0, -3, -Infinity],
      [0, -0.5, Infinity],
      [-Infinity, 3, -Infinity],
      [-Infinity, 2, Infinity],
      [-Infinity, 0.5, Infinity],
      [-Infinity, -3, -0],
      [0.5, Infinity, 0],
      [0.5, -Infinity, Infinity],
      [-2, Infinity, Infinity],
      [-2, 2 ** 24 - 1, -Infinity],
      [-2, 2 ** 24, Infinity],
      [2, 128, Infinity],
      [2, -149, 2 ** -149],
      [2, -150, 0],
      [-0.5, 149, -(2 ** -149)],
      [2 ** -149, -0.5, 2 ** 74.5],
      [-3, 5, -243],
    ];
    const { outputs } = run({
      inputs: {
        x: f32(
          [cases.length],
          cases.map(([x]) => x),
        ),
        y: f32(
          [cases.length],
          cases.map(([, y]) => y),
        ),
      },
      nodes: [{ op: "Pow", in: ["x", "y"], out: ["z"] }],
      outputs: ["z"],
    });
    const got = Array.from(outputs[0]?.data ?? [], Number);
    cases.forEach(([x, y, power], i) => {
      expect(got[i], `${String(x)} ^ ${String(y)}`).to.satisfy((z: number) => Object.is(z, Math.fround(power)));
    });
  });
});
