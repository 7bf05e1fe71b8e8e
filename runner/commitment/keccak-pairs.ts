import { assembleModule, FunctionBody } from "../webassembly/assembler.ts";

/*
 * keccak256 of many messages of one length, two at a time: the two lanes of a vector of 64-bit words are the states of
 * two messages. The code is assembled when this file is loaded.
 */

/** Bytes that a block takes: 17 words of 8. */
const RATE = 136;
const HASH_BYTES = 32;
/** Round constants of Keccak-f[1600]. */
const ROUND_CONSTANTS = [
  0x0000000000000001n,
  0x0000000000008082n,
  0x800000000000808an,
  0x8000000080008000n,
  0x000000000000808bn,
  0x0000000080000001n,
  0x8000000080008081n,
  0x8000000000008009n,
  0x000000000000008an,
  0x0000000000000088n,
  0x0000000080008009n,
  0x000000008000000an,
  0x000000008000808bn,
  0x800000000000008bn,
  0x8000000000008089n,
  0x8000000000008003n,
  0x8000000000008002n,
  0x8000000000000080n,
  0x000000000000800an,
  0x800000008000000an,
  0x8000000080008081n,
  0x8000000000008080n,
  0x0000000080000001n,
  0x8000000080008008n,
];
/** Bits by which each word (x + 5 y) is rotated. */
const ROTATIONS = [0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14];

/** Memory: round constants, hashes, then messages. One byte before the messages is free. */
const CONSTANTS_AT = 0;
const HASHES_AT = 256;
const MOST_ROWS = 1024;
const ROWS_AT = HASHES_AT + HASH_BYTES * (MOST_ROWS + 1) + 32;
const ROWS_BYTES = 65536;
const PAGES = Math.ceil((ROWS_AT + ROWS_BYTES + 4096) / 65536);

/** keccak256(tag ‖ row) of rows of `rowBytes` bytes, a multiple of 8: parameters are the addresses and how many pairs. */
function hashPairs(tag: number, rowBytes: number): FunctionBody {
  const f = new FunctionBody(["i32", "i32", "i32"]);
  const [rows, hashes, left] = [0, 1, 2];
  const state = Array.from({ length: 25 }, () => f.local("v128"));
  const next = Array.from({ length: 25 }, () => f.local("v128"));
  const column = Array.from({ length: 5 }, () => f.local("v128"));
  const round = f.local("i32");
  const block = f.local("i32");
  const at = f.local("i32");
  const word = (x: number, y: number): number => (x % 5) + 5 * (y % 5);
  const local = (list: readonly number[], index: number): number => list[index] ?? 0;
  const rotate = (value: number, by: number): void => {
    if (by % 8 === 0) {
      const bytes = Array.from({ length: 16 }, (_, i) => (i & 8) + ((i + 8 - by / 8) & 7));
      f.get(value).get(value).shuffle(bytes);
      return;
    }
    f.get(value).i32(by).op("i64x2.shl");
    f.get(value)
      .i32(64 - by)
      .op("i64x2.shr_u")
      .op("v128.or");
  };
  const permute = (): void => {
    f.i32(CONSTANTS_AT).set(round);
    f.repeat(() => {
      for (let x = 0; x < 5; x++) {
        f.get(local(state, x));
        for (let y = 1; y < 5; y++) f.get(local(state, word(x, y))).op("v128.xor");
        f.set(local(column, x));
      }
      for (let x = 0; x < 5; x++) {
        const turned = f.local("v128");
        rotate(local(column, (x + 1) % 5), 1);
        f.get(local(column, (x + 4) % 5))
          .op("v128.xor")
          .set(turned);
        for (let y = 0; y < 5; y++) {
          const from = word(x, y);
          const mixed = f.local("v128");
          f.get(local(state, from)).get(turned).op("v128.xor").set(mixed);
          const by = local(ROTATIONS, from);
          if (by === 0) f.get(mixed);
          else rotate(mixed, by);
          f.set(local(next, word(y, 2 * x + 3 * y)));
        }
      }
      for (let y = 0; y < 5; y++) {
        for (let x = 0; x < 5; x++) {
          f.get(local(next, word(x + 2, y)))
            .get(local(next, word(x + 1, y)))
            .op("v128.andnot");
          f.get(local(next, word(x, y))).op("v128.xor");
          if (x + y === 0) f.get(round).memory("v128.load64_splat", 0).op("v128.xor");
          f.set(local(state, word(x, y)));
        }
      }
      f.get(round).i32(8).op("i32.add").tee(round);
      f.i32(CONSTANTS_AT + 8 * ROUND_CONSTANTS.length).op("i32.lt_u");
    });
  };
  /** A word of both messages: bytes `offset` to `offset + 7` of the rows, counted from the address. */
  const load = (offset: number): void => {
    f.get(at).memory("v128.load64_zero", offset);
    const first = f.keep("v128");
    f.get(at)
      .get(first)
      .memory("v128.load64_lane", offset + rowBytes, 1);
  };
  const absorb = (index: number, push: () => void): void => {
    push();
    f.get(local(state, index)).op("v128.xor").set(local(state, index));
  };
  const words = (low: bigint): readonly number[] => {
    const [a, b] = [Number(BigInt.asUintN(32, low)), Number(BigInt.asUintN(32, low >> 32n))];
    return [a, b, a, b];
  };
  // The tag moves every byte by one: word i of block b begins at byte 136 b + 8 i - 1 of the row.
  const blocks = Math.floor((rowBytes + 1) / RATE) + 1;
  const rest = rowBytes + 1 - RATE * (blocks - 1);
  f.repeat(() => {
    for (const lane of state) f.v128([0, 0, 0, 0]).set(lane);
    f.get(rows).i32(-1).op("i32.add").set(at);
    f.i32(0).set(block);
    f.repeat(() => {
      f.get(block)
        .i32(blocks - 1)
        .op("i32.lt_u");
      f.if(
        undefined,
        () => {
          for (let i = 0; i < 17; i++) absorb(i, () => load(8 * i));
        },
        () => {
          const whole = Math.floor(rest / 8);
          for (let i = 0; i < whole; i++) absorb(i, () => load(8 * i));
          // The last bytes, the 1 that ends the message, and the bit that ends the block.
          const odd = rest % 8;
          absorb(whole, () => {
            if (odd > 0) {
              load(8 * whole - (8 - odd));
              f.i32(64 - 8 * odd).op("i64x2.shr_u");
            } else f.v128([0, 0, 0, 0]);
            f.v128(words(1n << BigInt(8 * odd))).op("v128.or");
          });
          absorb(16, () => f.v128(words(1n << 63n)));
        },
      );
      // In the first block the first byte is the tag, whatever lies before the row.
      f.get(block).op("i32.eqz");
      f.if(undefined, () => {
        const first = local(state, 0);
        f.get(first)
          .v128(words(~0xffn))
          .op("v128.and")
          .v128(words(BigInt(tag)))
          .op("v128.or")
          .set(first);
      });
      permute();
      f.get(at).i32(RATE).op("i32.add").set(at);
      f.get(block).i32(1).op("i32.add").tee(block).i32(blocks).op("i32.lt_u");
    });
    for (let i = 0; i < 4; i++) {
      f.get(hashes)
        .get(local(state, i))
        .memory("v128.store64_lane", 8 * i, 0);
      f.get(hashes)
        .get(local(state, i))
        .memory("v128.store64_lane", HASH_BYTES + 8 * i, 1);
    }
    f.get(hashes)
      .i32(2 * HASH_BYTES)
      .op("i32.add")
      .set(hashes);
    f.get(rows)
      .i32(2 * rowBytes)
      .op("i32.add")
      .set(rows);
    f.get(left).i32(1).op("i32.sub").tee(left);
  });
  return f;
}

