import { WASM_OPCODES, type WasmOpcode } from "./opcodes.ts";

/** Value types of WebAssembly. */
export const WASM_TYPES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, v128: 0x7b } as const;
export type WasmType = keyof typeof WASM_TYPES;

/** Appends an unsigned number, 0 to 2^53 - 1, in LEB128. */
function pushUnsigned(bytes: number[], value: number): void {
  while (value >= 0x80) {
    bytes.push((value % 0x80) | 0x80);
    value = Math.floor(value / 0x80);
  }
  bytes.push(value);
}

/** Appends a signed 64-bit number in LEB128. */
function pushSigned(bytes: number[], value: bigint): void {
  for (;;) {
    const low = Number(value & 0x7fn);
    value >>= 7n;
    if ((value === 0n && low < 0x40) || (value === -1n && low >= 0x40)) {
      bytes.push(low);
      return;
    }
    bytes.push(low | 0x80);
  }
}

/** A function under construction: its parameters and locals are i32, i64, f32 or v128 by number. */
export class FunctionBody {
  readonly params: readonly WasmType[];
  readonly #locals: WasmType[] = [];
  readonly #code: number[] = [];
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
    if (code < 0x100) this.#code.push(code);
    else {
      this.#code.push(code >> 8);
      pushUnsigned(this.#code, code & 0xff);
      if (name === "memory.copy") this.#code.push(0, 0);
    }
    return this;
  }

  /** An instruction on a lane of a vector. */
  lane(name: WasmOpcode, lane: number): this {
    this.op(name);
    this.#code.push(lane);
    return this;
  }

  /** A load or store at the address on the stack plus `offset`; for one lane where the instruction has one. */
  memory(name: WasmOpcode, offset: number, lane?: number): this {
    this.op(name);
    this.#code.push(0);
    pushUnsigned(this.#code, offset);
    if (lane !== undefined) this.#code.push(lane);
    return this;
  }

  /** The i32 of the low 32 bits of an integer that may be as large as 2^53. */
  i32(value: number): this {
    this.#code.push(0x41);
    pushSigned(this.#code, BigInt.asIntN(32, BigInt(value)));
    return this;
  }

  i64(value: bigint): this {
    this.#code.push(0x42);
    pushSigned(this.#code, BigInt.asIntN(64, value));
    return this;
  }

  /** The f32 with these bits. */
  f32(bits: number): this {
    this.#code.push(0x43, bits & 0xff, (bits >>> 8) & 0xff, (bits >>> 16) & 0xff, bits >>> 24);
    return this;
  }

  /** A vector of four 32-bit words. */
  v128(words: readonly number[]): this {
    this.#code.push(0xfd, 0x0c);
    for (const word of words) this.#code.push(word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24);
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
    this.#code.push(type === undefined ? 0x40 : WASM_TYPES[type]);
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
    this.#code.push(0x40);
    this.scope(body);
    this.op("br_if");
    this.#code.push(0);
    return this.op("end");
  }

  /** The function as the code section has it, with its size. */
  encode(): readonly number[] {
    const bytes: number[] = [];
    pushUnsigned(bytes, this.#locals.length);
    for (const type of this.#locals) bytes.push(1, WASM_TYPES[type]);
    for (const byte of this.#code) bytes.push(byte);
    bytes.push(WASM_OPCODES.end);
    const sized: number[] = [];
    pushUnsigned(sized, bytes.length);
    for (const byte of bytes) sized.push(byte);
    return sized;
  }

  #immediate(opcode: number, value: number): this {
    this.#code.push(opcode);
    pushUnsigned(this.#code, value);
    return this;
  }
}

/** A function of a module, encoded, with its parameters. It returns nothing. */
export interface EncodedFunction {
  readonly params: readonly WasmType[];
  readonly code: readonly number[];
}

/**
 * A module that imports the memory `env.memory` and exports its functions by number: "0", "1" and so on.
 * @param shared The memory is shared between threads.
 */
export function assembleModule(functions: readonly EncodedFunction[], shared: boolean): Uint8Array<ArrayBuffer> {
  const types: string[] = [];
  const typeOf = ({ params }: EncodedFunction): number => {
    const key = params.join();
    const known = types.indexOf(key);
    return known >= 0 ? known : types.push(key) - 1;
  };
  const typeNumbers = functions.map(typeOf);
  const chunks: Uint8Array[] = [Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)];
  const section = (id: number, parts: readonly (readonly number[])[]): void => {
    const count: number[] = [];
    pushUnsigned(count, parts.length);
    const size = parts.reduce((sum, part) => sum + part.length, count.length);
    const head = [id];
    pushUnsigned(head, size);
    chunks.push(Uint8Array.from(head), Uint8Array.from(count));
    for (const part of parts) chunks.push(Uint8Array.from(part));
  };
  const name = (text: string): number[] => [text.length, ...[...text].map((letter) => letter.charCodeAt(0))];
  const limits = shared ? [3, 0, ...unsigned(MOST_PAGES)] : [0, 0];
  section(
    1,
    types.map((key) => {
      const params = key === "" ? [] : key.split(",");
      return [0x60, ...unsigned(params.length), ...params.map((type) => WASM_TYPES[type as WasmType]), 0];
    }),
  );
  section(2, [[...name("env"), ...name("memory"), 2, ...limits]]);
  section(3, typeNumbers.map(unsigned));
  section(
    7,
    functions.map((_, i) => [...name(String(i)), 0, ...unsigned(i)]),
  );
  section(
    10,
    functions.map(({ code }) => code),
  );
  return join(chunks);
}

/** Pages of 64 KiB of the largest memory: 4 GiB. */
export const MOST_PAGES = 65536;

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  pushUnsigned(bytes, value);
  return bytes;
}

function join(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
