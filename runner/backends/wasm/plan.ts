import { item } from "../../items.ts";
import type { Affine, Read } from "../../machine/kernel.ts";
import { product } from "../../machine/shape.ts";
import { type Body, type BodyStage, extent, floatAccumulators, type LoopKernel } from "./body.ts";
import type { Range } from "./range.ts";
import { intForm } from "./value.ts";

/**
 * How the loops of a kernel run. Outputs are computed in tiles: `rows` indices of one level by `vectors` times four
 * lanes of another. A last tile that would leave the output starts earlier and overlaps the one before.
 */
export interface Plan {
  /** Level of the lanes; -1: one output at a time. */
  readonly lanes: number;
  readonly vectors: number;
  /** Level of the rows; -1: none. */
  readonly row: number;
  readonly rows: number;
  /** Output levels of more than one index, from the outermost loop to the innermost. */
  readonly order: readonly number[];
  /** Level whose tiles the caller chooses, from and to; -1: there is none. */
  readonly split: number;
  /** Tiles of the split level that a call should have at most, so that what they share stays in the processor's cache. */
  readonly most: number;
  /** Reads of steps whose operand is packed in panels: tiles of lanes, contiguous. */
  readonly packed: ReadonlySet<Read>;
}

/** Vectors of accumulators of a tile that is multiplied and added; two operands and a product need registers too. */
const TILE_VECTORS = 8;
const TILE_ROWS = 4;
/** Bytes that stay in a core's cache while something else streams past. */
const CACHE_BYTES = 2 ** 19;
/** Longest step or finish that a tile of several vectors repeats. */
const SHORT_CODE = 8;

/** How often a packed copy may have an element of its operand. */
const MOST_GROWTH = 2;
/** Steps against which the length of `finish` does not matter. */
const LONG_SUM = 16;

interface Weighed {
  readonly read: Read;
  readonly weight: number;
  readonly inStep: boolean;
}

/** All reads of a body, each with how often it is done for an output. */
function weighedReads(kernel: LoopKernel, body: Body): Weighed[] {
  const stage = ({ sources }: BodyStage, weight: number, inStep: boolean): Weighed[] =>
    sources.flatMap((source) =>
      "read" in source
        ? [{ read: source.read, weight, inStep }]
        : weighedReads(kernel, source.body).map((inner) => ({ ...inner, weight: inner.weight * weight })),
    );
  const { reduce, finish } = body;
  if (reduce === undefined) return stage(finish, 1, false);
  const steps = product(reduce.levels.map((level) => item(kernel.sizes, level)));
  return [...stage(reduce.init, 1, false), ...stage(reduce.step, steps, true), ...stage(finish, 1, false)];
}

const strideAt = (affine: Affine, level: number): number => affine.strides[level] ?? 0;

const movesWith = (read: Read, level: number): boolean =>
  strideAt(read, level) !== 0 ||
  read.guards.some((guard) => strideAt(guard, level) !== 0) ||
  (read.gather !== undefined && strideAt(read.gather, level) !== 0);

/** Whether every offset of a read lies in its operand. */
export const alwaysInside = (kernel: LoopKernel, read: Read): boolean => {
  const { lo, hi } = extent(read, kernel.sizes);
  return lo >= 0 && hi < item(kernel.operands, read.operand).length;
};

/** Elements of a packed copy: one for each index of the levels that a read moves with. */
const elementsRead = ({ sizes }: LoopKernel, read: Read): number =>
  product(sizes.filter((_, level) => strideAt(read, level) !== 0));

/** A read that panels can replace: without gather, its guards always hold, always inside. */
const plain = (kernel: LoopKernel, read: Read): boolean =>
  read.gather === undefined &&
  alwaysInside(kernel, read) &&
  read.guards.every((guard) => {
    const { lo, hi } = extent(guard, kernel.sizes);
    return lo >= 0 && hi < guard.bound;
  });

/**
 * @param constant Whether an operand never changes, so that it is packed once.
 * @param accumulators Ranges of the accumulators of the outermost reduction.
 */
