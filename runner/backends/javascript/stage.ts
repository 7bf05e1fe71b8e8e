import { item } from "../../items.ts";
import { f32FromBits } from "../../machine/float.ts";
import { product } from "../../machine/shape.ts";
import type { Kernel, Reduce, Stage } from "../../machine/kernel.ts";
import { registerClass } from "../../machine/dtype.ts";
import type { KernelClasses } from "../../machine/classes.ts";
import { OPCODES, type OpcodeRow } from "../../machine/scalar.ts";
import {
  ANY_F32,
  asKind,
  BIG,
  dtypeRange,
  hull,
  intRange,
  literal,
  type Range,
  scalarTerm,
  type Term,
} from "./term.ts";

/** Where the registers of a stage come from, besides its constants and code. */
export interface StageSource {
  readonly accumulators: readonly Term[];
  readonly read: (index: number) => Term;
  readonly index: (dimension: number) => Term;
  /** Called for each instruction's result; may give it a name. */
  readonly name: (register: number, term: Term) => Term;
}

/** All registers of a stage as terms. */
export function stageTerms(stage: Stage, source: StageSource): readonly Term[] {
  const registers: Term[] = [...source.accumulators, ...stage.reads.map((_, i) => source.read(i))];
  for (const constant of stage.constants) {
    registers.push(literal("f32" in constant ? f32FromBits(constant.f32) : constant.int));
  }
  for (const { op, a, b, c } of stage.code) {
    const { takes }: OpcodeRow = OPCODES[op];
    /** The register of an operand; a field that is no operand has no term. */
    const operand = (position: number, register: number): Term =>
      position < takes.length ? item(registers, register) : UNUSED;
    const term = op === "index" ? source.index(a) : scalarTerm(op, operand(0, a), operand(1, b), operand(2, c), b);
    registers.push(source.name(registers.length, term));
  }
  return registers;
}

/** In place of an operand that an instruction does not have. */
const UNUSED: Term = { js: "", range: BIG };

/** Range of what a read can give. */
export function readRange(kernel: Kernel, stage: Stage, index: number): Range {
  const read = item(stage.reads, index);
  const operand = item(kernel.operands, read.operand);
  if (registerClass(operand.dtype) === "f32") return ANY_F32;
  return hull(dtypeRange(operand.dtype), literal(read.fill).range);
}

/** Rounds after which ranges that still grow are given up. */
const PATIENCE = 5;

/**
 * Ranges that the accumulators of a kernel keep through all steps. An accumulator that only has something added to it
 * grows by at most that, times the steps; any other must stop growing.
 */
export function accumulatorRanges(kernel: Kernel, reduce: Reduce, classes: KernelClasses): readonly Range[] {
  const n = reduce.accumulators;
  const dims = [...kernel.shape, ...reduce.dims];
  const steps = product(reduce.dims);
  const run = (stage: Stage, accumulators: readonly Range[]): readonly Range[] =>
    stageTerms(stage, {
      accumulators: accumulators.map((range) => ({ js: "", range })),
      read: (index) => ({ js: "", range: readRange(kernel, stage, index) }),
      index: (dimension) => ({ js: "", range: intRange(0, item(dims, dimension) - 1) }),
      name: (_, term) => term,
    }).map(({ range }) => range);

  const initial = run(reduce.init, []).slice(-n);
  const loosest = classes.accumulators.map((kind): Range => (kind === "f32" ? ANY_F32 : BIG));
  let ranges: readonly Range[] = initial.map((range) => (range.kind === "f32" ? ANY_F32 : range));
  for (let round = 0; round < PATIENCE + n + 1; round++) {
    const registers = run(reduce.step, ranges);
    const next = ranges.map((range, i): Range => {
      const result = item(registers, registers.length - n + i);
      const start = item(initial, i);
      if (range.kind !== "int" || start.kind !== "int") return range;
      const added = addedTo(reduce.step, n, i, registers);
      if (added === undefined) return round >= PATIENCE && !within(result, range) ? BIG : hull(range, result);
      if (added.kind !== "int") return BIG;
      const grown = intRange(start.lo + steps * Math.min(0, added.lo), start.hi + steps * Math.max(0, added.hi));
      return round >= PATIENCE && !within(grown, range) ? BIG : grown;
    });
    if (next.every((range, i) => same(range, ranges[i]))) return ranges;
    ranges = next;
  }
  return loosest;
}

/** Range of what a step adds to accumulator `i`, if adding is how it makes the accumulator's next value. */
function addedTo(step: Stage, n: number, i: number, registers: readonly Range[]): Range | undefined {
  const instruction = step.code[step.code.length - n + i];
  if (instruction === undefined) return undefined;
  const { op, a, b } = instruction;
  if (op === "iadd" && a === i && b !== i) return item(registers, b);
  if (op === "iadd" && b === i && a !== i) return item(registers, a);
  if (op !== "isub" || a !== i || b === i) return undefined;
  const range = item(registers, b);
  return range.kind === "int" ? intRange(-range.hi, -range.lo) : BIG;
}

const within = (inner: Range, outer: Range): boolean => same(hull(inner, outer), outer);

const same = (a: Range, b: Range | undefined): boolean =>
  b !== undefined &&
  (a.kind === "big" || b.kind === "big" ? a.kind === b.kind : a.lo === b.lo && a.hi === b.hi && a.kind === b.kind);

/** The results of `init` or `step` as expressions of the accumulators' kinds. */
export const accumulatorValues = (registers: readonly Term[], ranges: readonly Range[]): readonly string[] =>
  ranges.map((range, i) => asKind(item(registers, registers.length - ranges.length + i), range));
