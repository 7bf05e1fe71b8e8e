import { item } from "../../items.ts";
import { DTYPE_BYTES } from "../../machine/dtype.ts";
import type { Affine, Read } from "../../machine/kernel.ts";
import { registerClass } from "../../machine/dtype.ts";
import { Access, type Condition } from "./access.ts";
import { type EncodedFunction, FunctionBody } from "../../webassembly/assembler.ts";
import { type Body, bodyRanges, type BodyRanges, type BodyStage, extent, kernelWork, type LoopKernel } from "./body.ts";
import { type Panel, panelOf } from "./panel.ts";
import { PairCode, type Paired, pairProducts, takesPairs } from "./pairs.ts";
import { type Plan, planLoops } from "./plan.ts";
import { StageCode, type Variance } from "./stage-code.ts";
import { store } from "./memory-code.ts";
import { converted, type Form, type Held, intForm } from "./value.ts";
import { currentLocal, pushNumber, strideOf, type Walk } from "./walk.ts";

/**
 * A kernel as a function of WebAssembly. Its parameters are addresses, then a range of tiles: the output, the operands,
 * the panels, `from`, `to`.
 */
export interface GeneratedKernel {
  readonly function: EncodedFunction;
  readonly panels: readonly Panel[];
  /** Operands that are read themselves, not only through panels. */
  readonly direct: readonly boolean[];
  /** Tiles: `from` is below `to`, which is at most this. */
  readonly tiles: number;
  /** Tiles of a call at most. */
  readonly slice: number;
}

/** Work of a call, which takes some milliseconds at most. */
const SLICE_WORK = 2 ** 25;
/** Steps that one loop repeats. */
const UNROLLED = 4;
/** Longest innermost reduction that is written without a loop, and longest step that is written several times. */
const LOOPLESS = 9;
const SHORT_STEP = 8;

export function generateKernel(kernel: LoopKernel, constant: (operand: number) => boolean): GeneratedKernel {
  const { accumulators } = bodyRanges(kernel, kernel.body);
  const paired = pairProducts(kernel, accumulators);
  if (paired !== undefined) {
    const plan = planLoops(paired.kernel, constant, accumulators);
    if (takesPairs(paired, plan)) return new Generator(paired.kernel, plan, paired).generate();
  }
  return new Generator(kernel, planLoops(kernel, constant, accumulators)).generate();
}

/** What a walk is besides its affine function; see `Walk`. `wide`: its values are needed as i64. */
interface WalkOptions {
  readonly start?: number;
  readonly scale?: number;
  readonly inside?: boolean;
  readonly pitch?: number;
  readonly wide?: boolean;
}

/** One level as a loop over tiles. */
interface Loop {
  readonly level: number;
  readonly step: number;
  readonly tiles: number;
  /** Indices that the last tile is ahead of the one before; 0 when it is a whole step. */
  readonly rest: number;
}

export class Generator {
  readonly kernel: LoopKernel;
  readonly plan: Plan;
  readonly f: FunctionBody;
  readonly lanes: number;
  readonly panels: Panel[] = [];
  readonly walks: Walk[] = [];
  readonly conditions: Condition[] = [];
  /** Indices by which code is ahead of the loops, by level: copies of a step. */
  readonly ahead = new Map<number, number>();
  /** Which registers of a stage differ inside of a tile. */
  readonly variances = new Map<BodyStage, readonly Variance[]>();
  readonly #accesses = new Map<Read, Access>();
  readonly #open = new Set<number>();
  readonly #direct: boolean[];
  readonly #from: number;
  readonly #paired: Paired | undefined;

  constructor(kernel: LoopKernel, plan: Plan, paired?: Paired) {
    this.kernel = kernel;
    this.#paired = paired;
    this.plan = plan;
    this.lanes = plan.lanes < 0 ? 1 : 4;
    this.#direct = kernel.operands.map(() => false);
    this.#prepare(kernel.body);
    const count = 1 + kernel.operands.length + this.panels.length;
    this.#from = count;
    this.f = new FunctionBody(Array.from({ length: count + 2 }, () => "i32" as const));
  }

  get tile(): number {
    return this.lanes === 1 ? 1 : 4 * this.plan.vectors;
  }

