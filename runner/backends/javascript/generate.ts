import { item } from "../../items.ts";
import { inferClasses } from "../../machine/classes.ts";
import { type DType, registerClass } from "../../machine/dtype.ts";
import { f32FromBits } from "../../machine/float.ts";
import type { Gather, Kernel, Read, Stage } from "../../machine/kernel.ts";
import { rowMajor } from "../../machine/shape.ts";
import { type Condition, Nest } from "./nest.ts";
import { accumulatorRanges, accumulatorValues, readRange, stageTerms } from "./stage.ts";
import { intRange, literal, type Range, type Term } from "./term.ts";

/** Generated code of a kernel. */
export interface Generated {
  /**
   * Body of a function of (from, to): executes the outermost output level from index `from` to below `to`. Operand i
   * is `A{i}` (`A{i}lo` and `A{i}hi`: halves of its 64-bit elements), the output `OUT` (`OUT_BITS`: its f32 bits).
   */
  readonly source: string;
  /** Size of the outermost output level; 1 when there is none. */
  readonly size: number;
  /** Output elements and reduction steps of one index of that level. */
  readonly work: number;
}

/** Outputs that are reduced side by side, to hide the latency of additions. */
const LANES = 4;
/** Longest `step` that is worth repeating for lanes. */
const LANE_CODE = 24;

