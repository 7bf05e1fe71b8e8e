/** Writes ASN.1 in DER. */
const join = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

const lengthOf = (length: number): number[] => {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return [0x80 | bytes.length, ...bytes];
};

/** An element of any tag. */
export const element = (tag: number, ...content: readonly Uint8Array[]): Uint8Array => {
  const body = join(content);
  return join([Uint8Array.from([tag, ...lengthOf(body.length)]), body]);
};

export const sequence = (...content: readonly Uint8Array[]): Uint8Array => element(0x30, ...content);

export const octets = (...content: readonly Uint8Array[]): Uint8Array => element(0x04, ...content);

export const bits = (content: Uint8Array, unused = 0): Uint8Array => element(0x03, Uint8Array.of(unused), content);

/** A positive integer, or 0. */
export const integer = (value: bigint): Uint8Array => {
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
  return element(0x02, (bytes[0] ?? 0) > 0x7f ? Uint8Array.of(0) : Uint8Array.of(), bytes);
};

/** An object identifier, from its dotted form. */
export const identifier = (dotted: string): Uint8Array => {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const numbers = [40 * first + second, ...rest];
  return element(
    0x06,
    Uint8Array.from(
      numbers.flatMap((number) => {
        const bytes = [number & 0x7f];
        for (let high = Math.floor(number / 128); high > 0; high = Math.floor(high / 128)) {
          bytes.unshift(0x80 | (high & 0x7f));
        }
        return bytes;
      }),
    ),
  );
};

/** A time in seconds, as UTCTime until 2049 and as GeneralizedTime later. */
export const time = (seconds: number): Uint8Array => {
  const digits = new Date(seconds * 1000).toISOString().replace(/\.\d+/, "").replace(/[-:T]/g, "");
  const isLate = Number(digits.slice(0, 4)) >= 2050;
  return element(isLate ? 0x18 : 0x17, Buffer.from(isLate ? digits : digits.slice(2), "ascii"));
};

export const TRUE = Uint8Array.of(0x01, 0x01, 0xff);
export { join };