  generate(): GeneratedKernel {
    const { f, kernel, plan } = this;
    const out = this.walk(kernel.at, { start: 0, scale: DTYPE_BYTES[kernel.dtype], inside: true });
    for (const walk of this.walks) {
      pushNumber(f, walk, walk.affine.base * walk.scale);
      if (walk.start !== undefined) f.get(walk.start).op("i32.add");
      walk.locals.push(f.keep(walk.type));
    }
    kernel.sizes.forEach((size, level) => {
      if (size === 1) this.#open.add(level);
    });
    this.#outputs(0, () => {
      const values = this.evaluate(kernel.body);
      for (let row = 0; row < plan.rows; row++) {
        for (let vector = 0; vector < plan.vectors; vector++) {
          const stride = strideOf(out, plan.lanes);
          const address = this.address(out, row, vector);
          store(f, kernel.dtype, item(values, row * plan.vectors + vector), stride, address);
        }
      }
    });
    const { params } = f;
    const loop = plan.split < 0 ? undefined : this.#loopOf(plan.split);
    const tiles = loop?.tiles ?? 1;
    const slice = Math.floor(SLICE_WORK / (kernelWork(kernel) / tiles));
    return {
      function: { params, code: f.encode() },
      panels: this.panels,
      direct: this.#direct,
      tiles,
      slice: Math.max(1, Math.min(plan.most, slice)),
    };
  }

  /** A walk; equal walks are one. */
  walk(affine: Affine, of: WalkOptions): Walk {
    const { lo, hi } = extent(affine, this.kernel.sizes);
    const { start, scale = 1, inside = false, pitch, wide = false } = of;
    const fits = start !== undefined || (!wide && lo >= -(2 ** 31) && hi < 2 ** 31);
    const type = fits ? "i32" : "i64";
    const known = this.walks.find(
      (walk) =>
        walk.start === start &&
        walk.scale === scale &&
        walk.type === type &&
        walk.pitch === pitch &&
        walk.inside === inside &&
        walk.affine.base === affine.base &&
        this.kernel.sizes.every((_, level) => strideOf(walk, level) === (affine.strides[level] ?? 0)),
    );
    if (known !== undefined) return known;
    const walk: Walk = { affine, scale, start, type, pitch, inside, locals: [] };
    this.walks.push(walk);
    return walk;
  }

  /** Elements or bytes that a walk is ahead of its local for a part of the tile. */
  aheadOf(walk: Walk, row: number, vector: number, lane = 0): number {
    const { plan } = this;
    let ahead = plan.row < 0 ? 0 : row * strideOf(walk, plan.row);
    ahead += (4 * vector + lane) * this.laneStride(walk);
    for (const [level, by] of this.ahead) ahead += by * strideOf(walk, level);
    return ahead * walk.scale;
  }

  laneStride(walk: Walk): number {
    if (this.plan.lanes < 0) return 0;
    return walk.pitch ?? strideOf(walk, this.plan.lanes);
  }

  /** Pushes the address of a walk for a part of the tile plus `extra` bytes; returns the offset that is left to add. */
  address(walk: Walk, row: number, vector: number): (extra: number) => number {
    const { f } = this;
    const ahead = this.aheadOf(walk, row, vector);
    return (extra) => {
      f.get(currentLocal(walk));
      const offset = ahead + extra;
      if (offset >= 0 && walk.inside && offset < 2 ** 31) return offset;
      if (offset !== 0) f.i32(offset).op("i32.add");
      return 0;
    };
  }

  access(read: Read): Access {
    const access = this.#accesses.get(read);
    if (access === undefined) throw new RangeError("a read was not prepared");
    return access;
  }

  /** Values of a body for all parts of the tile: rows by vectors. */
  evaluate(body: Body): readonly Held[] {
    const { plan, f } = this;
    const ranges = bodyRanges(this.kernel, body);
    const parts = plan.rows * plan.vectors;
    const accumulators = body.reduce === undefined ? [] : this.#reduce(body, ranges, parts);
    const finish = new StageCode(this, body.finish, ranges.finish, accumulators);
    const last = ranges.finish.length - 1;
    const range = item(ranges.finish, last);
    return Array.from({ length: parts }, (_, part) => {
      const value = finish.value(last, Math.floor(part / plan.vectors), part % plan.vectors);
      return registerClass(body.dtype) === "f32" || value.form === "scalar i64" ? value : converted(f, value, intForm(range));
    });
  }

  /** Accumulators after all steps: by part, then by number. */
  #reduce(body: Body, ranges: BodyRanges, parts: number): readonly (readonly Held[])[] {
    const { f, plan } = this;
    const { reduce } = body;
    if (reduce === undefined) return [];
    const n = reduce.accumulators;
    const init = new StageCode(this, reduce.init, ranges.init, []);
    const place = (part: number): [number, number] => [Math.floor(part / plan.vectors), part % plan.vectors];
    const accumulators = Array.from({ length: parts }, (_, part) =>
      Array.from({ length: n }, (_, i): Held => {
        const value = init.value(ranges.init.length - n + i, ...place(part));
        const form: Form = this.#accumulatorForm(value, item(ranges.accumulators, i));
        const first = converted(f, value, form);
        return { form, locals: first.locals.map((local) => f.get(local).keep(typeOf(form))) };
      }),
    );
    const step = (): void => {
      const code = new StageCode(this, reduce.step, ranges.step, accumulators);
      for (let part = 0; part < parts; part++) {
        const held = item(accumulators, part);
        const results = held.map(({ form }, i) =>
          converted(f, code.value(ranges.step.length - n + i, ...place(part)), form),
        );
        for (const { locals } of results) for (const local of locals) f.get(local);
        for (const { locals } of held.toReversed()) for (const local of locals.toReversed()) f.set(local);
      }
    };
    const levels = reduce.levels.filter((level) => item(this.kernel.sizes, level) > 1);
    const paired = this.#paired;
    if (paired === undefined) this.#steps(levels, reduce.step, step);
    else {
      const code = new PairCode(this, paired, accumulators);
      const outer = levels.filter((level) => level !== paired.inner && level !== paired.outer);
      this.#loops(outer, () => this.#runs(paired.outer, (pairs) => code.add(pairs)));
    }
    return accumulators;
  }

  #accumulatorForm(value: Held, range: { lo: number; hi: number }): Form {
    if (value.form === "f32" || value.form === "scalar f32" || value.form === "scalar i64") return value.form;
    return intForm(range);
  }

  /** Loops over reduction levels, the innermost written several times where the step is short. */
  #steps(levels: readonly number[], stage: BodyStage, step: () => void): void {
    const [level, ...inner] = levels;
    if (level === undefined) {
      this.f.scope(step);
      return;
    }
    const size = item(this.kernel.sizes, level);
    const loop = (tiles: number, step_: number): Loop => ({ level, step: step_, tiles, rest: step_ });
    if (inner.length > 0 || stage.code.length > SHORT_STEP) {
      this.#loop(loop(size, 1), false, () => this.#opened(level, () => this.#steps(inner, stage, step)));
      return;
    }
    const copies = (count: number): void => {
      for (let copy = 0; copy < count; copy++) {
        this.ahead.set(level, copy);
        this.f.scope(() => this.#opened(level, step));
      }
      this.ahead.delete(level);
    };
    if (size <= LOOPLESS) copies(size);
    else {
      const whole = loop(Math.floor(size / UNROLLED), UNROLLED);
      this.#loop(whole, false, () => copies(UNROLLED), () => copies(size % UNROLLED));
    }
  }

  /** Loops one inside the other. */
  #loops(levels: readonly number[], body: () => void): void {
    const [level, ...inner] = levels;
    if (level === undefined) body();
    else {
      const tiles = item(this.kernel.sizes, level);
      this.#loop({ level, step: 1, tiles, rest: 1 }, false, () => this.#opened(level, () => this.#loops(inner, body)));
    }
  }

  /** Calls `run` for all indices of a level, in groups of `UNROLLED`, then one by one. */
  #runs(level: number, run: (count: number) => void): void {
    const size = item(this.kernel.sizes, level);
    const whole: Loop = { level, step: UNROLLED, tiles: Math.floor(size / UNROLLED), rest: UNROLLED };
    const rest = (): void => {
      for (let copy = 0; copy < size % UNROLLED; copy++) {
        this.ahead.set(level, copy);
        this.f.scope(() => this.#opened(level, () => run(1)));
      }
      this.ahead.delete(level);
    };
    if (size < UNROLLED) rest();
    else this.#loop(whole, false, () => this.#opened(level, () => run(UNROLLED)), rest);
  }

  /** Loops over the output from `order[depth]` on. */
  #outputs(depth: number, body: () => void): void {
    const level = this.plan.order[depth];
    if (level === undefined) {
      body();
      return;
    }
    const inside = (): void => this.#opened(level, () => this.#outputs(depth + 1, body));
    this.#loop(this.#loopOf(level), level === this.plan.split, inside);
  }

  #loopOf(level: number): Loop {
    const size = item(this.kernel.sizes, level);
    const step = level === this.plan.lanes ? this.tile : level === this.plan.row ? this.plan.rows : 1;
    const tiles = Math.ceil(size / step);
    return { level, step, tiles, rest: size % step === 0 ? step : size % step };
  }

  /**
   * A loop over a level. `split`: over the tiles that the caller chose. `after` runs when the loop has ended, with the
   * walks where it ended.
   */
  #loop(loop: Loop, split: boolean, body: () => void, after?: () => void): void {
    const { f } = this;
    const { level, step, tiles, rest } = loop;
    if (tiles === 1 && after === undefined) {
      body();
      return;
    }
    f.scope(() => {
      const moving = this.walks.filter((walk) => strideOf(walk, level) !== 0);
      const count = f.local("i32");
      if (split) f.get(this.#from).set(count);
      else f.i32(0).set(count);
      for (const walk of moving) {
        f.get(currentLocal(walk));
        if (split) this.#pushStart(walk, loop);
        walk.locals.push(f.keep(walk.type));
      }
      f.repeat(() => {
        body();
        f.get(count).i32(1).op("i32.add").set(count);
        // The step to a last tile that overlaps is shorter.
        const short = rest === step ? undefined : f.get(count).i32(tiles - 1).op("i32.eq").keep("i32");
        for (const walk of moving) {
          const by = strideOf(walk, level) * walk.scale;
          const local = currentLocal(walk);
          f.get(local);
          if (short === undefined || walk.pitch !== undefined) pushNumber(f, walk, by * step);
          else {
            pushNumber(f, walk, by * rest);
            pushNumber(f, walk, by * step);
            f.get(short).op("select");
          }
          f.op(`${walk.type}.add`).set(local);
        }
        f.get(count);
        if (split) f.get(this.#from + 1);
        else f.i32(tiles);
        f.op("i32.lt_u");
      });
      after?.();
      for (const walk of moving) walk.locals.pop();
    });
  }

  /** Adds to the walk on the stack what it moves from the level's beginning to tile `from`. */
  #pushStart(walk: Walk, { level, step, tiles, rest }: Loop): void {
    const { f } = this;
    const by = strideOf(walk, level) * walk.scale;
    const start = (): void => {
      f.get(this.#from);
      if (walk.type === "i64") f.op("i64.extend_i32_u");
      pushNumber(f, walk, by * step);
      f.op(`${walk.type}.mul`);
    };
    if (rest === step || walk.pitch !== undefined) start();
    else {
      pushNumber(f, walk, by * ((tiles - 2) * step + rest));
      start();
      f.get(this.#from).i32(tiles - 1).op("i32.eq").op("select");
    }
    f.op(`${walk.type}.add`);
  }

  /** Runs `body` where `level` has an index: with the conditions decided that are known since then. */
  #opened(level: number, body: () => void): void {
    this.#open.add(level);
    const ready = this.conditions.filter(
      ({ flags, walk }) =>
        flags === undefined && this.kernel.sizes.every((_, l) => strideOf(walk, l) === 0 || this.#open.has(l)),
    );
    for (const condition of ready) condition.decide(this);
    body();
    for (const condition of ready) condition.flags = undefined;
    this.#open.delete(level);
  }

  /** Finds walks, conditions and panels of all reads of a body. */
  #prepare(body: Body): void {
    const stage = ({ sources, code, indices }: BodyStage): void => {
      for (const { op, a } of code) if (op === "index") this.walk(item(indices, a), {});
      for (const source of sources) {
        if ("body" in source) this.#prepare(source.body);
        else if (!this.#accesses.has(source.read)) {
          const { read } = source;
          const pair = this.#paired?.packed === read ? this.#paired.inner : undefined;
          const panel = this.plan.packed.has(read)
            ? panelOf(this.kernel, this.plan.lanes, this.tile, read, pair)
            : undefined;
          if (panel !== undefined) {
            // Parameters of panels follow those of all operands.
            const start = 1 + this.kernel.operands.length + this.panels.push(panel) - 1;
            this.#accesses.set(read, new Access(this, read, { start, at: panel.at, pitch: pair === undefined ? 1 : 2 }));
          } else {
            this.#direct[read.operand] = true;
            if (read.gather !== undefined) this.#direct[read.gather.operand] = true;
            this.#accesses.set(read, new Access(this, read, undefined));
          }
        }
      }
    };
    if (body.reduce !== undefined) {
      stage(body.reduce.init);
      stage(body.reduce.step);
    }
    stage(body.finish);
  }
}

const typeOf = (form: Form): "f32" | "i64" | "v128" =>
  form === "scalar f32" ? "f32" : form === "scalar i64" ? "i64" : "v128";
