import { item } from "../../items.ts";
import type { Condition } from "./condition.ts";
import type { Tile } from "./tile.ts";
import { currentLocal, pushNumber, strideOf, type Walk } from "./walk.ts";

/** One level as a loop over tiles. */
interface Loop {
  readonly level: number;
  readonly step: number;
  readonly tiles: number;
  /** Indices that the last tile is ahead of the one before. */
  readonly rest: number;
}

/** Steps that one loop repeats. */
const UNROLLED = 4;
/** Longest innermost reduction that is written without a loop. */
const LOOPLESS = 9;

/** Loops in generated code: they move the walks and decide conditions as soon as their indices are known. */
export class Loops {
  readonly #tile: Tile;
  readonly #conditions: readonly Condition[];
  readonly #open = new Set<number>();

  constructor(tile: Tile, conditions: readonly Condition[]) {
    this.#tile = tile;
    this.#conditions = conditions;
    tile.kernel.sizes.forEach((size, level) => {
      if (size === 1) this.#open.add(level);
    });
  }

  /** Tiles of the level that the caller splits. */
  get tiles(): number {
    const { split } = this.#tile.plan;
    return split < 0 ? 1 : this.#outputLoop(split).tiles;
  }

  /** Puts every walk at its beginning. */
  start(): void {
    const { f, walks } = this.#tile;
    for (const walk of walks) {
      pushNumber(f, walk, walk.affine.base * walk.scale);
      if (walk.start !== undefined) f.get(walk.start).op("i32.add");
      walk.locals.push(f.keep(walk.type));
    }
  }

  /** Loops over the output, tile by tile. */
  outputs(body: () => void): void {
    const { order, split } = this.#tile.plan;
    const from = (depth: number): void => {
      const level = order[depth];
      if (level === undefined) body();
      else this.#loop(this.#outputLoop(level), level === split, () => this.#opened(level, () => from(depth + 1)));
    };
    from(0);
  }

  /** Loops over levels, one inside the other; `unrolled`: the innermost is written several times. */
  steps(levels: readonly number[], unrolled: boolean, step: () => void): void {
    const [level, ...inner] = levels;
    if (level === undefined) {
      this.#tile.f.scope(step);
      return;
    }
    const size = item(this.#tile.kernel.sizes, level);
    const copies = (count: number): void => this.#copies(level, count, step);
    if (inner.length > 0 || !unrolled) {
      const body = (): void => this.steps(inner, unrolled, step);
      this.#loop({ level, step: 1, tiles: size, rest: 1 }, false, () => this.#opened(level, body));
    } else if (size <= LOOPLESS) copies(size);
    else
      this.#loop(
        this.#groups(level, size),
        false,
        () => copies(UNROLLED),
        () => copies(size % UNROLLED),
      );
  }

  /** Loops over levels; `run` takes as many indices of the innermost as it is told: a group, or one. */
  groups(levels: readonly number[], run: (count: number) => void): void {
    const [level, ...inner] = levels;
    if (level === undefined) return;
    const size = item(this.#tile.kernel.sizes, level);
    if (inner.length > 0) {
      const body = (): void => this.groups(inner, run);
      this.#loop({ level, step: 1, tiles: size, rest: 1 }, false, () => this.#opened(level, body));
      return;
    }
    const rest = (): void => this.#copies(level, size % UNROLLED, () => run(1));
    if (size < UNROLLED) rest();
    else this.#loop(this.#groups(level, size), false, () => this.#opened(level, () => run(UNROLLED)), rest);
  }

  #groups(level: number, size: number): Loop {
    return { level, step: UNROLLED, tiles: Math.floor(size / UNROLLED), rest: UNROLLED };
  }

  #copies(level: number, count: number, step: () => void): void {
    const { ahead, f } = this.#tile;
    for (let copy = 0; copy < count; copy++) {
      ahead.set(level, copy);
      f.scope(() => this.#opened(level, step));
    }
    ahead.delete(level);
  }

  #outputLoop(level: number): Loop {
    const { kernel, plan, width } = this.#tile;
    const size = item(kernel.sizes, level);
    const step = level === plan.lanes ? width : level === plan.row ? plan.rows : 1;
    const tiles = Math.ceil(size / step);
    return { level, step, tiles, rest: size % step === 0 ? step : size % step };
  }

  /**
   * A loop over a level. `split`: over the tiles that the caller chose. `after` runs when the loop has ended, with the
   * walks where it ended.
   */
  #loop(loop: Loop, split: boolean, body: () => void, after?: () => void): void {
    const { f, from, walks } = this.#tile;
    const { level, tiles } = loop;
    if (tiles === 1 && after === undefined) {
      body();
      return;
    }
    f.scope(() => {
      const moving = walks.filter((walk) => strideOf(walk, level) !== 0);
      const count = f.local("i32");
      if (split) f.get(from).set(count);
      else f.i32(0).set(count);
      for (const walk of moving) {
        f.get(currentLocal(walk));
        if (split) this.#pushStart(walk, loop);
        walk.locals.push(f.keep(walk.type));
      }
      f.repeat(() => {
        body();
        f.get(count).i32(1).op("i32.add").set(count);
        this.#move(moving, loop, count);
        f.get(count);
        if (split) f.get(from + 1);
        else f.i32(tiles);
        f.op("i32.lt_u");
      });
      after?.();
      for (const walk of moving) walk.locals.pop();
    });
  }

  /** Moves walks to the next tile. The step to a last tile that overlaps is shorter. */
  #move(moving: readonly Walk[], { level, step, tiles, rest }: Loop, count: number): void {
    const { f } = this.#tile;
    const short =
      rest === step
        ? undefined
        : f
            .get(count)
            .i32(tiles - 1)
            .op("i32.eq")
            .keep("i32");
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
  }

  /** Adds to the walk on the stack what it moves from the level's beginning to the first tile of the caller. */
  #pushStart(walk: Walk, { level, step, tiles, rest }: Loop): void {
    const { f, from } = this.#tile;
    const by = strideOf(walk, level) * walk.scale;
    const start = (): void => {
      f.get(from);
      if (walk.type === "i64") f.op("i64.extend_i32_u");
      pushNumber(f, walk, by * step);
      f.op(`${walk.type}.mul`);
    };
    if (rest === step || walk.pitch !== undefined) start();
    else {
      pushNumber(f, walk, by * ((tiles - 2) * step + rest));
      start();
      f.get(from)
        .i32(tiles - 1)
        .op("i32.eq")
        .op("select");
    }
    f.op(`${walk.type}.add`);
  }

  /** Runs `body` where `level` has an index: with the conditions decided that are known since then. */
  #opened(level: number, body: () => void): void {
    this.#open.add(level);
    const { sizes } = this.#tile.kernel;
    const ready = this.#conditions.filter(
      ({ flags, walk }) => flags === undefined && sizes.every((_, l) => strideOf(walk, l) === 0 || this.#open.has(l)),
    );
    for (const condition of ready) condition.decide(this.#tile);
    body();
    for (const condition of ready) condition.flags = undefined;
    this.#open.delete(level);
  }
}
