import { WASM_OPCODES, type WasmOpcode } from "./opcodes.ts";

/** Value types of WebAssembly. */
export const WASM_TYPES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, v128: 0x7b } as const;
export type WasmType = keyof typeof WASM_TYPES;

/** Bytes under construction. */
class Bytes {
  #data = new Uint8Array(256);
  #length = 0;

  push(...bytes: readonly number[]): void {
    for (const byte of bytes) this.byte(byte);
  }

  byte(byte: number): void {
    if (this.#length === this.#data.length) this.#reserve(1);
    this.#data[this.#length++] = byte;
  }

  /** An unsigned number, 0 to 2^53 - 1, in LEB128. */
  unsigned(value: number): void {
    while (value >= 0x80) {
      this.byte((value % 0x80) | 0x80);
      value = Math.floor(value / 0x80);
    }
    this.byte(value);
  }

  /** A signed 32-bit number in LEB128. */
  signed32(value: number): void {
    for (; value < -0x40 || value >= 0x40; value >>= 7) this.byte((value & 0x7f) | 0x80);
    this.byte(value & 0x7f);
  }

  /** A signed 64-bit number in LEB128. */
  signed64(value: bigint): void {
    for (; value < -0x40n || value >= 0x40n; value >>= 7n) this.byte(Number(value & 0x7fn) | 0x80);
    this.byte(Number(value & 0x7fn));
  }

  /** The low 32 bits of a number, little-endian. */
  word(word: number): void {
    this.push(word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24);
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#data.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  name(text: string): void {
    this.unsigned(text.length);
    for (const letter of text) this.byte(letter.charCodeAt(0));
  }

  view(): Uint8Array<ArrayBuffer> {
    return this.#data.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#data.length) return;
    const data = new Uint8Array(Math.max(2 * this.#data.length, this.#length + more));
    data.set(this.view());
    this.#data = data;
  }
}

/** A function under construction: its parameters and locals are i32, i64, f32 or v128 by number. */
export class FunctionBody {
  readonly params: readonly WasmType[];
  readonly #locals: WasmType[] = [];
  readonly #code = new Bytes();
  /** Locals that are free to be used again, by type. */
  readonly #free: Record<WasmType, number[]> = { i32: [], i64: [], f32: [], v128: [] };
  readonly #scopes: { readonly type: WasmType; readonly local: number }[][] = [[]];

  constructor(params: readonly WasmType[]) {
    this.params = params;
  }

  /** A local whose value is not defined; it lives to the end of the scope. */
  local(type: WasmType): number {
    const local = this.#free[type].pop() ?? this.params.length + this.#locals.push(type) - 1;
    this.#scopes.at(-1)?.push({ type, local });
    return local;
  }

  /** Runs `emit`; locals made in it can be used again after it. */
  scope(emit: () => void): void {
    this.#scopes.push([]);
    emit();
    for (const { type, local } of this.#scopes.pop() ?? []) this.#free[type].push(local);
  }

  get(local: number): this {
    return this.#immediate(0x20, local);
  }

  set(local: number): this {
    return this.#immediate(0x21, local);
  }

  tee(local: number): this {
    return this.#immediate(0x22, local);
  }

  /** A new local with the value on the stack. */
  keep(type: WasmType): number {
    const local = this.local(type);
    this.set(local);
    return local;
  }

  op(name: WasmOpcode): this {
    const code = WASM_OPCODES[name];
    if (code < 0x100) this.#code.byte(code);
    else {
      this.#code.byte(code >> 8);
      this.#code.unsigned(code & 0xff);
    }
    return this;
  }

  /** An instruction on a lane of a vector. */
  lane(name: WasmOpcode, lane: number): this {
    this.op(name);
    this.#code.byte(lane);
    return this;
  }

  /** A load or store at the address on the stack plus `offset`; for one lane where the instruction has one. */
  memory(name: WasmOpcode, offset: number, lane?: number): this {
    this.op(name);
    this.#code.byte(0);
    this.#code.unsigned(offset);
    if (lane !== undefined) this.#code.byte(lane);
    return this;
  }

  /** The i32 of the low 32 bits of an integer that may be as large as 2^53. */
  i32(value: number): this {
    this.#code.byte(0x41);
    this.#code.signed32(Number.isSafeInteger(value) ? (value % 2 ** 32) | 0 : Number(BigInt.asIntN(32, BigInt(value))));
    return this;
  }

  i64(value: bigint): this {
    this.#code.byte(0x42);
    this.#code.signed64(BigInt.asIntN(64, value));
    return this;
  }

  /** The f32 with these bits. */
  f32(bits: number): this {
    this.#code.byte(0x43);
    this.#code.word(bits);
    return this;
  }

  /** A vector of four 32-bit words. */
  v128(words: readonly number[]): this {
    this.#code.push(0xfd, 0x0c);
    for (const word of words) this.#code.word(word);
    return this;
  }

  /** Bytes of the two vectors on the stack, by number: 0 to 15 of the first, 16 to 31 of the second. */
  shuffle(bytes: readonly number[]): this {
    this.op("i8x16.shuffle");
    this.#code.push(...bytes);
    return this;
  }

  /** `if` on the i32 on the stack; both arms leave a value of `type`, or nothing. */
  if(type: WasmType | undefined, then: () => void, otherwise?: () => void): this {
    this.op("if");
    this.#code.byte(type === undefined ? 0x40 : WASM_TYPES[type]);
    this.scope(then);
    if (otherwise !== undefined) {
      this.op("else");
      this.scope(otherwise);
    }
    return this.op("end");
  }

  /** Repeats `body`, which leaves an i32, while that is not 0. */
  repeat(body: () => void): this {
    this.op("loop");
    this.#code.byte(0x40);
    this.scope(body);
    this.op("br_if");
    this.#code.byte(0);
    return this.op("end");
  }

  /** The function as the code section has it, with its size. */
  encode(): Uint8Array {
    const body = new Bytes();
    body.unsigned(this.#locals.length);
    for (const type of this.#locals) body.push(1, WASM_TYPES[type]);
    body.append(this.#code.view());
    body.byte(WASM_OPCODES.end);
    const sized = new Bytes();
    sized.unsigned(body.view().length);
    sized.append(body.view());
    return sized.view();
  }

  #immediate(opcode: number, value: number): this {
    this.#code.byte(opcode);
    this.#code.unsigned(value);
    return this;
  }
}

/** A memory that threads share, which must have a maximum. */
const SHARED = 0x03;
/** Pages of 64 KiB of the largest memory: 4 GiB. */
const MOST_PAGES = 65536;

/** A function of a module, encoded, with its parameters. It returns nothing. */
export interface EncodedFunction {
  readonly params: readonly WasmType[];
  readonly code: Uint8Array;
}

/**
 * A module that imports the memory `env.memory` and exports its functions by number: "0", "1" and so on.
 * @param shared Whether threads share the memory.
 */
export function assembleModule(functions: readonly EncodedFunction[], shared = false): Uint8Array<ArrayBuffer> {
  const types: string[] = [];
  const typeNumbers = functions.map(({ params }) => {
    const key = params.join();
    const known = types.indexOf(key);
    return known >= 0 ? known : types.push(key) - 1;
  });
  const all = new Bytes();
  all.push(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const section = <T>(
    id: number,
    parts: readonly T[],
    write: (content: Bytes, part: T, index: number) => void,
  ): void => {
    const content = new Bytes();
    content.unsigned(parts.length);
    parts.forEach((part, index) => write(content, part, index));
    all.byte(id);
    all.unsigned(content.view().length);
    all.append(content.view());
  };
  section(1, types, (content, key) => {
    const params = key === "" ? [] : key.split(",");
    content.byte(0x60);
    content.unsigned(params.length);
    for (const type of params) content.byte(WASM_TYPES[type as WasmType]);
    content.byte(0);
  });
  section(2, ["memory"], (content, name) => {
    content.name("env");
    content.name(name);
    content.push(2, shared ? SHARED : 0, 0);
    if (shared) content.unsigned(MOST_PAGES);
  });
  section(3, typeNumbers, (content, type) => content.unsigned(type));
  section(7, functions, (content, _, index) => {
    content.name(String(index));
    content.byte(0);
    content.unsigned(index);
  });
  section(10, functions, (content, { code }) => content.append(code));
  return all.view();
}
