import type { Hash } from "../commitment/keccak.ts";
import { malformed } from "./refusal.ts";

/** Reads the fields of an untrusted JSON object; every method throws AssayError FILE_MALFORMED. */
export class Fields {
  readonly #path: string;
  readonly #where: string;
  readonly #record: Readonly<Record<string, unknown>>;

  /** @param where Names the object in errors. */
  constructor(path: string, value: unknown, where: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw malformed(path, `is damaged: ${where} is not an object`);
    }
    this.#path = path;
    this.#where = where;
    this.#record = value as Readonly<Record<string, unknown>>;
  }

  text(name: string): string {
    const value = this.#get(name);
    return typeof value === "string" ? value : this.#refuse(name, "a string");
  }

  /** An integer from 0 to 2^53 - 1. */
  number(name: string): number {
    const value = this.#get(name);
    return isCount(value) ? value : this.#refuse(name, "a whole number");
  }

  numbers(name: string): readonly number[] {
    return this.#array(name).map((value) => (isCount(value) ? value : this.#refuse(name, "a list of whole numbers")));
  }

  hash(name: string): Hash {
    const value = this.#get(name);
    return isHash(value) ? value : this.#refuse(name, "0x and 64 lower-case hex digits");
  }

  hashes(name: string): readonly Hash[] {
    return this.#array(name).map((value) => (isHash(value) ? value : this.#refuse(name, "a list of hashes")));
  }

  object(name: string): Fields {
    return new Fields(this.#path, this.#get(name), name);
  }

  list(name: string): readonly Fields[] {
    return this.#array(name).map((value, i) => new Fields(this.#path, value, `${name}[${i}]`));
  }

  /** All fields as sizes by name. */
  sizes(): Readonly<Record<string, number>> {
    return Object.fromEntries(Object.keys(this.#record).map((name) => [name, this.number(name)]));
  }

  #array(name: string): readonly unknown[] {
    const value = this.#get(name);
    return Array.isArray(value) ? (value as readonly unknown[]) : this.#refuse(name, "a list");
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#record, name) ? this.#record[name] : undefined;
  }

  #refuse(name: string, what: string): never {
    throw malformed(this.#path, `is damaged: ${name} of ${this.#where} is not ${what}`);
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

export const isHash = (value: unknown): value is Hash => typeof value === "string" && /^0x[0-9a-f]{64}$/.test(value);
