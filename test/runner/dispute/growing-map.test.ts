import { expect } from "chai";

import { ZERO_HASH } from "../../../runner/commitment/keccak.ts";
import { GrowingMap } from "../../../runner/dispute/growing-map.ts";
import { afterEvent, noDispute } from "../../../runner/dispute/view.ts";

describe("GrowingMap", () => {
  it("every map of a line sees its own changes and no later ones", () => {
    const empty = GrowingMap.empty<number>();
    const one = empty.with("a", 1);
    const two = one.with("b", 2);
    const changed = two.with("a", 3);
    expect([empty, one, two, changed].map((map) => [map.size, map.get("a"), map.get("b")])).to.deep.equal([
      [0, undefined, undefined],
      [1, 1, undefined],
      [2, 1, 2],
      [2, 3, 2],
    ]);
    expect([...one.values()]).to.deep.equal([1]);
    expect([...changed.values()]).to.deep.equal([3, 2]);
    expect([empty.has("a"), one.has("a"), one.has("b")]).to.deep.equal([false, true, false]);
  });

  it("a change of a map that is not the newest of its line changes no other", () => {
    const one = GrowingMap.empty<number>().with("a", 1);
    const left = one.with("a", 2);
    const right = one.with("b", 3);
    expect([left, right].map((map) => [map.get("a"), map.get("b")])).to.deep.equal([
      [2, undefined],
      [1, 3],
    ]);
    expect(right.with("a", 4).get("a")).to.equal(4);
    expect(left.get("a")).to.equal(2);
  });
});

describe("afterEvent", () => {
  it("takes 300,000 accusations in time that grows with their number alone", () => {
    // A copy of the map at each event would take an hour.
    let view = noDispute(ZERO_HASH);
    for (let block = 0; block < 300_000; block++) {
      view = afterEvent(view, { name: "Accused", commitment: String(block), block });
    }
    expect([view.accusations.size, view.accusations.get("7")]).to.deep.equal([300_000, 7]);
  });

  it("keeps the furthest state of a replay, whoever stored which first", () => {
    let view = noDispute(ZERO_HASH);
    for (const position of [4, 9, 7]) {
      view = afterEvent(view, { name: "Replayed", kernel: 1, element: 2, position, accumulators: [BigInt(position)] });
    }
    expect(view.replays.get("1:2")).to.deep.equal({ position: 9, accumulators: [9n] });
  });
});
