import { expect } from "chai";

import { type Range, scalarTerm, type Term, BIG, intRange } from "../../../runner/backends/javascript/term.ts";
import { DTYPE_CODE, DTYPES } from "../../../runner/machine/dtype.ts";
import { f32FromBits, f32ToBits } from "../../../runner/machine/float.ts";
import { FLOAT, INTEGER, TO_FLOAT, TO_INT, wrapTo } from "../../../runner/machine/interpreter.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { randomF32Bits, randomInt } from "../../../testing/random-kernels.ts";
import { OPCODES, type Opcode, type OpcodeRow } from "../../../runner/machine/scalar.ts";

const CASES = Math.max(3000, Number(process.env.ASSAY_FUZZ ?? 0));
const random = createRandom(31);

type Value = number | bigint;
type Evaluate = (scope: typeof SCOPE, a: Value, b: Value, c: Value) => Value;
const SCOPE = { FLOAT, INTEGER, TO_FLOAT, TO_INT, f32FromBits, f32ToBits, fround: Math.fround };

/** An int operand: a range that is a point, small, or wide, and a value in it; -0 stands for 0 now and then. */
function intOperand(): { readonly range: Range; readonly value: Value } {
  const at = randomInt(random);
  const width = BigInt(random.pick([0, 0, 1, 3, 255, 2 ** 31, 2 ** 40, 2 ** 53]));
  const below = width === 0n ? 0n : BigInt.asUintN(64, random.u64()) % (width + 1n);
  const range = intRange(Number(at - below), Number(at - below + width));
  if (range.kind === "big" || random.chance(0.1)) return { range: BIG, value: at };
  return { range, value: at === 0n && random.chance(0.5) ? -0 : Number(at) };
}

/** An f32 operand; its range holds it, or it is NaN. */
function floatOperand(): { readonly range: Range; readonly value: Value } {
  const value = f32FromBits(randomF32Bits(random));
  if (Number.isNaN(value) || random.chance(0.3)) return { range: { kind: "f32", lo: -Infinity, hi: Infinity }, value };
  const other = f32FromBits(randomF32Bits(random));
  const ends = [value, Number.isNaN(other) || random.chance(0.3) ? value : other];
  const range: Range = { kind: "f32", lo: Math.min(...ends), hi: Math.max(...ends) };
  return { range, value: random.chance(0.1) ? NaN : value };
}

/** What the definition gives, with ints as bigints. */
function defined(op: Exclude<Opcode, "index">, values: readonly Value[], field: number): Value {
  const int = (i: number): bigint => BigInt(values[i] ?? 0);
  const f32 = (i: number): number => Number(values[i]);
  if (op === "wrap") return wrapTo(DTYPES[field] ?? "i64", int(0));
  if (op === "select") return int(0) !== 0n ? (values[1] ?? 0) : (values[2] ?? 0);
  if (op in FLOAT) return FLOAT[op as keyof typeof FLOAT](f32(0), f32(1));
  if (op in TO_INT) return TO_INT[op as keyof typeof TO_INT](f32(0), f32(1));
  if (op in TO_FLOAT) return TO_FLOAT[op as keyof typeof TO_FLOAT](int(0));
  return BigInt.asIntN(64, INTEGER[op as keyof typeof INTEGER](int(0), int(1)));
}

describe("scalarTerm", () => {
  for (const op of Object.keys(OPCODES) as Opcode[]) {
    if (op === "index") continue;
    it(`${op}: generated code gives what the definition gives, inside its range (${CASES} cases)`, () => {
      const { takes }: OpcodeRow = OPCODES[op];
      for (let i = 0; i < CASES; i++) {
        const float = random.chance(0.5);
        const operands = takes.map((kind) =>
          kind === "f32" || (kind === "any" && float) ? floatOperand() : intOperand(),
        );
        const field = op === "wrap" ? DTYPE_CODE[random.pick(DTYPES.slice(1))] : 0;
        const terms = operands.map(({ range }, k): Term => ({ js: "abc".charAt(k), range }));
        const unused: Term = { js: "0", range: BIG };
        const term = scalarTerm(op, terms[0] ?? unused, terms[1] ?? unused, terms[2] ?? unused, field);
        const body = `const { ${Object.keys(SCOPE).join(", ")} } = scope; return ${term.js};`;
        // eslint-disable-next-line @typescript-eslint/no-implied-eval
        const evaluate = new Function("scope", "a", "b", "c", body) as Evaluate;
        const values = operands.map(({ value }) => value);
        const actual = evaluate(SCOPE, values[0] ?? 0, values[1] ?? 0, values[2] ?? 0);
        const expected = defined(op, values, field);
        const what = `${op} ${values.map(String).join(", ")} (${JSON.stringify(terms.map(({ range }) => range))})`;
        if (term.range.kind === "f32") expect(Object.is(actual, expected), `${what}: ${String(actual)}`).to.equal(true);
        else expect(BigInt(actual), what).to.equal(BigInt(expected));
        expect(typeof actual, what).to.equal(term.range.kind === "big" ? "bigint" : "number");
        if (typeof actual !== "number" || term.range.kind === "big" || Number.isNaN(actual)) continue;
        expect(actual >= term.range.lo && actual <= term.range.hi, `${what}: ${actual} outside its range`).to.equal(
          true,
        );
      }
    });
  }
});
