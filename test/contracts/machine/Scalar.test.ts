import { expect } from "chai";
import { hexlify } from "ethers";
import { network } from "hardhat";

import { createRandom } from "../../../runner/machine/prng.ts";
import { operandsFor, SCALAR_ROWS, type ScalarRow } from "../support/scalar.ts";

/** Vectors an instruction: 1,000 by default, more with ASSAY_FUZZ. The plain twin is slow and gets a tenth of those. */
const VECTORS = Math.max(1000, Number(process.env.ASSAY_FUZZ ?? 0));
const PLAIN_VECTORS = Math.max(1000, Math.floor(VECTORS / 10));
const SEED = Number(process.env.ASSAY_SEED ?? 1);

interface Vectors {
  readonly packed: Uint8Array;
  readonly operands: BigUint64Array;
  readonly expected: BigUint64Array;
}

const vectorsOf = (row: ScalarRow, count: number, seed: number): Vectors => {
  const random = createRandom(seed * 977 + row.op);
  const operands = new BigUint64Array(2 * count);
  const expected = new BigUint64Array(count);
  const packed = new Uint8Array(16 * count);
  const view = new DataView(packed.buffer);
  for (let i = 0; i < count; i++) {
    const [a, b] = operandsFor(random, row.takes);
    operands.set([a, b], 2 * i);
    view.setBigUint64(16 * i, a);
    view.setBigUint64(16 * i + 8, b);
    expected[i] = row.reference(a, b);
  }
  return { packed, operands, expected };
};

describe("Scalar", () => {
  const deploy = async () => {
    const { ethers } = await network.create();
    return await ethers.deployContract("ScalarHarness");
  };
  let harness: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    harness = await deploy();
  });

  /** Counts vectors whose result is not the reference's, and names the first. */
  const mismatches = async (
    row: ScalarRow,
    run: (op: number, pairs: string) => Promise<string>,
    count: number,
    batch: number,
  ): Promise<{ readonly wrong: number; readonly first: string }> => {
    let wrong = 0;
    let first = "";
    for (let start = 0; start < count; start += batch) {
      const vectors = vectorsOf(row, Math.min(batch, count - start), SEED + start);
      const results = Buffer.from((await run(row.op, hexlify(vectors.packed))).slice(2), "hex");
      vectors.expected.forEach((expected, i) => {
        const actual = results.readBigUInt64BE(8 * i);
        if (actual === expected) return;
        wrong++;
        const [a, b] = vectors.operands.slice(2 * i, 2 * i + 2);
        first ||= `${row.name}(${String(a?.toString(16))}, ${String(b?.toString(16))}) gave ${actual.toString(16)}, not ${expected.toString(16)}`;
      });
    }
    return { wrong, first };
  };
  const none = { wrong: 0, first: "" };

  describe("evaluate", () => {
    for (const row of SCALAR_ROWS) {
      describe(row.name, () => {
        it(`equals JavaScript's arithmetic on ${VECTORS.toLocaleString("en")} adversarial vectors`, async () => {
          const gasLimit = 16_000_000;
          const run = (op: number, pairs: string) => harness.run(op, pairs, { gasLimit });
          expect(await mismatches(row, run, VECTORS, 4000)).to.deep.equal(none);
        });

        it(`and its plain twin does, on ${PLAIN_VECTORS.toLocaleString("en")}`, async () => {
          const gasLimit = 16_000_000;
          const run = (op: number, pairs: string) => harness.runPlain(op, pairs, { gasLimit });
          expect(await mismatches(row, run, PLAIN_VECTORS, 100)).to.deep.equal(none);
        });
      });
    }

    describe("select", () => {
      it("gives b if a is not 0, else c", async () => {
        for (const a of [0n, 1n, 2n ** 63n, 2n ** 64n - 1n]) {
          const expected = a === 0n ? 9n : 7n;
          expect([...(await harness.select(a, 7, 9))]).to.deep.equal([expected, expected]);
        }
      });
    });
  });

  describe("isOpcode and registerFields", () => {
    it("know the opcodes of docs/tensor-machine.md and no others", async () => {
      const fields = new Map(SCALAR_ROWS.map(({ op, takes }) => [op, takes.length === 2 ? 2 : 1]));
      fields.set(0x40, 3).set(0x41, 0);
      for (let op = 0; op < 256; op++) {
        expect(await harness.isOpcode(op), `opcode ${op}`).to.equal(fields.has(op));
        if (fields.has(op)) expect(await harness.registerFields(op), `opcode ${op}`).to.equal(fields.get(op));
      }
    });
  });
});
