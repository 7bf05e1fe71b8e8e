/**
 * Element types of tensors. A register of the machine holds one of two classes: `f32` or `int` (64-bit two's
 * complement); every integer dtype widens to `int` when read and wraps to its width when stored.
 */
export const DTYPES = ["f32", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "bool"] as const;

export type DType = (typeof DTYPES)[number];

/** What a register holds. */
export type RegisterClass = "f32" | "int";

/** Code of a dtype in encodings, hashes and on chain. Never renumber: the codes are part of every commitment. */
export const DTYPE_CODE: Readonly<Record<DType, number>> = {
  f32: 0,
  i64: 1,
  i32: 2,
  i16: 3,
  i8: 4,
  u64: 5,
  u32: 6,
  u16: 7,
  u8: 8,
  bool: 9,
};

/** Bytes of one element. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  f32: 4,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u64: 8,
  u32: 4,
  u16: 2,
  u8: 1,
  bool: 1,
};

export const registerClass = (dtype: DType): RegisterClass => (dtype === "f32" ? "f32" : "int");
