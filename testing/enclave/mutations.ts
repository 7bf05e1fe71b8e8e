import type { Interface } from "ethers";

import type { Random } from "../../runner/machine/prng.ts";

/** A call that is to be probed, and what was done to its bytes. */
export interface Mutation {
  readonly data: Uint8Array;
  readonly what: string;
}

/** One byte of `original` at `offset`, changed to another value. */
export const withByteChanged = (original: Uint8Array, offset: number, random: Random): Mutation => {
  const data = Uint8Array.from(original);
  const bit = 1 + random.below(255);
  data[offset] = (data[offset] ?? 0) ^ bit;
  return { data, what: `byte ${offset} ^ ${bit}` };
};

/** `original` with bytes changed, removed, repeated or inserted somewhere. */
export const mutated = (original: Uint8Array, random: Random): Mutation => {
  const offset = random.below(original.length);
  const length = Math.min(1 + random.below(8), original.length - offset);
  const head = [...original.subarray(0, offset)];
  const tail = [...original.subarray(offset + length)];
  const part = [...original.subarray(offset, offset + length)];
  switch (random.below(6)) {
    case 0:
      return { data: Uint8Array.from([...head, ...tail]), what: `${length} bytes removed at ${offset}` };
    case 1:
      return { data: Uint8Array.from([...head, ...part, ...part, ...tail]), what: `${length} repeated at ${offset}` };
    case 2: {
      const inserted = part.map(() => random.below(256));
      return {
        data: Uint8Array.from([...head, ...inserted, ...part, ...tail]),
        what: `${length} inserted at ${offset}`,
      };
    }
    case 3:
      return { data: Uint8Array.from(head), what: `cut at ${offset}` };
    case 4: {
      // A byte of structure: a bracket, a quote, a length, a tag.
      const bytes = [0x7b, 0x7d, 0x5b, 0x5d, 0x22, 0x2c, 0x3a, 0x30, 0x80, 0x81, 0xff, 0x00, 0x02, 0x0a, 0x3d];
      const byte = bytes[random.below(bytes.length)] ?? 0;
      return { data: Uint8Array.from([...head, byte, ...part.slice(1), ...tail]), what: `byte ${offset} = ${byte}` };
    }
    default:
      return withByteChanged(original, offset, random);
  }
};

/** How each call ends: the name of its error, `returned`, `untyped` for no data, or a selector that nobody knows. */
export const namesOf = (errors: readonly string[], interfaces: readonly Interface[]): string[] =>
  errors.map((selector) => {
    if (selector === "0xffffffff") return "returned";
    if (selector === "0x00000000") return "untyped";
    for (const known of interfaces) {
      const error = known.getError(selector);
      if (error !== null) return error.name;
    }
    return selector;
  });
