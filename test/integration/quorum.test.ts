import { expect } from "chai";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createFolderStore, type Store } from "../../runner/files/store.ts";
import { operatorStatusOf, quorumFinalityOf } from "../../runner/protocol/enums.ts";
import { changeOneWeight } from "../../testing/forgeries.ts";
import { openQuorumStage, QUORUM_FEE } from "../../testing/quorum-stage.ts";

describe("quorums by services", () => {
  let folder = "";
  let store: Store;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-quorums-"));
    store = createFolderStore(folder);
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  it("five operators answer alike, and the answer becomes attested and final", async () => {
    const stage = await openQuorumStage(store);
    const { suite, id, playUntil, status, networkHelpers, connection, players } = stage;
    await playUntil(async () => (await status()) === "answered");
    expect(quorumFinalityOf((await suite.quorums.resultOf(id)).finality)).to.equal("attested");
    const before = await suite.token.balanceOf(players[0]?.signer.address ?? "");
    await networkHelpers.time.increaseTo((await suite.quorums.quorumOf(id)).deadline);
    await playUntil(async () => (await status()) === "final");
    for (const { service } of players) await service.look();
    // A twentieth of each fee is the publisher's.
    const paid = (await suite.token.balanceOf(players[0]?.signer.address ?? "")) - before;
    expect(paid).to.equal((QUORUM_FEE * 95n) / 100n);
    await connection.close();
  });

  it("one lies and defends itself: the others convict it, though nobody has watched", async () => {
    const LIAR = 2;
    const stage = await openQuorumStage(store, (place) =>
      place === LIAR ? { tamper: async (run, model) => (await changeOneWeight(model, run)).run } : {},
    );
    const { suite, id, playUntil, status, seats, networkHelpers, connection, players, sentSince } = stage;
    const liar = players[LIAR]?.signer.address ?? "";
    await playUntil(async () => (await status()) === "answered");
    expect(quorumFinalityOf((await suite.quorums.resultOf(id)).finality)).to.equal("disputed");
    await playUntil(async () => (await seats()).some((seat) => seat.status === "convicted"));
    const convicted = (await seats()).filter((seat) => seat.status === "convicted");
    expect(convicted.map(({ operator }) => operator)).to.deep.equal([liar]);
    expect(operatorStatusOf((await suite.staking.operatorOf(liar)).status)).to.equal("tombstoned");
    const kinds = sentSince(0).map(({ action }) => action.kind);
    expect(kinds.filter((kind) => kind === "convicted").length).to.equal(1);
    expect(kinds).to.not.include("challenged");
    // Those who told the truth showed their traces, and stand when the time of their disputes is over.
    const ends = await Promise.all(
      players.map(async (_, seat) => (await suite.court.disputeOf(await suite.quorums.claimIdFor(id, seat))).end),
    );
    await networkHelpers.time.increaseTo(ends.reduce((a, b) => (a > b ? a : b)) + 1n);
    await playUntil(async () => (await status()) === "final");
    await connection.close();
  });
});
