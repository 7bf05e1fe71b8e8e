import { createRandom } from "../machine/prng.ts";

/**
 * `count` distinct indices below `length`, ascending: the first and the last, where errors of bounds show, the rest at
 * random. All of them when there are no more than `count`.
 */
export function sampleElements(length: number, count: number, seed: number): readonly number[] {
  if (length <= count) return Array.from({ length }, (_, i) => i);
  const random = createRandom(seed);
  const chosen = new Set([0, length - 1].slice(0, count));
  while (chosen.size < count) chosen.add(random.below(length));
  return [...chosen].sort((a, b) => a - b);
}
