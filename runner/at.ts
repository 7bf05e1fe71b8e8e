/**
 * An entry that must exist.
 * @throws RangeError naming index and length when it does not: a bug of this package, never of its user.
 */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const entry = list[index];
  if (entry === undefined) throw new RangeError(`index ${String(index)} of a list of ${String(list.length)}`);
  return entry;
}
