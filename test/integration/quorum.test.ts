import { expect } from "chai";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { playQuorums, type QuorumTale } from "../../scripts/demo/quorum.ts";
import { QUORUM_FEE } from "../../testing/quorum-stage.ts";

/** What is left of a fee after the publisher's twentieth. */
const NET = (QUORUM_FEE * 95n) / 100n;

describe("quorums by services (npm start -- --mode quorum)", () => {
  const lines: string[] = [];
  let tales: readonly QuorumTale[] = [];
  const taleAt = (index: number): QuorumTale => {
    const tale = tales[index];
    if (tale === undefined) throw new RangeError(`no tale ${String(index)}`);
    return tale;
  };
  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), "assay-quorums-"));
    tales = await playQuorums(folder, (line = "") => lines.push(...line.split("\n")), new AbortController().signal);
    await rm(folder, { recursive: true });
  });

  it("five operators answer alike: attested, then final, and each has its fee", () => {
    const { revealed, final, digit, convicted, earned } = taleAt(0);
    expect([revealed, final, digit, convicted]).to.deep.equal(["attested", "final", 7, []]);
    expect([...earned.values()]).to.deep.equal(Array.from({ length: 5 }, () => NET));
  });
  it("one lies and defends itself: the others convict it, though nobody has watched", () => {
    const { revealed, final, digit, convicted, earned } = taleAt(1);
    expect([revealed, final, digit, convicted]).to.deep.equal(["disputed", "final", 7, ["Chen"]]);
    expect(earned.get("Chen")).to.equal(0n);
    // Who stands shares the liar's fee, and who proved the fraud has a quarter of what was slashed besides.
    const others = [...earned].filter(([name]) => name !== "Chen").map(([, amount]) => amount);
    expect(others.every((amount) => amount >= NET + QUORUM_FEE / 4n)).to.equal(true);
    expect(others.filter((amount) => amount > NET + QUORUM_FEE / 4n).length).to.equal(1);
  });
  it("tells everybody by name, and that the disputes opened by themselves", () => {
    const text = lines.join("\n");
    for (const name of ["Ada", "Bruno", "Chen", "Dewi", "Emeka"]) expect(text).to.include(name);
    expect(text).to.not.include("challenges the claim");
    expect(text).to.include("Convicted:");
  });
});
