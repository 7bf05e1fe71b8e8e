import { expect } from "chai";

import { ANSWER_STAGE } from "../../../runner/protocol/enums.ts";
import { encodeTerms } from "../../../services/chain/calldata.ts";
import { connection, networkHelpers, useProtocol } from "../support/market.ts";
import { assign, claim, WINDOW } from "../support/protocol.ts";
import { digitReader, scoresOf } from "../support/reader.ts";

const { time } = networkHelpers;

describe("DigitReader", () => {
  const protocol = useProtocol();

  it("hears the answer as it becomes firmer", async () => {
    const { contract, ask } = await digitReader(protocol);
    const made = await ask();
    await assign(connection, protocol, made);
    const output = scoresOf(-3, -2, -1, 0, 9.5, 1, 2, 3, 9.25, -100);
    const { transaction } = await claim(connection, protocol, made, output);
    await expect(transaction).to.emit(contract, "DigitRead").withArgs(made.id, 4, ANSWER_STAGE.provisional);
    await time.increase(WINDOW);
    await expect(protocol.market.finalise(made.request, output))
      .to.emit(contract, "DigitRead")
      .withArgs(made.id, 4, ANSWER_STAGE.final);
    expect([...(await contract.readingOf(made.id))]).to.deep.equal([4n, ANSWER_STAGE.final, true]);
  });
  it("forgets an answer that was convicted", async () => {
    const { contract, ask } = await digitReader(protocol);
    const made = await ask();
    await assign(connection, protocol, made);
    const { claimId } = await claim(connection, protocol, made, scoresOf(1, 9));
    await protocol.market.connect(protocol.court).markChallenged(made.id, claimId);
    await protocol.market.connect(protocol.court).convict(claimId, encodeTerms(made.request), protocol.accuser);
    await expect(protocol.market.notifyFailure(made.request)).to.emit(contract, "DigitFailed").withArgs(made.id);
    expect([...(await contract.readingOf(made.id))]).to.deep.equal([0n, 0n, false]);
  });
});