/** A verified kernel as JavaScript. */
export function generate(kernel: Kernel): Generated {
  const { reduce } = kernel;
  const nest = new Nest(kernel.shape, reduce?.dims ?? [], reduce === undefined ? 1 : LANES);
  const out: string[] = [];
  const classes = inferClasses(kernel);
  const ranges = reduce === undefined ? [] : accumulatorRanges(kernel, reduce, classes);
  const stages = { init: reduce?.init ?? EMPTY, step: reduce?.step ?? EMPTY, finish: kernel.finish };
  const plans = {
    init: planReads(kernel, nest, stages.init),
    step: planReads(kernel, nest, stages.step),
    finish: planReads(kernel, nest, stages.finish),
  };
  const position = nest.walk({ base: 0, strides: rowMajor(kernel.shape) });
  const inner = nest.levels.length - 1;
  const innerOut = nest.outer - 1;
  const tiled = reduce !== undefined && innerOut >= 0 && stages.step.code.length <= LANE_CODE;
  const tile = tiled ? innerOut : -1;

  /** A condition gets its name at the level where it is decided. */
  const conditionName = ({ id, walk }: Condition, lane: number): string =>
    `c${String(id)}${walk.strides[tile] === undefined || walk.strides[tile] === 0 ? "" : `_${String(lane)}`}`;
  const decide = (level: number, lanes: number): void => {
    for (const condition of nest.conditions.filter((c) => c.level === level)) {
      const names = new Set<string>();
      for (let lane = 0; lane < lanes; lane++) {
        const name = conditionName(condition, lane);
        if (names.has(name)) continue;
        names.add(name);
        const value = nest.valueOf(condition.walk, level, tile, lane);
        out.push(`const ${name} = ${value} >= 0 && ${value} < ${String(condition.bound)};`);
      }
    }
  };

  /** Emits a stage for one lane. `assumed`: all conditions of its reads hold. */
  const emit = (name: StageName, lane: number, level: number, accumulators: readonly Term[], assumed: boolean) => {
    const stage = stages[name];
    const prefix = `${name}${String(lane)}_`;
    return stageTerms(stage, {
      accumulators,
      read: (index) => {
        const plan = item(plans[name], index);
        const read = item(stage.reads, index);
        const range = readRange(kernel, stage, index);
        return { js: emitRead(`${prefix}read${String(index)}`, read, plan, lane, level, range, assumed), range };
      },
      index: (dimension) => {
        const depth = nest.levels.findIndex((l) => l.dimension === dimension);
        // A dimension of size 1 has no loop: its index is 0.
        if (depth < 0) return literal(0n);
        const js = depth === tile && lane > 0 ? `(i${String(depth)} + ${String(lane)})` : `i${String(depth)}`;
        return { js, range: intRange(0, item(nest.levels, depth).size - 1) };
      },
      name: (register, term) => {
        out.push(`const ${prefix}${String(register)} = ${term.js};`);
        return { js: `${prefix}${String(register)}`, range: term.range };
      },
    });
  };

  const emitRead = (
    name: string,
    read: Read,
    plan: ReadPlan,
    lane: number,
    level: number,
    range: Range,
    assumed: boolean,
  ): string => {
    const { dtype, length } = item(kernel.operands, read.operand);
    const load = (index: string): string => element(dtype, range, `A${String(read.operand)}`, index);
    const fill = fillOf(dtype, read.fill, range);
    if (plan === "never") return fill;
    const tests = assumed ? [] : plan.conditions.map((condition) => conditionName(condition, lane));
    const offset = nest.valueOf(nest.walk(read), level, tile, lane);
    if (read.gather === undefined) {
      const value = tests.length === 0 ? load(offset) : `${tests.join(" && ")} ? ${load(offset)} : ${fill}`;
      out.push(`const ${name} = ${value};`);
      return name;
    }
    const { gather } = read;
    const g = nest.valueOf(nest.walk(gather), level, tile, lane);
    out.push(`let ${name} = ${fill};`);
    out.push(tests.length === 0 ? "{" : `if (${tests.join(" && ")}) {`);
    out.push(`const j = ${gathered(kernel, gather, g)};`);
    out.push(`if (j >= 0 && j < ${String(gather.bound)}) {`);
    out.push(`const q = ${offset} + ${String(gather.stride)} * j;`);
    out.push(`if (q >= 0 && q < ${String(length)}) ${name} = ${load("q")};`, "}", "}");
    return name;
  };

  const accumulatorName = (i: number, lane: number): string => `acc${String(i)}_${String(lane)}`;
  const accumulatorsOf = (lane: number): Term[] => ranges.map((range, i) => ({ js: accumulatorName(i, lane), range }));

  const emitStep = (lanes: number, level: number, assumed: boolean): void => {
    const values: string[] = [];
    for (let lane = 0; lane < lanes; lane++) {
      const registers = emit("step", lane, level, accumulatorsOf(lane), assumed);
      accumulatorValues(registers, ranges).forEach((value, i) =>
        values.push(`${accumulatorName(i, lane)} = ${value};`),
      );
    }
    out.push(...values);
  };

  const stepConditions = [...new Set(plans.step.flatMap((plan) => (plan === "never" ? [] : plan.conditions)))];
  const reduction = (level: number, lanes: number): void => {
    if (level > inner) {
      emitStep(lanes, level - 1, false);
      return;
    }
    const size = String(item(nest.levels, level).size);
    const loop = (assumed: boolean): void => {
      out.push(nest.header(level, "0", size, 1));
      decide(level, lanes);
      if (level === inner) emitStep(lanes, level, assumed);
      else reduction(level + 1, lanes);
      out.push("}");
    };
    // Where all conditions are decided before the innermost loop, there is one loop without any.
    const early = level === inner && stepConditions.length > 0 && stepConditions.every((c) => c.level < inner);
    if (!early) {
      loop(false);
      return;
    }
    const all = stepConditions.flatMap((c) => Array.from({ length: lanes }, (_, lane) => conditionName(c, lane)));
    out.push(`if (${[...new Set(all)].join(" && ")}) {`);
    loop(true);
    out.push("} else {");
    loop(false);
    out.push("}");
  };

  const outputElement = (lanes: number): void => {
    for (let lane = 0; lane < lanes && reduce !== undefined; lane++) {
      const registers = emit("init", lane, innerOut, [], false);
      accumulatorValues(registers, ranges).forEach((value, i) =>
        out.push(`let ${accumulatorName(i, lane)} = ${value};`),
      );
    }
    if (reduce !== undefined) reduction(nest.outer, lanes);
    for (let lane = 0; lane < lanes; lane++) {
      const registers = emit("finish", lane, innerOut, accumulatorsOf(lane), false);
      const result = item(registers, registers.length - 1);
      out.push(store(kernel.dtype, nest.valueOf(position, innerOut, tile, lane), result));
    }
  };

  const outputLevel = (level: number): void => {
    if (level > innerOut) {
      outputElement(1);
      return;
    }
    const [from, to] = level === 0 ? ["from", "to"] : ["0", String(item(nest.levels, level).size)];
    const loop = (start: string, lanes: number): void => {
      out.push(nest.header(level, start, to, lanes));
      decide(level, lanes);
      if (level === innerOut) outputElement(lanes);
      else outputLevel(level + 1);
      out.push("}");
    };
    if (level !== tile) {
      loop(from, 1);
      return;
    }
    // Whole groups of lanes first, then the rest.
    const rest = `rest${String(level)}`;
    out.push(`const ${rest} = ${from} + (${to} - ${from} - (${to} - ${from}) % ${String(LANES)});`);
    loop(from, LANES);
    loop(rest, 1);
  };
  outputLevel(0);

  const size = innerOut < 0 ? 1 : item(nest.levels, 0).size;
  const work = nest.levels.reduce((p, level) => p * level.size, 1) / size;
  return { source: out.join("\n"), size, work };
}

