import { item } from "../../items.ts";
import type { Affine, Read } from "../../machine/kernel.ts";
import { product, rowMajor } from "../../machine/shape.ts";
import type { LoopKernel } from "./body.ts";

/**
 * A packed copy of an operand for a read of a step: for every tile of lanes the elements in the order in which the
 * reduction takes them, all lanes of a step together. The last tile has the level's last lanes.
 */
export interface Panel {
  readonly operand: number;
  /** Elements of the packed copy. */
  readonly length: number;
  /** Where the packed element is; the stride of the lanes' level is that of a whole tile divided by its lanes. */
  readonly at: Affine;
  /** What packs: kernels whose only operand is the one to pack, and which all store to the packed copy. */
  readonly copies: readonly LoopKernel[];
}

/**
 * The panel of a read that is always inside its operand; `width` is the number of lanes of a tile. With `pair`, a level of
 * two indices, both elements of a lane lie side by side.
 */
export function panelOf(kernel: LoopKernel, lanes: number, width: number, read: Read, pair?: number): Panel {
  const { sizes } = kernel;
  const operand = item(kernel.operands, read.operand);
  const strideOf = (level: number): number => item(read.strides, level);
  const moving = sizes.flatMap((size, level) =>
    strideOf(level) !== 0 && size > 1 && level !== lanes && level !== pair ? [level] : [],
  );
  const outer = moving.filter((level) => level < kernel.outputs);
  const inner = moving.filter((level) => level >= kernel.outputs);
  const size = item(sizes, lanes);
  const tiles = Math.ceil(size / width);
  const of = (levels: readonly number[]): number[] => levels.map((level) => item(sizes, level));
  const pairs = pair === undefined ? [] : [pair];
  const dims = [...of(outer), tiles, ...of(inner), width, ...of(pairs)];
  const steps = rowMajor(dims);
  const tileStep = item(steps, outer.length);
  const strides = sizes.map(() => 0);
  [...outer, lanes, ...inner].forEach((level, i) => (strides[level] = item(steps, i)));
  for (const level of pairs) strides[level] = 1;
  strides[lanes] = tileStep / width;

  /** Copies `count` tiles from tile `tile` on, the first of which begins at lane `first`. */
  const copy = (tile: number, first: number, count: number): LoopKernel => {
    const loops = [...of(outer), count, ...of(inner), width, ...of(pairs)];
    const lane = strideOf(lanes);
    return {
      sizes: loops,
      outputs: loops.length,
      dtype: operand.dtype,
      operands: [operand],
      at: { base: tile * tileStep, strides: steps },
      body: {
        dtype: operand.dtype,
        finish: {
          sources: [
            {
              read: {
                operand: 0,
                base: read.base + first * lane,
                strides: [...outer.map(strideOf), width * lane, ...inner.map(strideOf), lane, ...pairs.map(strideOf)],
                fill: 0n,
                guards: [],
              },
            },
          ],
          constants: [],
          code: [],
          indices: [],
        },
      },
    };
  };
  const whole = Math.floor(size / width);
  const copies = [...(whole > 0 ? [copy(0, 0, whole)] : []), ...(whole < tiles ? [copy(whole, size - width, 1)] : [])];
  return { operand: read.operand, length: product(dims), at: { base: 0, strides }, copies };
}
