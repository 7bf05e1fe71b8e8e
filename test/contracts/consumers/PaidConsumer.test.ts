import { expect } from "chai";
import { parseEther } from "ethers";

import { encodeTerms } from "../../../services/chain/calldata.ts";
import { connection, ethers, FEE, networkHelpers, useProtocol } from "../support/market.ts";
import {
  assign,
  claim,
  filled,
  manifestOf,
  metadataOf,
  nextEpoch,
  OPEN_TERMS,
  requestIn,
  type Signer,
} from "../support/protocol.ts";
import * as tree from "../support/tree.ts";
import { consumerTerms, digitReader } from "../support/reader.ts";

const { time } = networkHelpers;

describe("PaidConsumer", () => {
  const protocol = useProtocol();

  it("returns the fee of a request that failed to whoever asked, once", async () => {
    const { contract, ask } = await digitReader(protocol);
    const made = await ask();
    await expect(contract.reclaim(made.id))
      .to.be.revertedWithCustomError(contract, "ConsumerNothingToReclaim")
      .withArgs(made.id);
    await time.increase(600);
    await protocol.market.refund(made.request);
    await expect(contract.reclaim(made.id)).to.changeTokenBalance(ethers, protocol.token, protocol.requester, FEE);
    await expect(contract.reclaim(made.id))
      .to.be.revertedWithCustomError(contract, "ConsumerNothingToReclaim")
      .withArgs(made.id);
  });
  it("returns what the market returned when the input was withheld, and nothing of what others paid", async () => {
    const data = filled(40_000, 9);
    const manifest = manifestOf({ inputs: [{ dtype: 4, length: 40_000 }] });
    const registry = protocol.registry.connect(protocol.publisher);
    const versionId = await registry.versionIdFor(protocol.publisher, manifest, metadataOf());
    await registry.publish(manifest, metadataOf());
    await protocol.pools.connect(protocol.alice).optIn(versionId, OPEN_TERMS);
    await nextEpoch(connection);
    const contract = await ethers.deployContract("CommittedReader", [
      protocol.market,
      consumerTerms(protocol, { versionId }),
    ]);
    const inputRoot = tree.leafHash(tree.rootOf(4, 40_000, data));
    const ask = async (by: Signer) => {
      await protocol.token.connect(by).approve(contract, FEE);
      return requestIn(protocol, await contract.connect(by).ask(inputRoot, "ipfs://input"));
    };
    await ask(protocol.carol);
    const made = await ask(protocol.requester);
    await assign(connection, protocol, made);
    const terms = encodeTerms(made.request);
    await protocol.availability.connect(protocol.alice).demand(protocol.market, terms, 0, [0]);
    await time.increase(3_601);
    const withheld = { source: protocol.market, id: made.id, versionId, root: inputRoot, kind: 0 };
    await protocol.availability.settle(withheld, 0, terms);

    expect(await protocol.market.compensationOf(made.id)).to.equal(FEE / 10n);
    const reclaim = contract.reclaim(made.id);
    await expect(reclaim).to.changeTokenBalance(ethers, protocol.token, protocol.requester, (9n * FEE) / 10n);
    await expect(reclaim).to.changeTokenBalance(ethers, protocol.token, contract, 0n);
  });
  it("returns it also when somebody else withdrew the credit for it", async () => {
    const { contract, ask } = await digitReader(protocol);
    const made = await ask();
    await time.increase(600);
    await protocol.market.refund(made.request);
    await protocol.market.withdraw(contract);
    await expect(contract.reclaim(made.id)).to.changeTokenBalance(ethers, protocol.token, protocol.requester, FEE);
  });
  it("pays whoever asked the damages of a convicted answer, besides the fee", async () => {
    const { contract, ask } = await digitReader(protocol);
    const made = await ask();
    await assign(connection, protocol, made);
    const { claimId } = await claim(connection, protocol, made);
    await protocol.market.connect(protocol.court).markChallenged(made.id, claimId);
    await protocol.market.connect(protocol.court).convict(claimId, encodeTerms(made.request), protocol.accuser);
    const damages = parseEther("125");
    expect(await protocol.market.damagesOf(made.id)).to.equal(damages);
    const reclaim = contract.reclaim(made.id);
    await expect(reclaim).to.changeTokenBalance(ethers, protocol.token, protocol.requester, FEE + damages);
    await expect(reclaim).to.changeTokenBalance(ethers, protocol.token, contract, 0n);
  });
});
