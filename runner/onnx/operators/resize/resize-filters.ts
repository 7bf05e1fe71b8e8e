import { item } from "../../../items.ts";
import { range } from "../common.ts";

const f = Math.fround;

/** What an output position adds: input positions and their weights, in the order of the sum. */
export interface Taps {
  readonly positions: readonly number[];
  readonly weights: readonly number[];
  /** What every product is divided by before it is added, where that is not 1. */
  readonly divisor?: number;
}

/** The two neighbours of a coordinate and their weights, which are halves where they are the same. */
export const linearTaps = (place: number, size: number): Taps => {
  const x = Math.max(0, Math.min(place, size - 1));
  const first = Math.min(Math.trunc(x), size - 1);
  const second = Math.min(first + 1, size - 1);
  if (first === second) return { positions: [first, second], weights: [0.5, 0.5] };
  return { positions: [first, second], weights: [f(second - x), f(x - first)] };
};

/** Keys' coefficients for a fraction, f32 step by step. */
const cubicCoefficients = (fraction: number, a: number): readonly number[] => {
  const far = (t: number): number => f(f(f(f(f(f(a * t) - f(5 * a)) * t) + f(8 * a)) * t) - f(4 * a));
  const near = (t: number): number => f(f(f(f(f(f(a + 2) * t) - f(a + 3)) * t) * t) + 1);
  return [far(f(fraction + 1)), near(fraction), near(f(1 - fraction)), far(f(2 - fraction))];
};

/** The four neighbours of a coordinate, those outside moved to the edge, or without weight. */
export const cubicTaps = (place: number, size: number, a: number, excludeOutside: boolean): Taps => {
  const floor = Math.floor(place);
  const at = range(4).map((i) => floor - 1 + i);
  const coefficients = cubicCoefficients(f(place - floor), f(a));
  const positions = at.map((i) => Math.min(Math.max(i, 0), size - 1));
  if (!excludeOutside) return { positions, weights: coefficients };
  const weights = coefficients.map((w, i) => (item(at, i) < 0 || item(at, i) >= size ? 0 : w));
  return { positions, weights, divisor: weights.reduce((sum, w) => f(sum + w), 0) };
};

/** The filter of antialiasing: a tent, or Keys' cubic. */
const filterAt = (distance: number, cubic: number | undefined): number => {
  const x = Math.abs(distance);
  if (cubic === undefined) return x < 1 ? f(1 - x) : 0;
  const a = f(cubic);
  if (x < 1) return f(f(f(f(f(f(a + 2) * x) - f(a + 3)) * x) * x) + 1);
  return x < 2 ? f(f(f(f(f(f(x - 5) * x) + 8) * x) - 4) * a) : 0;
};

/** What antialiasing needs to know of an axis. */
export interface Antialiased {
  readonly size: number;
  readonly scale: number;
  /** The cubic coefficient, or nothing for the linear filter. */
  readonly cubic: number | undefined;
  readonly excludeOutside: boolean;
}

/** The filter widened by a reduction; what it weighs outside is added to the edge, or left out. */
export const antialiasedTaps = (place: number, axis: Antialiased): Taps => {
  const { size, cubic, excludeOutside } = axis;
  const inverse = f(1 / f(axis.scale));
  const radius = cubic === undefined ? 1 : 2;
  const support = inverse >= 1 ? f(radius * inverse) : radius;
  const stretch = inverse >= 1 ? f(1 / inverse) : 1;
  const centre = f(0.5 + place);
  const window = Math.ceil(support) * 2 + 1;
  const bounded = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
  const first = Math.floor(f(f(centre - support) + 0.5));
  const end = first + bounded(Math.floor(f(f(centre + support) + 0.5)) - first, 0, window);
  const [firstInside, endInside] = [bounded(first, 0, size), bounded(end, 0, size)];
  const [from, to] = excludeOutside ? [firstInside, endInside] : [first, end];
  const weights = range(to - from).map((i) => filterAt(f(f(f(i + from - centre) + 0.5) * stretch), cubic));
  const total = weights.reduce((sum, w) => f(sum + w), 0);
  const inside = excludeOutside || firstInside >= endInside ? weights : movedInside(weights, from, size);
  const scale = total === 0 ? 1 : f(1 / total);
  const count = endInside - firstInside;
  return {
    positions: range(count).map((i) => firstInside + i),
    weights: range(count).map((i) => f(item(inside, i) * scale)),
  };
};

/** The weights of positions outside added to the first and the last inside, one after the other. */
const movedInside = (weights: readonly number[], from: number, size: number): number[] => {
  const moved = [...weights];
  const count = moved.length;
  const before = Math.min(Math.max(-from, 0), count - 1);
  for (let i = 0; i < before; i++) moved[before] = f(item(moved, before) + item(moved, i));
  const behind = Math.min(Math.max(count + from - size, 0), count - 1);
  const last = count - behind - 1;
  for (let i = last + 1; i < count; i++) moved[last] = f(item(moved, last) + item(moved, i));
  return moved.slice(before);
};
