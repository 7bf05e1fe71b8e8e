import { expect } from "chai";

import { at } from "../../runner/at.ts";

describe("at", () => {
  it("gives the entry of a list or of a typed array", () => {
    expect([at(["a", "b"], 1), at(Float32Array.of(0, 5), 0)]).to.deep.equal(["b", 0]);
  });

  for (const index of [2, -1, 0.5, NaN]) {
    it(`refuses index ${String(index)} of two entries, naming both`, () => {
      expect(() => at(["a", "b"], index)).to.throw(RangeError, `index ${String(index)} of a list of 2`);
    });
  }
});
