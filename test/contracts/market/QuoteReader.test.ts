import { expect } from "chai";
import { parseEther } from "ethers";

import { connection, ethers, useProtocol } from "../support/market.ts";
import { assign, nextEpoch, open, OPEN_TERMS, policyOf, termsOf } from "../support/protocol.ts";

describe("QuoteReader", () => {
  const protocol = useProtocol();

  const reader = async () => ethers.deployContract("QuoteReader", [protocol.market]);
  const quoted = (overrides: object = {}) => {
    const { versionId, policy, valueAtRisk, claimSeconds, windowSeconds, callbackGas } = termsOf(protocol);
    return { versionId, policy, valueAtRisk, claimSeconds, windowSeconds, callbackGas, ...overrides };
  };

  describe("quote", () => {
    it("gives the stake behind an answer, the market's least fee, and what each place asks", async () => {
      const { alice, bob, carol, pools, versionId } = protocol;
      await pools.connect(bob).setTerms(versionId, { ...OPEN_TERMS, minimumFee: parseEther("8") });
      await nextEpoch(connection);
      const { collateral, minimumFee, quotes } = await (await reader()).quote(quoted(), 0, 10);
      // A fee is the least one that pays for the stake that it locks itself.
      expect(collateral).to.equal(await protocol.market.collateralFor(parseEther("40"), minimumFee));
      expect(minimumFee).to.equal(await protocol.market.minimumFeeFor(collateral, 4_200));
      expect(quotes.map(({ operator, weight, leastFee }) => [operator, weight, leastFee])).to.deep.equal([
        [alice.address, 1_000_000n, minimumFee],
        // A tenth of the fee is the publisher's, and a tenth pays audits.
        [bob.address, 1_000_000n, parseEther("10") - 2n],
        [carol.address, 1_000_000n, minimumFee],
      ]);
    });
    it("prices callbacks, and rounds against the requester", async () => {
      const { alice, pools, versionId } = protocol;
      await pools.connect(alice).setTerms(versionId, { ...OPEN_TERMS, minimumFee: parseEther("5"), callbackPrice: 7n });
      await nextEpoch(connection);
      const { quotes } = await (await reader()).quote(quoted({ callbackGas: 100_000 }), 0, 1);
      const net = parseEther("5") + 7n * 200_000n;
      const fee = quotes[0]?.leastFee ?? 0n;
      const kept = (paid: bigint): bigint => paid - paid / 10n - paid / 10n;
      expect([kept(fee) >= net, kept(fee - 1n) >= net]).to.deep.equal([true, false]);
    });
    it("names a fee at which the place is drawn, and none below", async () => {
      const { alice, bob, carol, pools, versionId } = protocol;
      for (const operator of [bob, carol]) await pools.connect(operator).optOut(versionId);
      await pools.connect(alice).setTerms(versionId, { ...OPEN_TERMS, minimumFee: parseEther("7") + 1n });
      await nextEpoch(connection);
      const fee = (await (await reader()).quote(quoted(), 0, 1)).quotes[0]?.leastFee ?? 0n;
      const cheap = await open(protocol, { fee: fee - 1n });
      await connection.networkHelpers.mine(3);
      await expect(protocol.market.assign(cheap.request)).to.emit(protocol.market, "DrawEnded");
      expect(await assign(connection, protocol, await open(protocol, { fee }))).to.equal(alice.address);
    });
    it("leaves out places that would not take the request", async () => {
      const { alice, bob, carol, pools, versionId } = protocol;
      await pools.connect(alice).setTerms(versionId, { ...OPEN_TERMS, capacity: 0 });
      await pools.connect(bob).setTerms(versionId, { ...OPEN_TERMS, minimumClaimSeconds: 601 });
      await pools.connect(carol).setTerms(versionId, { ...OPEN_TERMS, maximumCallbackGas: 5 });
      await nextEpoch(connection);
      const operators = async (overrides: object = {}) =>
        (await (await reader()).quote(quoted(overrides), 0, 10)).quotes.map(({ operator }) => operator);
      expect(await operators()).to.deep.equal([carol.address]);
      expect(await operators({ callbackGas: 6 })).to.deep.equal([]);
      expect(await operators({ claimSeconds: 601 })).to.deep.equal([bob.address, carol.address]);
      expect(await operators({ valueAtRisk: parseEther("1000") })).to.deep.equal([]);
    });
    it("reads a page of places", async () => {
      const { bob, carol, pools, versionId } = protocol;
      const page = async (first: number, count: number) =>
        (await (await reader()).quote(quoted(), first, count)).quotes.map(({ operator }) => operator);
      expect(await page(1, 1)).to.deep.equal([bob.address]);
      expect(await page(1, 10)).to.deep.equal([bob.address, carol.address]);
      expect(await page(3, 10)).to.deep.equal([]);
      await pools.connect(bob).optOut(versionId);
      await nextEpoch(connection);
      expect(await page(0, 10)).not.to.include(bob.address);
    });
    it("refuses a policy that cannot be met", async () => {
      await expect((await reader()).quote(quoted({ policy: policyOf("0x0000dead") }), 0, 1))
        .to.be.revertedWithCustomError(protocol.attestation, "AttestationRouteUnusable")
        .withArgs("0x0000dead", 0);
    });
  });
});
