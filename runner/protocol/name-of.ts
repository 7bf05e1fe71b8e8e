import { AssayError } from "../errors.ts";

/**
 * The name of an enum's code.
 * @throws AssayError OUT_OF_RANGE for a code that the enum does not have: a contract of another version, not a default.
 */
export function nameOf<T extends Readonly<Record<string, bigint>>>(
  what: string,
  codes: T,
  code: bigint | number,
): keyof T & string {
  const names = Object.keys(codes);
  const name = names[Number(code)];
  if (name !== undefined) return name;
  const range = `0 to ${String(names.length - 1)}`;
  throw new AssayError("OUT_OF_RANGE", `${what} ${String(code)} is not ${range}`, { name: what, value: code, range });
}
