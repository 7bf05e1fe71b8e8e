import { expect } from "chai";
import { parseEther } from "ethers";

import { encodeTerms } from "../../../services/chain/calldata.ts";
import { connection, ethers, useProtocol } from "../support/market.ts";
import { assign, claim, filled, requestIn } from "../support/protocol.ts";
import { consumerTerms, scoresOf } from "../support/reader.ts";

describe("NextCharacter", () => {
  const protocol = useProtocol();

  it("reads the scores of one place of a text, and fails alone when there is no such place", async () => {
    const contract = await ethers.deployContract("NextCharacter", [protocol.market, consumerTerms(protocol), 5]);
    await protocol.token.connect(protocol.requester).approve(contract, parseEther("100"));
    const output = scoresOf(9, 8, 7, 6, 5, -3, -2, -1, 4.5, -4);
    for (const [place, token, success] of [
      [0, 0n, true],
      [1, 3n, true],
      [2, 0n, false],
    ] as const) {
      const made = await requestIn(protocol, await contract.connect(protocol.requester).ask(filled(256, 1), place));
      await assign(connection, protocol, made);
      const { transaction } = await claim(connection, protocol, made, output);
      await expect(transaction).to.emit(protocol.market, "CallbackDone").withArgs(made.id, 0, success);
      if (success) await expect(transaction).to.emit(contract, "CharacterRead").withArgs(made.id, token, 0);
      expect([...(await contract.readingOf(made.id))]).to.deep.equal([token, 0n, success]);
    }
  });
  it("forgets an answer that was convicted", async () => {
    const contract = await ethers.deployContract("NextCharacter", [protocol.market, consumerTerms(protocol), 5]);
    await protocol.token.connect(protocol.requester).approve(contract, parseEther("100"));
    const made = await requestIn(protocol, await contract.connect(protocol.requester).ask(filled(256, 1), 0));
    await assign(connection, protocol, made);
    const { claimId } = await claim(connection, protocol, made, scoresOf(1, 9));
    await protocol.market.connect(protocol.court).markChallenged(made.id, claimId);
    await protocol.market.connect(protocol.court).convict(claimId, encodeTerms(made.request), protocol.accuser);
    await expect(protocol.market.notifyFailure(made.request)).to.emit(contract, "CharacterFailed").withArgs(made.id);
    expect([...(await contract.readingOf(made.id))]).to.deep.equal([0n, 0n, false]);
  });
});
