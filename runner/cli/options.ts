import { pairs, usage } from "../files/pairs.ts";

export { usage };

/** Sizes that the command line gives: of symbolic dimensions, and whole shapes of inputs. */
export interface Shapes {
  readonly shapes: Readonly<Record<string, number>>;
  readonly inputShapes: Readonly<Record<string, readonly number[]>>;
}

/** `N=1` binds a symbolic dimension, `image=[1,1,8,8]` gives the whole shape of an input. @throws AssayError USAGE. */
export function parseShapes(values: readonly string[]): Shapes {
  const shapes: Record<string, number> = {};
  const inputShapes: Record<string, readonly number[]> = {};
  for (const [name, text] of pairs("--shape", values)) {
    const whole = /^\[([\d,\s]*)\]$/.exec(text);
    if (whole === null) define(shapes, name, parseCount("--shape", text));
    else
      define(
        inputShapes,
        name,
        (whole[1] ?? "").split(",").map((size) => parseCount("--shape", size.trim())),
      );
  }
  return { shapes, inputShapes };
}

/** A whole number of at least `least`. @throws AssayError USAGE. */
export function parseCount(option: string, text: string, least = 1): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least)) throw usage(option, `takes a whole number of at least ${least}, not "${text}"`);
  return value;
}

/** A decimal number above 0. @throws AssayError USAGE. */
export function parseNumber(option: string, text: string): number {
  const value = /^\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value > 0)) throw usage(option, `takes a number above 0, not "${text}"`);
  return value;
}

/** Sets a property, also one whose name is special in JavaScript (`__proto__`). */
function define<T>(record: Record<string, T>, name: string, value: T): void {
  Object.defineProperty(record, name, { value, enumerable: true, writable: true, configurable: true });
}
