import type { Affine } from "../../machine/kernel.ts";
import type { FunctionBody } from "../../webassembly/assembler.ts";

/**
 * An affine function of the loop indices in generated code: a local that moves with the loops. It counts elements, or
 * bytes of memory from a start that is a parameter.
 */
export interface Walk {
  readonly affine: Affine;
  /** Bytes of an element; 1 for a count. */
  readonly scale: number;
  /** Parameter with the address of element 0; undefined for a count. */
  readonly start: number | undefined;
  readonly type: "i32" | "i64";
  /** Of a panel, elements between two lanes of a tile; the stride of the lanes' level then moves by tiles alone. */
  readonly pitch: number | undefined;
  /** Whether the values that it takes, and those of single lanes and steps, can be an offset of a load. */
  readonly inside: boolean;
  /** Locals that hold it, of the innermost loop last. */
  readonly locals: number[];
}

export const strideOf = (walk: Walk, level: number): number => walk.affine.strides[level] ?? 0;

/** The local that holds a walk now. */
export const currentLocal = ({ locals }: Walk): number => {
  const local = locals.at(-1);
  if (local === undefined) throw new RangeError("a walk is used outside of its function");
  return local;
};

/** Pushes a number of the walk's type. */
export const pushNumber = (f: FunctionBody, { type }: Walk, value: number): void => {
  if (type === "i32") f.i32(value);
  else f.i64(BigInt(value));
};
