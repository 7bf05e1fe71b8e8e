import type { Hash } from "../../runner/commitment/keccak.ts";
import type { Answer, Opening } from "../../runner/dispute/view.ts";

/** What generated bindings take: the same value without `readonly`. */
export type Mutable<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer E)[]
    ? Mutable<E>[]
    : T extends object
      ? { -readonly [K in keyof T]: Mutable<T[K]> }
      : T;

/** A copy that generated bindings take. */
export const mutable = <T>(value: T): Mutable<T> => structuredClone(value) as Mutable<T>;

interface RawOpening {
  readonly kernelIndex: bigint;
  readonly dtype: bigint;
  readonly length: bigint;
  readonly place: { readonly level: bigint; readonly index: bigint };
}

interface RawAnswer {
  readonly opening: RawOpening;
  readonly nodes: readonly Hash[];
  readonly data: string;
  readonly siblings: readonly Hash[];
  readonly traceSiblings: readonly Hash[];
}

/** An `Opening` as an event has it. By position too, because a result's `length` is its number of fields. */
export function openingFrom(raw: unknown): Opening {
  const [kernelIndex, dtype, length, [level, index]] = raw as [bigint, bigint, bigint, [bigint, bigint]];
  return {
    kernelIndex: Number(kernelIndex),
    dtype: Number(dtype),
    length: Number(length),
    place: { level: Number(level), index: Number(index) },
  };
}

/** An `Answer` as an event has it. */
export function answerFrom(raw: unknown): Answer {
  const { opening, nodes, data, siblings, traceSiblings } = raw as RawAnswer;
  return {
    opening: openingFrom(opening),
    nodes: [...nodes],
    data: Uint8Array.from(Buffer.from(data.slice(2), "hex")),
    siblings: [...siblings],
    traceSiblings: [...traceSiblings],
  };
}
