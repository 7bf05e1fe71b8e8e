import { expect } from "chai";
import { hexlify, parseEther } from "ethers";

import { tensorBytes, tensorFrom } from "../../../runner/machine/tensor.ts";
import { encodeTerms } from "../../../services/chain/calldata.ts";
import { connection, ethers, useProtocol } from "../support/market.ts";
import { assign, claim, filled, requestIn } from "../support/protocol.ts";
import { consumerTerms } from "../support/reader.ts";

const ALPHABET = "\n ehlo";
/** Tokens as the output of a model. */
const tokens = (...list: readonly (number | bigint)[]): string => hexlify(tensorBytes(tensorFrom("i64", list)));

describe("SentenceReader", () => {
  const protocol = useProtocol();

  const asked = async () => {
    const contract = await ethers.deployContract("SentenceReader", [
      protocol.market,
      consumerTerms(protocol),
      ALPHABET,
    ]);
    await protocol.token.connect(protocol.requester).approve(contract, parseEther("100"));
    const made = await requestIn(protocol, await contract.connect(protocol.requester).ask(filled(256, 1)));
    await assign(connection, protocol, made);
    return { contract, made };
  };

  for (const { what, output, sentence } of [
    { what: "up to the first end", output: tokens(5, 3, 0, 4, 0), sentence: "oh" },
    { what: "of all tokens where none is the end", output: tokens(3, 2, 4, 4, 5), sentence: "hello" },
    { what: "of nothing where the first token is the end", output: tokens(0, 3, 0, 0, 0), sentence: "" },
  ]) {
    it(`reads a sentence ${what}`, async () => {
      const { contract, made } = await asked();
      const { transaction } = await claim(connection, protocol, made, output);
      await expect(transaction).to.emit(contract, "SentenceRead").withArgs(made.id, sentence, 0);
      expect([...(await contract.readingOf(made.id))]).to.deep.equal([sentence, 0n, true]);
    });
  }

  for (const { what, token } of [
    { what: "after the last of the alphabet", token: 6n },
    { what: "below 0", token: -1n },
    { what: "with a character in its low byte only", token: 0x0100000000000003n },
  ]) {
    it(`fails alone when a token is ${what}`, async () => {
      const { contract, made } = await asked();
      const { transaction } = await claim(connection, protocol, made, tokens(3, token, 0, 0, 0));
      await expect(transaction).to.emit(protocol.market, "CallbackDone").withArgs(made.id, 0, false);
      const { known } = await contract.readingOf(made.id);
      expect(known).to.equal(false);
    });
  }

  it("forgets an answer that was convicted", async () => {
    const { contract, made } = await asked();
    const { claimId } = await claim(connection, protocol, made, tokens(5, 3, 0, 0, 0));
    await protocol.market.connect(protocol.court).markChallenged(made.id, claimId);
    await protocol.market.connect(protocol.court).convict(claimId, encodeTerms(made.request), protocol.accuser);
    await expect(protocol.market.notifyFailure(made.request)).to.emit(contract, "SentenceFailed").withArgs(made.id);
    expect([...(await contract.readingOf(made.id))]).to.deep.equal(["", 0n, false]);
  });
});
