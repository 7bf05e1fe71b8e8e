import { expect } from "chai";
import { concat, dataLength, dataSlice, decodeRlp, encodeRlp, getBytes, hexlify } from "ethers";
import { network } from "hardhat";

import { createRandom } from "../../../runner/machine/prng.ts";
import { headerOf } from "../support/header.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;

const MIX_HASH = 13;

describe("BlockHeader", () => {
  const random = createRandom(0x4ead);
  const fixture = async () => ethers.deployContract("BlockHeaderHarness");
  const harnessOf = async () => networkHelpers.loadFixture(fixture);
  type Harness = Awaited<ReturnType<typeof fixture>>;
  /** Fields of any length, also those whose lengths need a prefix of two bytes more, and the one that is read. */
  const fieldsOf = (count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, i) =>
      random.bytes(i === MIX_HASH ? 32 : random.pick([0, 1, 1, 8, 32, 55, 56, 300])),
    );
  const malformed = async (harness: Harness, header: string, offset: number) =>
    expect(harness.prevRandao(header), header)
      .to.be.revertedWithCustomError(harness, "BlockHeaderMalformed")
      .withArgs(offset);
  /** Where the item of a field begins, in a header whose payload is between 256 and 65,535 bytes. */
  const offsetOf = (fields: readonly (string | Uint8Array)[], index: number): number =>
    3 + fields.slice(0, index).reduce((sum, field) => sum + dataLength(encodeRlp(hexlify(field))), 0);
  /** A header whose items are given in RLP. */
  const listOf = (items: readonly string[]): string => {
    const payload = concat(items);
    const length = dataLength(payload);
    expect(length).to.be.within(256, 65_535);
    return concat(["0xf9", Uint8Array.of(length >> 8, length & 0xff), payload]);
  };

  it("reads prevrandao of this chain's blocks", async () => {
    const harness = await harnessOf();
    // One by one: of many at once the chain draws for the last alone.
    while ((await networkHelpers.time.latestBlock()) < 300) await networkHelpers.mine();
    for (const number of [1, 2, 127, 128, 255, 256, 300]) {
      const { rlp, prevRandao } = await headerOf(connection, number);
      expect(await harness.prevRandao(rlp)).to.equal(prevRandao);
      expect(BigInt(prevRandao) >> 64n).to.be.above(0n);
    }
  });
  it("reads it whatever the lengths of the other fields, and however many follow", async () => {
    const harness = await harnessOf();
    for (let i = 0; i < 100; i++) {
      const fields = fieldsOf(14 + random.below(12));
      const header = encodeRlp(fields.map((field) => hexlify(field)));
      expect(await harness.prevRandao(header)).to.equal(hexlify(fields[MIX_HASH] ?? "0x"));
    }
  });

  describe("given a real header", () => {
    const parts = async () => {
      const harness = await harnessOf();
      await networkHelpers.mine(2);
      const { fields, rlp } = await headerOf(connection, 2);
      return { harness, fields, rlp, items: fields.map((field) => encodeRlp(field)) };
    };

    it("refuses it without its first or last byte, with one more, and empty", async () => {
      const { harness, rlp } = await parts();
      for (const other of ["0x", dataSlice(rlp, 0, dataLength(rlp) - 1), concat([rlp, "0x00"]), "0xf9", "0xf902"]) {
        await malformed(harness, other, 0);
      }
      await malformed(harness, dataSlice(rlp, 1), 0);
    });
    it("refuses every shorter one", async () => {
      const { harness, rlp } = await parts();
      for (let length = 1; length < dataLength(rlp); length += 7)
        await malformed(harness, dataSlice(rlp, 0, length), 0);
    });
    it("refuses one with fewer fields, where it ends", async () => {
      const { harness, fields, items } = await parts();
      for (const count of [12, 13]) {
        const header = listOf(items.slice(0, count));
        await malformed(harness, header, offsetOf(fields, count));
      }
    });
    it("refuses a string around the fields instead of a list", async () => {
      const { harness, rlp } = await parts();
      await malformed(harness, concat(["0xb9", dataSlice(rlp, 1)]), 0);
    });
    it("refuses a length of the list with a leading zero", async () => {
      const { harness, rlp } = await parts();
      await malformed(harness, concat(["0xfa00", dataSlice(rlp, 1)]), 0);
    });
    it("refuses a list in the place of any field up to prevrandao", async () => {
      const { harness, fields, items } = await parts();
      for (let index = 0; index <= MIX_HASH; index++) {
        const item = items[index] ?? "0x";
        const first = getBytes(item)[0] ?? 0;
        const list = first < 0x80 ? "0xc0" : concat([Uint8Array.of(first + 0x40), dataSlice(item, 1)]);
        await malformed(harness, listOf(items.with(index, list)), offsetOf(fields, index));
      }
    });
    it("refuses lengths that are not the shortest form, and single bytes with a prefix", async () => {
      const { harness, fields, items } = await parts();
      const zeroes = new Uint8Array(55);
      const forms = [
        "0x8100", // a zero byte by itself is 00
        "0x817f",
        concat(["0xb837", zeroes]), // 55 bytes need no length of the length
        concat(["0xb801", "0x80"]),
        concat(["0xb90038", zeroes, "0x00"]), // 56 with a leading zero
        concat(["0xbf0000000000000038", zeroes, "0x00"]),
      ];
      for (const form of forms) await malformed(harness, listOf(items.with(12, form)), offsetOf(fields, 12));
      for (const form of ["0x00", "0x7f", "0x8180", "0x80", concat(["0xb838", zeroes, "0x00"])]) {
        const header = listOf(items.with(12, form));
        expect(await harness.prevRandao(header)).to.equal(fields[MIX_HASH]);
      }
    });
    it("refuses items that reach out of the header, with lengths of up to 8 bytes", async () => {
      const { harness, fields, items } = await parts();
      for (const form of ["0xb9ffff", "0xbaffffff", "0xbfffffffffffffffff"]) {
        await malformed(harness, listOf(items.with(12, form)), offsetOf(fields, 12));
      }
      const size = offsetOf(fields, 12) - 3;
      // The header ends within a length.
      await malformed(harness, listOf([...items.slice(0, 12), "0xbf01"]), 3 + size);
    });
    it("refuses a prevrandao of another length than 32", async () => {
      const { harness, fields, items } = await parts();
      for (const length of [0, 1, 31, 33, 56]) {
        const other = encodeRlp(hexlify(new Uint8Array(length).fill(0xff)));
        await malformed(harness, listOf(items.with(MIX_HASH, other)), offsetOf(fields, MIX_HASH));
      }
    });
  });

  it("accepts no bytes but those that another decoder takes, and encodes again the same", async () => {
    const harness = await harnessOf();
    let accepted = 0;
    for (let i = 0; i < 1_500; i++) {
      const header = getBytes(encodeRlp(fieldsOf(14).map((field) => hexlify(field))));
      // Mostly prefixes: a byte of a long field changes nothing of the shape.
      const at = random.chance(0.2) ? random.below(6) : random.below(header.length);
      header[at] = random.pick([
        0,
        1,
        0x7f,
        0x80,
        0x81,
        0xa0,
        0xb7,
        0xb8,
        0xbf,
        0xc0,
        0xf7,
        0xf8,
        0xff,
        random.below(256),
      ]);
      const answer = await harness.prevRandao(header).catch(() => undefined);
      if (answer === undefined) continue;
      accepted += 1;
      const decoded = decodeRlp(header) as string[];
      expect(answer).to.equal(decoded[MIX_HASH]);
      expect(encodeRlp(decoded)).to.equal(hexlify(header));
    }
    expect(accepted).to.be.within(300, 1_450);
  });
});
