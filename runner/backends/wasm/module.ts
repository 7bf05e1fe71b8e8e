import { item } from "../../items.ts";
import { assembleModule, type EncodedFunction } from "../../webassembly/assembler.ts";
import type { LoopKernel } from "./body.ts";
import { generateKernel } from "./generate.ts";
import type { Panel } from "./panel.ts";

/** A function of a module: addresses, then a range of tiles. */
export type WasmFunction = (...params: readonly number[]) => void;

/** A function by its number in a module, and the tiles that it is called for. */
export interface Routine {
  readonly number: number;
  readonly tiles: number;
  /** Tiles of a call at most. */
  readonly slice: number;
  /** Instructions of all tiles, about. */
  readonly work: number;
}

/** A kernel in a module. */
export interface KernelRoutine extends Routine {
  readonly panels: readonly { readonly panel: Panel; readonly copies: readonly Routine[] }[];
  /** Operands that are read themselves, not only through panels. */
  readonly direct: readonly boolean[];
}

/** Functions that go into one module; equal ones are one. */
export class ModuleBuilder {
  readonly #functions: EncodedFunction[] = [];
  /** Numbers of the functions, by the hash of their code. */
  readonly #numbers = new Map<number, number[]>();

  /** Adds a kernel. `constant`: whether an operand never changes. */
  kernel(kernel: LoopKernel, constant: (operand: number) => boolean): KernelRoutine {
    const made = generateKernel(kernel, constant);
    return {
      number: this.#add(made.function),
      tiles: made.tiles,
      slice: made.slice,
      work: made.work,
      direct: made.direct,
      panels: made.panels.map((panel) => ({
        panel,
        copies: panel.copies.map((copy) => this.kernel(copy, () => false)),
      })),
    };
  }

  #add(made: EncodedFunction): number {
    const hash = hashOf(made.code);
    const alike = this.#numbers.get(hash) ?? [];
    this.#numbers.set(hash, alike);
    const known = alike.find((number) => same(item(this.#functions, number), made));
    if (known !== undefined) return known;
    const number = this.#functions.push(made) - 1;
    alike.push(number);
    return number;
  }

  /** The module as bytes; `shared`: its memory is one that threads share. */
  assemble(shared: boolean): Uint8Array<ArrayBuffer> {
    return assembleModule(this.#functions, shared);
  }
}

const same = (a: EncodedFunction, b: EncodedFunction): boolean =>
  a.params.length === b.params.length &&
  a.code.length === b.code.length &&
  a.code.every((byte, i) => byte === b.code[i]);

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

/** The functions of a module over a memory, by number. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): readonly WasmFunction[] {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return WebAssembly.Module.exports(module).map((_, i) => exports[String(i)] as WasmFunction);
}

/** A routine with the addresses that it works on. */
export interface Call {
  readonly routine: Routine;
  readonly addresses: readonly number[];
}

/** Does a call; may yield between slices of it. */
export type Run = (call: Call) => Iterable<void>;

/** Does calls in this thread, slice by slice. */
export const runHere = (functions: readonly WasmFunction[]): Run =>
  function* ({ routine: { number, tiles, slice }, addresses }) {
    const run = item(functions, number);
    for (let from = 0; from < tiles; from += slice) {
      if (from > 0) yield;
      run(...addresses, from, Math.min(tiles, from + slice));
    }
  };
