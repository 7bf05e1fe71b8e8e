/**
 * A seeded generator of pseudo-random numbers (sfc32): the same seed gives the same numbers on every machine. For
 * tests, fuzzing and sampling; not for secrets.
 */
export interface Random {
  /** 32 random bits, unsigned. */
  readonly u32: () => number;
  /** 64 random bits, unsigned. */
  readonly u64: () => bigint;
  /** An integer from 0 to `bound - 1`; `bound` is 1 to 2^32. */
  readonly below: (bound: number) => number;
  /** An integer from `low` to `high`, both included, less than 2^32 apart. */
  readonly between: (low: number, high: number) => number;
  /** True with the given probability. */
  readonly chance: (probability: number) => boolean;
  /** One entry of a list that is not empty. */
  readonly pick: <T>(row: readonly T[]) => T;
  readonly bytes: (length: number) => Uint8Array<ArrayBuffer>;
}

export function createRandom(seed: number): Random {
  let [a, b, c, counter] = [0x9e3779b9, 0x243f6a88, seed | 0, 1];
  const u32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The first outputs still show the seed.
  for (let i = 0; i < 16; i++) u32();
  const below = (bound: number): number => Math.floor((u32() / 2 ** 32) * bound);
  return {
    u32,
    u64: () => (BigInt(u32()) << 32n) | BigInt(u32()),
    below,
    between: (low, high) => low + below(high - low + 1),
    chance: (probability) => u32() / 2 ** 32 < probability,
    pick: (row) => row[below(row.length)] as (typeof row)[number],
    bytes: (length) => Uint8Array.from({ length }, () => u32() >>> 24),
  };
}
