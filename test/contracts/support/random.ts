/** A small seeded generator (mulberry32), so that a failing fuzz run can be repeated. */
export interface Random {
  /** Uniform in [0, 2^32). */
  readonly u32: () => number;
  /** Uniform in [0, bound), bound at most 2^32. */
  readonly below: (bound: number) => number;
  readonly bytes: (length: number) => Uint8Array;
  readonly pick: <T>(items: readonly T[]) => T;
}

export const seeded = (seed: number): Random => {
  let state = seed >>> 0;
  const u32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return (word ^ (word >>> 14)) >>> 0;
  };
  const below = (bound: number): number => Math.floor((u32() / 2 ** 32) * bound);
  return {
    u32,
    below,
    bytes: (length) => Uint8Array.from({ length }, () => u32() & 0xff),
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new RangeError("nothing to pick from");
      return item;
    },
  };
};
