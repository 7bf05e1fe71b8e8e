import { expect } from "chai";

import { atLeast, entry, item, lastItem } from "../../runner/items.ts";

describe("items", () => {
  it("gives elements and entries that exist", () => {
    expect([item([4, 5], 1), lastItem([4, 5]), entry(new Map([["a", 6]]), "a")]).to.deep.equal([5, 5, 6]);
    const [first, ...rest] = atLeast([7, 8, 9], 2);
    expect([first, rest]).to.deep.equal([7, [8, 9]]);
  });

  it("throws a RangeError that says what was asked for when it does not exist", () => {
    expect(() => item([4, 5], 2)).to.throw(RangeError, "element 2 of [4, 5] does not exist");
    expect(() => item(["a"], -1)).to.throw(RangeError, "element -1 of a list of 1 does not exist");
    expect(() => lastItem([])).to.throw(RangeError, "element -1 of [] does not exist");
    expect(() => atLeast([4, 5], 3)).to.throw(RangeError, "element 2 of [4, 5] does not exist");
    expect(() => entry(new Map<string, number>(), "a")).to.throw(RangeError, "the map has no key a");
  });
});
