import { item } from "../../items.ts";
import { DTYPE_BYTES } from "../../machine/dtype.ts";
import type { Read } from "../../machine/kernel.ts";
import type { Access } from "./access.ts";
import type { LoopKernel } from "./body.ts";
import { splitLevel } from "./digits.ts";
import type { Plan } from "./plan.ts";
import { isInt32, type Range } from "./range.ts";
import type { Tile } from "./tile.ts";
import type { Held } from "./value.ts";

/*
 * Sums of products of 8-bit integers, two steps at a time: `i32x4.dot_i16x8_s` multiplies pairs of 16-bit numbers and adds
 * both products. Integer sums have no order, and these never leave 32 bits.
 */

/** A kernel whose innermost reduction is split into pairs. */
export interface Paired {
  readonly kernel: LoopKernel;
  /** Levels that count pairs, and the two elements of a pair. */
  readonly outer: number;
  readonly inner: number;
  /** The read that lanes share, and the one that is packed. */
  readonly shared: Read;
  readonly packed: Read;
}

const fitsInt16 = (kernel: LoopKernel, { operand, fill }: Read): boolean =>
  DTYPE_BYTES[item(kernel.operands, operand).dtype] === 1 && fill >= -32768n && fill <= 32767n;

/** The kernel in pairs, if it is a sum of products of 8-bit integers that stays in 32 bits. */
export function pairProducts(kernel: LoopKernel, accumulators: readonly Range[]): Paired | undefined {
  const { reduce } = kernel.body;
  const level = reduce?.levels.at(-1);
  if (reduce === undefined || level === undefined || item(kernel.sizes, level) % 2 !== 0) return undefined;
  const [range, ...more] = accumulators;
  if (range === undefined || more.length > 0 || !isInt32(range)) return undefined;
  const { code, constants, sources } = reduce.step;
  const [multiply, add, ...others] = code;
  if (sources.length !== 2 || constants.length > 0 || others.length > 0) return undefined;
  if (multiply?.op !== "imul" || add?.op !== "iadd") return undefined;
  if (multiply.a + multiply.b !== 3 || multiply.a === 0 || multiply.b === 0) return undefined;
  if (add.a + add.b !== 3 || add.a * add.b !== 0) return undefined;
  const split = splitLevel(kernel, level, 2);
  const [a, b] = split.body.reduce?.step.sources ?? [];
  if (a === undefined || b === undefined || "body" in a || "body" in b) return undefined;
  if (!fitsInt16(kernel, a.read) || !fitsInt16(kernel, b.read)) return undefined;
  const lanesShare = (read: Read): boolean => read.strides[level + 1] === 1;
  // Which of them lanes share is known when the loops are planned; both orders are tried there.
  const [shared, packed] =
    lanesShare(a.read) && a.read.guards.length >= b.read.guards.length ? [a.read, b.read] : [b.read, a.read];
  return { kernel: split, outer: level, inner: level + 1, shared, packed };
}

/** Whether the plan lets lanes share one factor, its pairs side by side in memory, and packs the other. */
export function takesPairs({ shared, packed, outer, inner }: Paired, plan: Plan): boolean {
  const { lanes } = plan;
  if (lanes < 0 || !plan.packed.has(packed) || plan.packed.has(shared) || shared.gather !== undefined) return false;
  const still = (strides: readonly number[], levels: readonly number[]): boolean =>
    levels.every((level) => strides[level] === 0);
  return (
    shared.strides[inner] === 1 &&
    shared.strides[outer] === 2 &&
    shared.strides[lanes] === 0 &&
    shared.guards.every(({ strides }) => still(strides, [lanes, inner, outer]))
  );
}

/** Code that adds products of pairs to the accumulators of a tile. */
export class PairCode {
  readonly #tile: Tile;
  readonly #access: (read: Read) => Access;
  readonly #paired: Paired;
  readonly #accumulators: readonly (readonly Held[])[];

  constructor(tile: Tile, access: (read: Read) => Access, paired: Paired, accumulators: readonly (readonly Held[])[]) {
    this.#tile = tile;
    this.#access = access;
    this.#paired = paired;
    this.#accumulators = accumulators;
  }

  /** The next pairs: one, or four. */
  add(pairs: number): void {
    const { f, plan, ahead } = this.#tile;
    const { outer, packed } = this.#paired;
    const rows = Array.from({ length: plan.rows }, (_, row) => this.#row(row, pairs));
    const first = ahead.get(outer) ?? 0;
    for (let pair = 0; pair < pairs; pair++) {
      ahead.set(outer, first + pair);
      const sign = this.#sign(packed);
      const columns = Array.from({ length: plan.vectors }, (_, vector) =>
        this.#access(packed).vector(
          0,
          vector,
          (address) => f.memory(`v128.load8x8_${sign}`, address(0)),
          () => f.v128([0, 0, 0, 0]),
        ),
      );
      rows.forEach((local, row) => {
        f.get(local);
        if (pairs > 1) f.get(local).shuffle([0, 1, 2, 3].flatMap(() => [0, 1, 2, 3].map((byte) => 4 * pair + byte)));
        const both = f.keep("v128");
        columns.forEach((column, vector) => {
          const [sum = 0] = item(item(this.#accumulators, row * plan.vectors + vector), 0).locals;
          f.get(sum).get(both).get(column).op("i32x4.dot_i16x8_s").op("i32x4.add").set(sum);
        });
      });
    }
    if (pairs > 1) ahead.delete(outer);
    else ahead.set(outer, first);
  }

  /** A vector of the shared factors of a row as 16-bit numbers: four pairs, or one pair four times. */
  #row(row: number, pairs: number): number {
    const { f } = this.#tile;
    const { shared } = this.#paired;
    const sign = this.#sign(shared);
    const fill = Number(BigInt.asUintN(16, shared.fill)) * 0x10001;
    return this.#access(shared).vector(
      row,
      0,
      (address) => {
        if (pairs > 1) f.memory(`v128.load8x8_${sign}`, address(0));
        else f.memory("v128.load16_splat", address(0)).op(`i16x8.extend_low_i8x16_${sign}`);
      },
      () => f.v128([fill, fill, fill, fill]),
    );
  }

  #sign(read: Read): "s" | "u" {
    return item(this.#tile.kernel.operands, read.operand).dtype.startsWith("i") ? "s" : "u";
  }
}