type StageName = "init" | "step" | "finish";

const EMPTY: Stage = { reads: [], constants: [], code: [] };

/** `never`: a condition never holds, so the read always gives its fill. */
type ReadPlan = "never" | { readonly conditions: readonly Condition[] };

function planReads(kernel: Kernel, nest: Nest, { reads }: Stage): readonly ReadPlan[] {
  return reads.map((read) => {
    const { length } = item(kernel.operands, read.operand);
    const conditions = read.guards.map((guard) => nest.condition(guard, guard.bound));
    nest.walk(read);
    if (read.gather === undefined) conditions.push(nest.condition(read, length));
    else conditions.push(nest.condition(read.gather, item(kernel.operands, read.gather.operand).length));
    if (conditions.includes(false)) return "never";
    return { conditions: conditions.filter((condition) => typeof condition !== "boolean") };
  });
}

/** An element as a register of the kind that `range` has. 64-bit arrays hold bigints, all others numbers. */
function element(dtype: DType, range: Range, array: string, index: string): string {
  const value = `${array}[${index}]`;
  const wide = dtype === "i64" || dtype === "u64";
  return range.kind === "big" && !wide ? `BigInt(${value})` : value;
}

/** The gathered index as a number. A 64-bit index beyond 2^53 is inexact, but it is outside every bound anyway. */
function gathered(kernel: Kernel, { operand }: Gather, index: string): string {
  const array = `A${String(operand)}`;
  const { dtype } = item(kernel.operands, operand);
  if (dtype !== "i64" && dtype !== "u64") return `${array}[${index}]`;
  return `${array}hi[2 * ${index} + 1] * 4294967296 + ${array}lo[2 * ${index}]`;
}

function fillOf(dtype: DType, fill: bigint, range: Range): string {
  if (registerClass(dtype) === "f32") return literal(f32FromBits(Number(fill))).js;
  return range.kind === "big" ? `(${String(fill)}n)` : literal(fill).js;
}

/** Stores a register. Typed arrays keep the low bits of what they are given; an f32 NaN must have its one encoding. */
function store(dtype: DType, index: string, { js, range }: Term): string {
  if (range.kind === "f32") {
    return `{ const v = ${js}; if (v === v) OUT[${index}] = v; else OUT_BITS[${index}] = 0x7fc00000; }`;
  }
  if (dtype === "i64" || dtype === "u64") return `OUT[${index}] = ${range.kind === "int" ? `BigInt(${js})` : js};`;
  return `OUT[${index}] = ${range.kind === "int" ? js : `Number(BigInt.asIntN(32, ${js}))`};`;
}
