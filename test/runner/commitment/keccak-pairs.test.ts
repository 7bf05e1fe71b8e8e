import { expect } from "chai";

import { hashRows, ROW, rowsPerCall } from "../../../runner/commitment/keccak-pairs.ts";
import { keccak256 } from "../../../runner/commitment/keccak.ts";
import { createRandom } from "../../../runner/machine/prng.ts";

const HASH_BYTES = 32;

describe("hashRows", () => {
  for (const kind of ["leaf", "node"] as const) {
    const { tag, bytes } = ROW[kind];
    it(`gives keccak256 of the tag and each ${kind}, for one row, an odd number, and as many as a call takes`, () => {
      const random = createRandom(bytes);
      for (const count of [1, 2, 3, 7, rowsPerCall(kind)]) {
        const rows = Uint8Array.from({ length: count * bytes }, () => random.below(256));
        const hashes = new Uint8Array(count * HASH_BYTES);
        hashRows(kind, rows, hashes);
        const expected = Array.from({ length: count }, (_, i) =>
          keccak256(Uint8Array.of(tag, ...rows.subarray(i * bytes, (i + 1) * bytes))),
        );
        expect(Buffer.from(hashes).toString("hex")).to.equal(Buffer.concat(expected).toString("hex"));
      }
    });
  }
});
