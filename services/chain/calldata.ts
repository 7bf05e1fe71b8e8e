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
