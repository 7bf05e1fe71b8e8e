import { AssayError } from "../../runner/errors.ts";

/** An option from the environment. Empty counts as not given. */
export const option = (name: string): string | undefined => process.env[name] || undefined;

/** An option that must be there. @throws AssayError OPTION_INVALID with what it is for. */
export function requiredOption(name: string, purpose: string): string {
  const value = option(name);
  if (value === undefined) throw invalid(name, "", `set ${name}: ${purpose}`);
  return value;
}

/** A whole number within bounds, or its default. @throws AssayError OPTION_INVALID. */
export function integerOption(name: string, fallback: number, minimum: number, maximum: number): number {
  const text = option(name);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value;
  throw invalid(name, text, `give a whole number from ${String(minimum)} to ${String(maximum)}`);
}

/** `a=1,b=2` as a record of numbers. @throws AssayError OPTION_INVALID. */
export function sizesOption(name: string, text = option(name) ?? ""): Readonly<Record<string, number>> {
  const entries = text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const [key = "", size = ""] = part.split("=");
      if (key === "" || !/^[1-9][0-9]{0,9}$/.test(size)) throw invalid(name, text, "give NAME=SIZE,NAME=SIZE,…");
      return [key, Number(size)] as const;
    });
  return Object.fromEntries(entries);
}

export const invalid = (name: string, value: string, remedy: string): AssayError<"OPTION_INVALID"> =>
  new AssayError("OPTION_INVALID", `${name} is "${value}": ${remedy}`, { name, value, remedy });
