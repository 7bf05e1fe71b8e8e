import { getAddress, id, isAddress, isHexString, parseEther } from "ethers";

import { AssayError } from "../../runner/errors.ts";

/** A value of a command: a word of its command line, or an option when it has a default. */
export interface Parameter<T> {
  readonly about: string;
  /** The text that counts when none is given; then it is an option. */
  readonly fallback?: string;
  /** @throws Error with what to give instead. */
  readonly parse: (text: string) => T;
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>;

/** The values of parameters. */
export type ValuesOf<P extends Parameters> = { readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never };

const parameter =
  <T>(parse: (text: string) => T) =>
  (about: string, fallback?: string): Parameter<T> => ({
    about,
    parse,
    ...(fallback === undefined ? {} : { fallback }),
  });

const hash = (text: string): string => {
  if (isHexString(text.toLowerCase(), 32)) return text.toLowerCase();
  throw new Error("give an id: 0x and 64 hex digits");
};

export const tokens = parameter((text) => {
  if (/^[0-9]+(\.[0-9]{1,18})?$/.test(text)) return parseEther(text);
  throw new Error("give a number of tokens");
});
export const address = parameter((text) => {
  if (isAddress(text)) return getAddress(text);
  throw new Error("give an address: 0x and 40 hex digits");
});
export const versionId = parameter(hash);
export const requestId = parameter(hash);
export const text = parameter((value) => value);
export const whole = (least: bigint, most: bigint) =>
  parameter((value) => {
    const number = /^[0-9]+$/.test(value) ? BigInt(value) : -1n;
    if (number >= least && number <= most) return number;
    throw new Error(`give a whole number from ${String(least)} to ${String(most)}`);
  });
/** A mode of evidence, by its name (`assay.optimistic`) or its selector. */
export const mode = parameter((value) => {
  if (isHexString(value.toLowerCase(), 4)) return value.toLowerCase();
  if (/^[a-z]+(\.[a-z0-9]+)+$/.test(value)) return id(value).slice(0, 10);
  throw new Error("give a name such as assay.signature, or a selector: 0x and 8 hex digits");
});

/** `--minimum-fee` for `minimumFee`. */
export const optionOf = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The values in texts. @throws AssayError USAGE that names the first wrong one. */
export function valuesOf<P extends Parameters>(
  parameters: P,
  texts: Readonly<Record<string, string | undefined>>,
): ValuesOf<P> {
  const entries = Object.entries(parameters).map(([name, { parse, fallback = "" }]) => {
    const given = texts[name] ?? fallback;
    try {
      return [name, parse(given)] as const;
    } catch (error) {
      const reason = `is "${given}": ${error instanceof Error ? error.message : String(error)}`;
      throw new AssayError("USAGE", `${optionOf(name)} ${reason}`, { option: optionOf(name), reason });
    }
  });
  return Object.fromEntries(entries) as ValuesOf<P>;
}
