import { entry, item } from "../../items.ts";
import { DTYPE_BYTES, registerClass } from "../../machine/dtype.ts";
import type { Read } from "../../machine/kernel.ts";
import type { EncodedFunction } from "../../webassembly/assembler.ts";
import { Access } from "./access.ts";
import { type Body, bodyRanges, type BodyRanges, type BodyStage, kernelWork, type LoopKernel } from "./body.ts";
import type { Condition } from "./condition.ts";
import { Loops } from "./loops.ts";
import { store } from "./memory-code.ts";
import { type Panel, panelOf } from "./panel.ts";
import { PairCode, type Paired, pairProducts, takesPairs } from "./pairs.ts";
import { type Plan, planLoops } from "./plan.ts";
import { StageCode, type StageHost } from "./stage-code.ts";
import { Tile } from "./tile.ts";
import { converted, type Form, type Held, intForm } from "./value.ts";
import { strideOf } from "./walk.ts";

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
  /** Instructions of all tiles, about. */
  readonly work: number;
}

/** Work of a call, which takes some milliseconds at most. */
const SLICE_WORK = 2 ** 25;
/** Longest step that is written several times. */
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

/** The code of one kernel under construction. */
class Generator {
  readonly #tile: Tile;
  readonly #paired: Paired | undefined;
  readonly #panels: Panel[] = [];
  readonly #conditions: Condition[] = [];
  readonly #accesses = new Map<Read, Access>();
  readonly #direct: boolean[];
  readonly #loops: Loops;
  readonly #host: StageHost;

  constructor(kernel: LoopKernel, plan: Plan, paired?: Paired) {
    this.#tile = new Tile(kernel, plan);
    this.#paired = paired;
    this.#direct = kernel.operands.map(() => false);
    this.#prepare(kernel.body);
    this.#loops = new Loops(this.#tile, this.#conditions);
    this.#host = {
      tile: this.#tile,
      access: (read) => entry(this.#accesses, read),
      evaluate: (body) => this.#evaluate(body),
      variances: new Map(),
    };
  }

  generate(): GeneratedKernel {
    const { f, kernel, plan } = this.#tile;
    const out = this.#tile.walk(kernel.at, { start: 0, scale: DTYPE_BYTES[kernel.dtype], inside: true });
    this.#loops.start();
    this.#loops.outputs(() => {
      const values = this.#evaluate(kernel.body);
      values.forEach((value, part) => {
        const address = this.#tile.address(out, Math.floor(part / plan.vectors), part % plan.vectors);
        store(f, kernel.dtype, value, strideOf(out, plan.lanes), address);
      });
    });
    const { tiles } = this.#loops;
    const work = kernelWork(kernel);
    const slice = Math.floor(SLICE_WORK / (work / tiles));
    return {
      function: { params: f.params, code: f.encode() },
      panels: this.#panels,
      direct: this.#direct,
      tiles,
      slice: Math.max(1, Math.min(plan.most, slice)),
      work,
    };
  }

  /** Values of a body for all parts of the tile: rows by vectors. */
  #evaluate(body: Body): readonly Held[] {
    const { plan, f } = this.#tile;
    const ranges = bodyRanges(this.#tile.kernel, body);
    const parts = plan.rows * plan.vectors;
    const accumulators = body.reduce === undefined ? [] : this.#reduce(body, ranges, parts);
    const finish = new StageCode(this.#host, body.finish, ranges.finish, accumulators);
    const last = ranges.finish.length - 1;
    const range = item(ranges.finish, last);
    return Array.from({ length: parts }, (_, part) => {
      const value = finish.value(last, Math.floor(part / plan.vectors), part % plan.vectors);
      return registerClass(body.dtype) === "f32" || value.form === "scalar i64"
        ? value
        : converted(f, value, intForm(range));
    });
  }

  /** Accumulators after all steps: by part, then by number. */
  #reduce(body: Body, ranges: BodyRanges, parts: number): readonly (readonly Held[])[] {
    const { f, plan } = this.#tile;
    const { reduce } = body;
    if (reduce === undefined) return [];
    const n = reduce.accumulators;
    const init = new StageCode(this.#host, reduce.init, ranges.init, []);
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
      const code = new StageCode(this.#host, reduce.step, ranges.step, accumulators);
      for (let part = 0; part < parts; part++) {
        const held = item(accumulators, part);
        const results = held.map(({ form }, i) =>
          converted(f, code.value(ranges.step.length - n + i, ...place(part)), form),
        );
        for (const { locals } of results) for (const local of locals) f.get(local);
        for (const { locals } of held.toReversed()) for (const local of locals.toReversed()) f.set(local);
      }
    };
    const levels = reduce.levels.filter((level) => item(this.#tile.kernel.sizes, level) > 1);
    const paired = this.#paired;
    if (paired === undefined) this.#loops.steps(levels, reduce.step.code.length <= SHORT_STEP, step);
    else {
      const code = new PairCode(this.#tile, this.#host.access, paired, accumulators);
      const pairs = levels.filter((level) => level !== paired.inner && level !== paired.outer);
      this.#loops.groups([...pairs, paired.outer], (count) => code.add(count));
    }
    return accumulators;
  }

  #accumulatorForm(value: Held, range: { lo: number; hi: number }): Form {
    if (value.form === "f32" || value.form === "scalar f32" || value.form === "scalar i64") return value.form;
    return intForm(range);
  }

  /** Finds walks, conditions and panels of all reads of a body. */
  #prepare(body: Body): void {
    const stage = ({ sources, code, indices }: BodyStage): void => {
      for (const { op, a } of code) if (op === "index") this.#tile.walk(item(indices, a), {});
      for (const source of sources) {
        if ("body" in source) this.#prepare(source.body);
        else if (!this.#accesses.has(source.read)) {
          const { read } = source;
          const pair = this.#paired?.packed === read ? this.#paired.inner : undefined;
          const panel = this.#tile.plan.packed.has(read)
            ? panelOf(this.#tile.kernel, this.#tile.plan.lanes, this.#tile.width, read, pair)
            : undefined;
          if (panel !== undefined) {
            // Parameters of panels follow those of all operands.
            const start = 1 + this.#tile.kernel.operands.length + this.#panels.push(panel) - 1;
            this.#accesses.set(
              read,
              new Access(this.#tile, this.#conditions, read, {
                start,
                at: panel.at,
                pitch: pair === undefined ? 1 : 2,
              }),
            );
          } else {
            this.#direct[read.operand] = true;
            if (read.gather !== undefined) this.#direct[read.gather.operand] = true;
            this.#accesses.set(read, new Access(this.#tile, this.#conditions, read, undefined));
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
