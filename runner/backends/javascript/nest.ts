import { item } from "../../items.ts";
import type { Affine } from "../../machine/kernel.ts";

/** A loop of generated code: one dimension that is longer than 1. */
export interface Level {
  readonly dimension: number;
  readonly size: number;
}

/** An affine function of the loop indices in generated code: one variable a level at which it changes. */
export interface Walk {
  readonly id: number;
  readonly base: number;
  /** Stride at each level; 0 where it does not change. */
  readonly strides: readonly number[];
  readonly lo: number;
  readonly hi: number;
}

/** A condition `0 <= walk < bound` that depends on loop indices and never on data. */
export interface Condition {
  readonly id: number;
  readonly walk: Walk;
  readonly bound: number;
  /** Deepest level that it depends on. */
  readonly level: number;
}

const INT32 = 2 ** 31;

/**
 * The loop nest of a kernel: its levels, and every affine function and condition of its stages, each kept once and
 * computed at the outermost level where it is known.
 */
export class Nest {
  readonly levels: readonly Level[];
  /** How many of the levels run over the output. */
  readonly outer: number;
  readonly walks: Walk[] = [];
  readonly conditions: Condition[] = [];

  /** `lanes`: size that the innermost level of the output should have, where one has it. */
  constructor(shape: readonly number[], reduction: readonly number[], lanes: number) {
    const levelsOf = (dims: readonly number[], first: number): Level[] =>
      dims.flatMap((size, d) => (size > 1 ? [{ dimension: first + d, size }] : []));
    const outer = levelsOf(shape, 0);
    // Elements may be executed in any order; only the order of reduction steps is the kernel's.
    const tile = outer.findLastIndex(({ size }) => size >= lanes);
    if (tile >= 0) outer.push(...outer.splice(tile, 1));
    this.outer = outer.length;
    this.levels = [...outer, ...levelsOf(reduction, shape.length)];
  }

  walk({ base, strides }: Affine): Walk {
    // Outside of a step, an affine function has strides over the output alone: reduction levels do not move it.
    const perLevel = this.levels.map(({ dimension }) => (dimension < strides.length ? item(strides, dimension) : 0));
    const known = this.walks.find((w) => w.base === base && w.strides.every((s, i) => s === perLevel[i]));
    if (known !== undefined) return known;
    let [lo, hi] = [base, base];
    perLevel.forEach((stride, i) => {
      const span = stride * (item(this.levels, i).size - 1);
      if (span < 0) lo += span;
      else hi += span;
    });
    const walk = { id: this.walks.length, base, strides: perLevel, lo, hi };
    this.walks.push(walk);
    return walk;
  }

  /** `true` and `false` when the condition always or never holds. */
  condition(affine: Affine, bound: number): Condition | boolean {
    const walk = this.walk(affine);
    if (walk.lo >= 0 && walk.hi < bound) return true;
    if (walk.hi < 0 || walk.lo >= bound) return false;
    const known = this.conditions.find((c) => c.walk === walk && c.bound === bound);
    if (known !== undefined) return known;
    const level = walk.strides.findLastIndex((stride) => stride !== 0);
    const condition = { id: this.conditions.length, walk, bound, level };
    this.conditions.push(condition);
    return condition;
  }

  /**
   * A walk's value inside level `level` (-1: outside all loops), `lane` steps further along level `tile`. Lanes share
   * a variable: where they differ, they differ by a constant.
   */
  valueOf(walk: Walk, level: number, tile: number, lane: number): string {
    let moving = level;
    while (moving >= 0 && walk.strides[moving] === 0) moving--;
    const name = moving < 0 ? String(walk.base) : variable(walk, moving);
    const ahead = tile >= 0 && tile <= level ? item(walk.strides, tile) * lane : 0;
    if (ahead === 0) return name;
    return this.fits(walk) ? `(${name} + ${String(ahead)} | 0)` : `(${name} + ${String(ahead)})`;
  }

  /** Header of the `for` of a level, from `from` to below `to`, `step` indices at a time, with its walks. */
  header(level: number, from: string, to: string, step: number): string {
    const index = `i${String(level)}`;
    const moving = this.walks.filter(({ strides }) => strides[level] !== 0);
    const starts = moving.map((walk) => {
      const stride = String(item(walk.strides, level));
      const before = this.valueOf(walk, level - 1, -1, 0);
      return `${variable(walk, level)} = ${from === "0" ? before : `${before} + ${stride} * ${from}`}`;
    });
    const moves = moving.map((walk) => {
      const [name, by] = [variable(walk, level), String(item(walk.strides, level) * step)];
      return this.fits(walk) ? `${name} = ${name} + ${by} | 0` : `${name} += ${by}`;
    });
    const init = [`${index} = ${from}`, ...starts].join(", ");
    const last = step === 1 ? `${index} < ${to}` : `${index} + ${String(step - 1)} < ${to}`;
    const next = step === 1 ? `${index}++` : `${index} += ${String(step)}`;
    return `for (let ${init}; ${last}; ${[next, ...moves].join(", ")}) {`;
  }

  /** Whether a walk and one step beyond its end fit 32 bits. */
  fits(walk: Walk): boolean {
    const slack = Math.max(0, ...walk.strides.map((stride) => 4 * Math.abs(stride)));
    return walk.lo - slack >= -INT32 && walk.hi + slack < INT32;
  }
}

const variable = (walk: Walk, level: number): string => `p${String(walk.id)}_${String(level)}`;
