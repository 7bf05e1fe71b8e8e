import type { DType } from "../../machine/dtype.ts";
import { product } from "../../machine/shape.ts";

/** Element types of ONNX that the machine has no dtype for; held as the integers of the same width. */
export const STORED_AS = {
  f16: "u16",
  bf16: "u16",
  f8e4m3fn: "u8",
  f8e4m3fnuz: "u8",
  f8e5m2: "u8",
  f8e5m2fnuz: "u8",
  f64: "u64",
  f4e2m1: "u8",
  u4: "u8",
  i4: "i8",
  u2: "u8",
  i2: "i8",
} as const satisfies Readonly<Record<string, DType>>;

export type ForeignType = keyof typeof STORED_AS;

/** Element type of a value: a dtype of the machine, or a foreign one that only data movement and Cast accept. */
export type ElementType = DType | ForeignType;

export const storageOf = (element: ElementType): DType =>
  element in STORED_AS ? STORED_AS[element as ForeignType] : (element as DType);

/** The number of elements of a tensor of this shape, or of a part of one. */
export const elementCount: (shape: readonly number[]) => number = product;
