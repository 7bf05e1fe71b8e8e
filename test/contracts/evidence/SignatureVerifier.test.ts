import { expect } from "chai";
import { id, ZeroAddress } from "ethers";
import { network } from "hardhat";

import { contextOf, signAnswer } from "../support/answer.ts";
import { DAY, deployProtocol, join, type Protocol, type Signer } from "../support/protocol.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;
const MOCK = "0xaaaaaaaa";

describe("SignatureVerifier", () => {
  const fixture = () => deployProtocol(connection);
  let protocol: Protocol;
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(fixture);
  });

  const sign = (signer: Signer, context: object, domain: object = {}) =>
    signAnswer(connection, protocol, signer, context, domain);
  const rejects = async (context: ReturnType<typeof contextOf>, evidence: string) =>
    expect(protocol.signature.verify(context, evidence))
      .to.be.revertedWithCustomError(protocol.signature, "EvidenceRejected")
      .withArgs(context.mode, context.requestId);

  it("asks for nothing in advance", async () => {
    await protocol.signature.requireTerms(id("version"), 0);
  });
  it("holds for the operator's registered key over the whole context", async () => {
    await join(protocol, protocol.alice);
    await protocol.signature.verify(contextOf(protocol), await sign(protocol.alice, contextOf(protocol)));
  });
  it("holds for a key that is a contract (ERC-1271)", async () => {
    const wallet = await ethers.deployContract("WalletMock", [protocol.bob]);
    await protocol.staking.connect(protocol.alice).rotateSigningKey(wallet);
    await protocol.signature.verify(contextOf(protocol), await sign(protocol.bob, contextOf(protocol)));
  });
  it("rejects when there is no key at all", async () => {
    await rejects(contextOf(protocol), await sign(protocol.alice, contextOf(protocol)));
  });
  it("rejects another key's signature, and one tampered with", async () => {
    await join(protocol, protocol.alice);
    await rejects(contextOf(protocol), await sign(protocol.bob, contextOf(protocol)));
    const good = await sign(protocol.alice, contextOf(protocol));
    await rejects(contextOf(protocol), good.slice(0, -2));
    await rejects(contextOf(protocol), "0x");
    await protocol.signature.verify(contextOf(protocol), good);
  });
  it("rejects a signature for any other field, chain or contract", async () => {
    await join(protocol, protocol.alice);
    for (const field of [
      { market: ZeroAddress },
      { requestId: id("?") },
      { versionId: id("?") },
      { numericsVersion: 2 },
      { inputRoot: id("?") },
      { outputRoot: id("?") },
      { operator: protocol.bob.address },
      { mode: MOCK },
      { deadline: 1 },
      { windowSeconds: 61 },
    ]) {
      await rejects(contextOf(protocol), await sign(protocol.alice, contextOf(protocol, field)));
    }
    await rejects(contextOf(protocol), await sign(protocol.alice, contextOf(protocol), { chainId: 1 }));
    await rejects(
      contextOf(protocol),
      await sign(protocol.alice, contextOf(protocol), { verifyingContract: ZeroAddress }),
    );
  });
  it("counts a rotated key only after the delay, and the old one until then", async () => {
    await join(protocol, protocol.alice);
    await protocol.staking.connect(protocol.alice).rotateSigningKey(protocol.bob);
    const [old, next] = [
      await sign(protocol.alice, contextOf(protocol)),
      await sign(protocol.bob, contextOf(protocol)),
    ];
    await protocol.signature.verify(contextOf(protocol), old);
    await rejects(contextOf(protocol), next);
    await networkHelpers.time.increase(DAY);
    await protocol.signature.verify(contextOf(protocol), next);
    await rejects(contextOf(protocol), old);
  });
});
