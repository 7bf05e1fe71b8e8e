import type { Random } from "../../runner/machine/prng.ts";

/** A number from 0, below 1. */
export const uniform = (random: Random): number => random.u32() / 2 ** 32;

/** Standard normal, by Box and Muller. */
export const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - uniform(random))) * Math.cos(2 * Math.PI * uniform(random));

/** Its logarithm is normal with that deviation; the median is 1. */
export const lognormal = (random: Random, deviation: number): number => Math.exp(deviation * normal(random));

/** How often something happened that happens `mean` times; beyond 50 by the normal distribution. */
export function poisson(random: Random, mean: number): number {
  if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  let [count, product] = [0, uniform(random)];
  for (const limit = Math.exp(-mean); product > limit; count++) product *= uniform(random);
  return count;
}
