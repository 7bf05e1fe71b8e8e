import { assembleModule, type EncodedFunction } from "./assembler.ts";

/** A function of a module: addresses, then a range of tiles. */
export type WasmFunction = (...params: readonly number[]) => void;

/** Functions that go into one module; equal ones are one. */
export class ModuleBuilder {
  readonly #functions: EncodedFunction[] = [];
  readonly #numbers = new Map<string, number>();

  /** The number of a function in the module. */
  add(made: EncodedFunction): number {
    const key = `${made.params.join()}:${made.code.join()}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#functions.push(made) - 1;
    this.#numbers.set(key, number);
    return number;
  }

  /** The module as bytes. */
  assemble(): Uint8Array<ArrayBuffer> {
    return assembleModule(this.#functions, false);
  }
}

/** The functions of a module over a memory, by number. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): readonly WasmFunction[] {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return Array.from({ length: Object.keys(exports).length }, (_, i) => exports[String(i)] as WasmFunction);
}
