import { expect } from "chai";
import { executeProgram } from "../../../runner/machine/interpreter.ts";
import { type Tensor, tensorFrom } from "../../../runner/machine/tensor.ts";
import { asIndex } from "../../../runner/onnx/build/affine.ts";
import { plusTerm, SUM_CLASSES, toF32, zeroSum } from "../../../runner/onnx/sums/binary64-sum.ts";
import { Lowering } from "../../../runner/onnx/build/lowering.ts";
import { finishProgram } from "../../../runner/onnx/passes/program.ts";

const N = 12;

/** Sums rows of twelve terms on the machine. */
const sums = (rows: readonly (readonly number[])[]): readonly number[] => {
  const b = new Lowering();
  const x = b.input("f32", [rows.length, N]);
  const y = b.emit({
    dtype: "f32",
    shape: [rows.length],
    fold: {
      dims: [N],
      classes: SUM_CLASSES,
      init: (s) => zeroSum(s),
      step: (s, [row = 0], [k = asIndex(0)]) => {
        const sum = { mantissa: s.accumulator(0), exponent: s.accumulator(1), special: s.accumulator(2) };
        return plusTerm(s, sum, s.load(x, [row, k]));
      },
    },
    finish: (s) => toF32(s, { mantissa: s.accumulator(0), exponent: s.accumulator(1), special: s.accumulator(2) }),
  });
  const { program, constants } = finishProgram(b, [y]);
  const trace = executeProgram(program, [tensorFrom("f32", rows.flat())], constants);
  return [...(trace[program.outputs[0] ?? 0] as Tensor).data].map(Number);
};

/** The same sums by the host's binary64. */
const expected = (row: readonly number[]): number => Math.fround(row.reduce((sum, v) => sum + v, 0));

const random = (() => {
  let state = 0x9e3779b9;
  return (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
})();

const row = (term: (k: number) => number): number[] => Array.from({ length: N }, (_, k) => Math.fround(term(k)));

describe("sums in binary64 on the machine", () => {
  const CASES: readonly (readonly [name: string, term: () => number])[] = [
    ["terms of one size", () => random() - 0.5],
    ["terms of many sizes", () => (random() - 0.5) * 2 ** Math.floor(random() * 120 - 60)],
    ["terms of all sizes", () => (random() - 0.5) * 2 ** Math.floor(random() * 276 - 148)],
    [
      "few bits, so that sums cancel and lie between two floats",
      () => Math.round(random() * 8 - 4) * 2 ** Math.floor(random() * 60 - 30),
    ],
    ["subnormals", () => Math.round(random() * 64 - 32) * 2 ** -149],
    ["the largest", () => (random() < 0.6 ? 1 : -1) * 3.4028234663852886e38],
  ];
  for (const [name, term] of CASES) {
    it(`round every addition as the host does: ${name}`, () => {
      const rows = Array.from({ length: 400 }, () => row(term));
      expect(sums(rows)).to.deep.equal(rows.map(expected));
    });
  }
  it("round to even at every length of a run of bits", () => {
    const rows = Array.from({ length: 120 }, (_, i) => {
      const [a, b, c] = [2 ** (i % 40), 2 ** -(i % 37), 2 ** (-(i % 53) - 1)];
      return row((k) => [a, b, -c, c, -a, c, 2 ** -60, a, a, -b, 3 * c, b][k] ?? 0);
    });
    expect(sums(rows)).to.deep.equal(rows.map(expected));
  });
  it("see every bit below half a unit", () => {
    const tiny = 1 + 2 ** -23;
    const rows = [2 ** -53, 2 ** -54].flatMap((half) =>
      [1, -1].flatMap((sign) =>
        [1, -1].flatMap((other) =>
          [half, half * tiny, half * (2 - tiny)].map((term) => row((k) => [sign, other * term, -sign][k] ?? 0)),
        ),
      ),
    );
    expect(sums(rows)).to.deep.equal(rows.map(expected));
  });
  it("pass infinities and NaN through", () => {
    const rows = [
      row((k) => (k === 3 ? Infinity : 1)),
      row((k) => (k === 3 ? -Infinity : 1)),
      row((k) => (k === 3 ? Infinity : k === 5 ? -Infinity : 1)),
      row((k) => (k === 3 ? NaN : 1)),
      row(() => -0),
    ];
    expect(sums(rows)).to.deep.equal([Infinity, -Infinity, NaN, NaN, 0]);
  });
});
