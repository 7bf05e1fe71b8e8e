/*
 * Reads of lists and maps at places that must exist. A place that does not exist is a mistake in the code, or a case that
 * an earlier check should have refused: it throws instead of becoming a 0 that nobody sees.
 */

/** A list of T that has at least N elements. */
type AtLeast<T, N extends number, Head extends readonly T[] = []> = Head["length"] extends N
  ? readonly [...Head, ...T[]]
  : AtLeast<T, N, readonly [...Head, T]>;

/** The element at an index from 0 on. @throws RangeError when the list has no such element. */
export const item = <T>(list: ArrayLike<T>, index: number): T => {
  const element = list[index];
  if (element === undefined) throw noElement(list, index);
  return element;
};

/** The last element. @throws RangeError when the list is empty. */
export const lastItem = <T>(list: ArrayLike<T>): T => item(list, list.length - 1);

/** The list itself, known to have `count` elements or more. @throws RangeError when it has fewer. */
export const atLeast = <T, N extends 1 | 2 | 3 | 4 | 5 | 6>(list: readonly T[], count: N): AtLeast<T, N> => {
  if (!hasAtLeast(list, count)) throw noElement(list, count - 1);
  return list;
};

const hasAtLeast = <T, N extends number>(list: readonly T[], count: N): list is readonly T[] & AtLeast<T, N> =>
  list.length >= count;

/** The value of a key. @throws RangeError when the map does not have the key. */
export const entry = <K, V>(map: ReadonlyMap<K, V>, key: K): V => {
  const value = map.get(key);
  if (value === undefined) throw new RangeError(`the map has no key ${String(key)}`);
  return value;
};

const noElement = (list: ArrayLike<unknown>, index: number): RangeError => {
  const { length } = list;
  const numbers = length <= 8 && Array.from(list).every((element) => typeof element === "number");
  const what = numbers ? `[${Array.from(list).join(", ")}]` : `a list of ${String(length)}`;
  return new RangeError(`element ${String(index)} of ${what} does not exist`);
};
