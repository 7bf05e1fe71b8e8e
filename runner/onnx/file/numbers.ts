import type { Tensor } from "../../machine/tensor.ts";
import type { ElementType } from "./element-type.ts";

/** The value of binary floating-point bits with a sign, `exponent` and `mantissa` bits and the given bias. */
const decodeFloat = (bits: number, exponent: number, mantissa: number, bias: number): number => {
  const sign = (bits >> (exponent + mantissa)) & 1 ? -1 : 1;
  const e = (bits >> mantissa) & ((1 << exponent) - 1);
  const m = bits & ((1 << mantissa) - 1);
  return sign * (e === 0 ? m * 2 ** (1 - bias - mantissa) : (1 + m * 2 ** -mantissa) * 2 ** (e - bias));
};

const decode8 = (element: ElementType, bits: number): number => {
  const low = bits & 0x7f;
  switch (element) {
    case "f8e4m3fn":
      return low === 0x7f ? NaN : decodeFloat(bits, 4, 3, 7);
    case "f8e4m3fnuz":
      return bits === 0x80 ? NaN : decodeFloat(bits, 4, 3, 8);
    case "f8e5m2":
      if (low > 0x7c) return NaN;
      return low === 0x7c ? (bits & 0x80 ? -Infinity : Infinity) : decodeFloat(bits, 5, 2, 15);
    default:
      return bits === 0x80 ? NaN : decodeFloat(bits, 5, 2, 16);
  }
};

/** Elements as numbers, bigints for 64-bit integers; foreign element types are decoded from their bits. */
export const toNumbers = (tensor: Tensor, element: ElementType): readonly (number | bigint)[] => {
  const list: (number | bigint)[] = [...tensor.data];
  switch (element) {
    case "f16":
      return list.map((bits) => {
        const b = Number(bits);
        if ((b & 0x7c00) !== 0x7c00) return decodeFloat(b, 5, 10, 15);
        return b & 0x3ff ? NaN : b & 0x8000 ? -Infinity : Infinity;
      });
    case "bf16":
      return [...new Float32Array(Uint32Array.from(list, (bits) => Number(bits) << 16).buffer)];
    case "f64":
      return [...new Float64Array(BigUint64Array.from(list, BigInt).buffer)];
    case "f8e4m3fn":
    case "f8e4m3fnuz":
    case "f8e5m2":
    case "f8e5m2fnuz":
      return list.map((bits) => decode8(element, Number(bits)));
    case "f4e2m1":
      return list.map((bits) => decodeFloat(Number(bits), 2, 1, 1));
    default:
      return list;
  }
};