export function planLoops(
  kernel: LoopKernel,
  constant: (operand: number) => boolean,
  accumulators: readonly Range[],
): Plan {
  const { sizes, outputs, body } = kernel;
  const long = (level: number): boolean => item(sizes, level) > 1;
  const outer = Array.from({ length: outputs }, (_, level) => level).filter(long);
  const reads = weighedReads(kernel, body);
  const total = Math.max(1, ...reads.map(({ weight }) => weight));

  /** The longest level that some read of a step does not move with while it moves with the lanes. */
  const rowFor = (lanes: number): number =>
    outer
      .filter((level) => level !== lanes)
      .filter((level) => reads.some(({ read, inStep }) => inStep && movesWith(read, lanes) && !movesWith(read, level)))
      .reduce((best, level) => (best < 0 || item(sizes, level) >= item(sizes, best) ? level : best), -1);
  const packs = (read: Read, inStep: boolean, lanes: number): boolean =>
    inStep &&
    ![0, 1].includes(strideAt(read, lanes)) &&
    plain(kernel, read) &&
    elementsRead(kernel, read) <= MOST_GROWTH * item(kernel.operands, read.operand).length &&
    (constant(read.operand) ||
      outer.some((level) => level !== lanes && item(sizes, level) >= TILE_ROWS && !movesWith(read, level)));
  const costOf = (lanes: number): number => {
    let cost = strideAt(kernel.at, lanes) === 1 ? 1 : 4;
    for (const { read, weight, inStep } of reads) {
      const stride = strideAt(read, lanes);
      const { gather } = read;
      const near = stride === 0 ? 0.5 : stride === 1 || packs(read, inStep, lanes) ? 1 : 6;
      const guarded = read.guards.some((guard) => strideAt(guard, lanes) !== 0) ? 2 : 0;
      const gathered = gather === undefined ? 0 : strideAt(gather, lanes) === 0 ? 2 : 16;
      cost += weight * (near + guarded + gathered);
    }
    return cost;
  };
  const candidates = outer.filter((level) => item(sizes, level) >= 4);
  const lanes = candidates.reduce((best, level) => (best < 0 || costOf(level) <= costOf(best) ? level : best), -1);
  if (lanes < 0) {
    return {
      lanes,
      vectors: 1,
      row: -1,
      rows: 1,
      order: outer,
      split: outer[0] ?? -1,
      most: Infinity,
      packed: new Set(),
    };
  }
  const row = body.reduce === undefined ? -1 : rowFor(lanes);
  const rows = row < 0 ? 1 : Math.min(TILE_ROWS, item(sizes, row));
  const floats = body.reduce === undefined ? [] : floatAccumulators(kernel, body.reduce);
  const width = accumulators.reduce(
    (sum, range, i) => sum + (floats[i] !== true && intForm(range) === "i64" ? 2 : 1),
    0,
  );
  const stepLength = body.reduce?.step.code.length ?? 0;
  const codeLength = total >= LONG_SUM ? stepLength : Math.max(body.finish.code.length, stepLength);
  const most = codeLength > SHORT_CODE ? 1 : Math.floor(TILE_VECTORS / Math.max(1, width) / rows);
  let vectors = 1;
  while (2 * vectors <= Math.min(body.reduce === undefined ? 4 : 8, most) && 8 * vectors <= item(sizes, lanes)) {
    vectors *= 2;
  }
  const rest = outer.filter((level) => level !== lanes && level !== row);
  // What a row reads is read again for every tile of lanes: all rows of a call should fit the cache.
  const rowBytes = total * 4 * rows;
  const split = row < 0 ? (rest[0] ?? lanes) : item(sizes, row) * total * 4 <= CACHE_BYTES ? lanes : row;
  return {
    lanes,
    vectors,
    row,
    rows,
    order: [...rest, lanes, ...(row < 0 ? [] : [row])],
    split,
    most: split === row ? Math.max(4, Math.floor(CACHE_BYTES / rowBytes)) : Infinity,
    packed: new Set(reads.filter(({ read, inStep }) => packs(read, inStep, lanes)).map(({ read }) => read)),
  };
}
