import { AssayError } from "../errors.ts";

/** Error of an option that does not say what to do. */
export const usage = (option: string, reason: string): AssayError =>
  new AssayError("USAGE", `${option} ${reason}`, { option, reason });

/** `NAME=VALUE` pairs by name. @throws AssayError USAGE for other texts and repeated names. */
export function pairs(option: string, values: readonly string[]): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  for (const value of values) {
    const at = value.indexOf("=");
    const name = value.slice(0, Math.max(0, at));
    if (name === "" || at === value.length - 1) throw usage(option, `takes NAME=VALUE, not "${value}"`);
    if (result.has(name)) throw usage(option, `gives "${name}" twice`);
    result.set(name, value.slice(at + 1));
  }
  return result;
}
