import { DTYPE_BYTES, type DType } from "../../runner/machine/dtype.ts";
import { createTensor, setElementBits } from "../../runner/machine/tensor.ts";

/** The bits of an element, in hexadecimal. */
export const bitsText = (dtype: DType, bits: bigint): string =>
  `0x${BigInt.asUintN(8 * DTYPE_BYTES[dtype], bits)
    .toString(16)
    .padStart(2 * DTYPE_BYTES[dtype], "0")}`;

/** The number that the bits of an element mean. */
export function valueText(dtype: DType, bits: bigint): string {
  const tensor = createTensor(dtype, 1);
  setElementBits(tensor, 0, BigInt.asUintN(8 * DTYPE_BYTES[dtype], bits));
  const value = tensor.data[0] ?? 0;
  if (Object.is(value, -0)) return "-0";
  return typeof value === "number" && dtype === "f32" ? String(Number(value.toPrecision(9))) : String(value);
}
