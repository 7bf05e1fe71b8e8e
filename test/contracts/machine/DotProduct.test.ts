import { expect } from "chai";
import { hexlify } from "ethers";
import { network } from "hardhat";

import { createRandom, type Random } from "../../../runner/machine/prng.ts";

/** Runs a case: 150 by default, more with ASSAY_FUZZ. */
const RUNS = Math.max(150, Number(process.env.ASSAY_FUZZ ?? 0));
const random = createRandom(Number(process.env.ASSAY_SEED ?? 1) * 31);

/** What the numbers of a run look like. */
const MOODS: Readonly<Record<string, (r: Random) => number>> = {
  "activations and weights": (r) => normal(r, 110, 132),
  "half zeros, of both signs": (r) => (r.below(2) === 0 ? r.below(2) * 2 ** 31 : normal(r, 120, 130)),
  "few significant bits, so that sums tie and cancel": (r) =>
    (r.below(2) * 2 ** 31 + (120 + r.below(14)) * 2 ** 23 + r.below(4) * 2 ** 21) >>> 0,
  "products around the edges of the fast range": (r) => normal(r, r.pick([60, 63, 64, 65, 160, 163, 164, 165]), 3),
  "exponents of every size": (r) => normal(r, 0, 255),
  "a subnormal, infinity or NaN now and then": (r) =>
    r.below(20) === 0
      ? r.pick([0x00000001, 0x807fffff, 0x00400000, 0x7f800000, 0xff800000, 0x7fc00001])
      : normal(r, 100, 150),
  "any bits": (r) => r.u32(),
};

const normal = (r: Random, low: number, high: number): number => {
  const spread = high > low ? high - low : high;
  return (r.below(2) * 2 ** 31 + Math.min(254, low + r.below(spread)) * 2 ** 23 + (r.u32() & 0x7fffff)) >>> 0;
};

const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);
const toNumber = (bits: number): number => {
  word[0] = bits;
  return single[0] ?? 0;
};
const toBits = (value: number): bigint => {
  if (Number.isNaN(value)) return 0x7fc00000n;
  single[0] = value;
  return BigInt(word[0] ?? 0);
};

describe("DotProduct", () => {
  const deploy = async () => {
    const { ethers } = await network.create();
    return await ethers.deployContract("DotProductHarness");
  };
  let harness: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    harness = await deploy();
  });

  describe("f32", () => {
    for (const [name, draw] of Object.entries(MOODS)) {
      describe(`given runs of ${name}`, () => {
        it(`equals the loop of roundings, in JavaScript and in plain Solidity, on ${RUNS} runs of 1 to 60`, async () => {
          for (let round = 0; round < RUNS; round++) {
            const count = 1 + random.below(60);
            const [x, y] = [0, 1].map(() => Uint32Array.from({ length: count }, () => draw(random)));
            const start = random.below(3) === 0 ? draw(random) : random.pick([0, 0x80000000, 0x3f800000]);
            const repeat = random.below(6);
            if (repeat === 0) x?.fill(x[0] ?? 0);
            if (repeat === 1) y?.fill(y[0] ?? 0);
            let acc = toNumber(start);
            for (let i = 0; i < count; i++) {
              acc = Math.fround(acc + Math.fround(toNumber(x?.[i] ?? 0) * toNumber(y?.[i] ?? 0)));
            }
            const bytes = (row: Uint32Array | undefined) => hexlify(new Uint8Array(row?.buffer ?? new ArrayBuffer(0)));
            const arguments_ = [
              start === 0x7fc00001 ? 0x7fc00000 : start,
              repeat === 0 ? "0x" : bytes(x),
              x?.[0] ?? 0,
              repeat === 1 ? "0x" : bytes(y),
              y?.[0] ?? 0,
              count,
            ] as const;
            const context = JSON.stringify(arguments_);
            expect(await harness.f32(...arguments_), context).to.equal(toBits(acc));
            if (round % 5 === 0) expect(await harness.f32Plain(...arguments_), context).to.equal(toBits(acc));
          }
        });
      });
    }
  });

  describe("bytes_ and byteSum", () => {
    for (const [signedX, signedY] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      it(`equal the plain sums for ${signedX ? "signed" : "unsigned"} times ${signedY ? "signed" : "unsigned"}`, async () => {
        for (let round = 0; round < 60; round++) {
          const count = 1 + random.below(100);
          const extreme = random.pick([-1, 0x00, 0x7f, 0x80, 0xff]);
          const [x, y] = [0, 1].map(() => {
            const row = random.bytes(count);
            if (extreme >= 0) row.fill(extreme, random.below(count));
            return hexlify(row);
          });
          const fast = await harness.integers(x ?? "0x", signedX, y ?? "0x", signedY);
          expect([...fast]).to.deep.equal([...(await harness.integersPlain(x ?? "0x", signedX, y ?? "0x", signedY))]);
        }
      });
    }
  });
});
