/** JSON with bigints as decimal strings and bytes as hex, as ethers takes them. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, inner: unknown) => {
      if (typeof inner === "bigint") return inner.toString();
      if (inner instanceof Uint8Array) return `0x${Buffer.from(inner).toString("hex")}`;
      return inner;
    },
    2,
  );
}