type HashPairs = (rows: number, hashes: number, pairs: number) => void;

/** Rows that a hasher takes: leaves of 1,024 bytes with tag 0, pairs of hashes with tag 1. */
export const ROW = { leaf: { number: 0, tag: 0x00, bytes: 1024 }, node: { number: 1, tag: 0x01, bytes: 64 } } as const;

const { memory, functions } = (() => {
  const memory = new WebAssembly.Memory({ initial: PAGES });
  const bodies = Object.values(ROW).map(({ tag, bytes }) => hashPairs(tag, bytes));
  const module = new WebAssembly.Module(
    assembleModule(bodies.map((body) => ({ params: body.params, code: body.encode() }))),
  );
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  new BigUint64Array(memory.buffer, CONSTANTS_AT, ROUND_CONSTANTS.length).set(ROUND_CONSTANTS);
  return {
    memory: new Uint8Array(memory.buffer),
    functions: Object.values(ROW).map(({ number }) => exports[String(number)] as HashPairs),
  };
})();

/** Rows of a kind that one call of `hashRows` hashes at most. */
export const rowsPerCall = (kind: keyof typeof ROW): number => ROWS_BYTES / ROW[kind].bytes;

/** keccak256(tag ‖ row) of each whole row, at most `rowsPerCall`, into `hashes`, 32 bytes each. */
export function hashRows(kind: keyof typeof ROW, rows: Uint8Array, hashes: Uint8Array): void {
  const { number, bytes } = ROW[kind];
  const count = rows.length / bytes;
  memory.set(rows, ROWS_AT);
  // The other message of an odd last row is whatever the memory holds.
  functions[number]?.(ROWS_AT, HASHES_AT, Math.ceil(count / 2));
  hashes.set(memory.subarray(HASHES_AT, HASHES_AT + HASH_BYTES * count));
}
