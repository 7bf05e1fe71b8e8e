import type { DType } from "../../machine/dtype.ts";
import type { NodeContext } from "../build/node.ts";
import type { Ref, StageBuilder } from "../build/stage.ts";
import type { Value } from "../build/value.ts";
import { type ElementType, STORED_AS } from "../file/element-type.ts";
import { importError } from "../file/refusal.ts";

/** A dtype of the machine that a value has; foreign element types cannot be computed with. */
export const computable = (node: NodeContext, value: Value): DType => {
  if (value.element in STORED_AS) throw node.refuse(`element type ${value.element} is not computed with`);
  return value.element as DType;
};

/** The one dtype that all the values have. */
export const sameType = (node: NodeContext, values: readonly Value[]): DType => {
  const [first, ...rest] = values;
  if (first === undefined) throw node.invalid("the node has no inputs");
  if (rest.some((value) => value.element !== first.element)) {
    throw node.invalid(`inputs of different types: ${values.map((value) => value.element).join(", ")}`);
  }
  return computable(node, first);
};

/** Requires f32. */
export const float = (node: NodeContext, value: Value): Value => {
  if (value.element !== "f32") throw node.refuse(`element type ${value.element} is not supported here, only float`);
  return value;
};

/** The dtype's class: whether arithmetic on it is f32 or int. */
export const isFloatType = (dtype: ElementType): boolean => dtype === "f32";

export const isUnsigned = (dtype: ElementType): boolean => dtype.startsWith("u") || dtype === "bool";

/** Smallest and largest value of an integer dtype. */
export const integerRange = (dtype: ElementType): readonly [bigint, bigint] => {
  if (dtype === "bool") return [0n, 1n];
  const bits = BigInt(dtype.slice(1));
  return dtype.startsWith("u") ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
};

/** a < b in the order of a dtype. */
export const less = (s: StageBuilder, dtype: DType, a: Ref, b: Ref): Ref =>
  s.op(dtype === "f32" ? "flt" : dtype === "u64" ? "ult" : "ilt", a, b);

/** The largest finite f32. */
export const LARGEST_F32 = 3.4028234663852886e38;

/** Entries of the longest table that an import makes: attributes could ask for any number. */
const MAX_RANGE = 2 ** 22;

/** `[0, 1, …, n - 1]`. @throws AssayError ONNX_LIMIT */
export const range = (n: number): number[] => {
  if (n > MAX_RANGE) throw importError("ONNX_LIMIT", `a table of ${String(n)} entries, at most 2^22 are made`);
  return Array.from({ length: n }, (_, i) => i);
};
