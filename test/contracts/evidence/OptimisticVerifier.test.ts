import { expect } from "chai";
import { id } from "ethers";
import { network } from "hardhat";

import { contextOf } from "../support/answer.ts";
import { deployProtocol, type Protocol } from "../support/protocol.ts";

const connection = await network.create();
const { networkHelpers } = connection;

describe("OptimisticVerifier", () => {
  const fixture = () => deployProtocol(connection);
  let protocol: Protocol;
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(fixture);
  });

  it("asks for a window that is long enough, before anybody is bound by it", async () => {
    await protocol.optimistic.requireTerms(id("version"), 60);
    await expect(protocol.optimistic.requireTerms(id("version"), 59))
      .to.be.revertedWithCustomError(protocol.optimistic, "EvidenceTermsRefused")
      .withArgs(id("version"), 59);
  });
  it("holds with no evidence and a window that is long enough", async () => {
    await protocol.optimistic.verify(contextOf(protocol), "0x");
  });
  it("rejects a short window, and evidence that means nothing", async () => {
    for (const [context, evidence] of [
      [contextOf(protocol, { windowSeconds: 59 }), "0x"],
      [contextOf(protocol), "0x00"],
    ] as const) {
      await expect(protocol.optimistic.verify(context, evidence))
        .to.be.revertedWithCustomError(protocol.optimistic, "EvidenceRejected")
        .withArgs("0x00000000", id("request"));
    }
  });
});
