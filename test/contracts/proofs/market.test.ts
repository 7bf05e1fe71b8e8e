import { expect } from "chai";
import { dataSlice, hexlify } from "ethers";
import { network } from "hardhat";

import { REQUEST_STATUS } from "../../../runner/protocol/enums.ts";
import { digitsProver } from "../../../testing/zk/digits.ts";
import { type Answer, answerTo, deployProofs, PROOF, withBytes } from "../support/proofs.ts";
import { assign, join, nextEpoch, open, type Opened, policyOf, useFixture } from "../support/protocol.ts";

const connection = await network.create();
const { ethers } = connection;
/** The class with the highest score. */
const read = (outputs: Uint8Array): number => {
  const scores = Array.from(new Int32Array(Uint8Array.from(outputs).buffer));
  return scores.indexOf(Math.max(...scores));
};

describe("a request whose answer must be proved", () => {
  const fixture = async () => {
    const proofs = await deployProofs(connection);
    for (const operator of [proofs.alice, proofs.bob]) await join(proofs, operator);
    await nextEpoch(connection);
    return { ...proofs, answer: await answerTo(proofs.model, 2) };
  };
  const proofs: Awaited<ReturnType<typeof fixture>> = useFixture(connection, fixture);

  /** A question under the mode of proofs alone, without a window: what is proved needs none. */
  const ask = async (): Promise<Opened> => {
    const terms = { policy: policyOf(PROOF), inputs: hexlify(proofs.answer.inputs), windowSeconds: 0 };
    const opened = await open(proofs, terms);
    await assign(connection, proofs, opened);
    return opened;
  };
  /** What the market will verify the evidence for. */
  const contextOf = async ({ id, request }: Opened, { outputRoot }: Answer) => {
    const { operator, deadline } = await proofs.market.stateOf(id);
    const { market, versionId, answer } = proofs;
    return {
      market: market.target as string,
      requestId: id,
      versionId,
      numericsVersion: 1,
      inputRoot: answer.inputRoot,
      outputRoot,
      operator,
      mode: PROOF,
      deadline,
      windowSeconds: request.windowSeconds,
    };
  };
  const prove = async (opened: Opened) =>
    digitsProver(proofs.groth16, proofs.circuit)(await contextOf(opened, proofs.answer), proofs.answer);
  const claim = async ({ id, request }: Opened, evidence: string, outputs = hexlify(proofs.answer.outputs)) => {
    const { market, registry, versionId } = proofs;
    const operator = await ethers.getSigner((await market.stateOf(id)).operator);
    const outputRoot = await registry.outputRootFor(versionId, outputs);
    return await market.connect(operator).claim(request, outputs, outputRoot, "", [evidence]);
  };

  it("is of a version that descends from the model that taught it", async () => {
    const { filters } = proofs.registry;
    const [event] = await proofs.registry.queryFilter(filters.VersionPublished(proofs.versionId));
    expect(event?.args.metadata.parents.map(({ versionId, relation }) => [versionId, relation])).to.deep.equal([
      [proofs.parentId, 3n],
    ]);
  });
  it("is refused for a version without a circuit", async () => {
    await expect(open({ ...proofs, versionId: proofs.parentId }, { policy: policyOf(PROOF), windowSeconds: 0 }))
      .to.be.revertedWithCustomError(proofs.groth16, "EvidenceTermsRefused")
      .withArgs(proofs.parentId, 0);
  });
  it("is answered with the right digit, final and paid in the next block", async () => {
    const { market, answer } = proofs;
    expect(read(answer.outputs)).to.equal(answer.label);
    const opened = await ask();
    await claim(opened, await prove(opened));
    const { operator } = await market.stateOf(opened.id);
    await market.finalise(opened.request, hexlify(answer.outputs));
    expect((await market.stateOf(opened.id)).status).to.equal(REQUEST_STATUS.final);
    expect(await market.creditOf(operator)).to.be.greaterThan(0n);
  });
  it("takes no forged answer: another digit with the proof of the right one", async () => {
    const opened = await ask();
    const outputs = Uint8Array.from(proofs.answer.outputs);
    new DataView(outputs.buffer).setInt32(4 * ((proofs.answer.label + 1) % 10), 2 ** 30, true);
    expect(read(outputs)).to.not.equal(proofs.answer.label);
    const evidence = await prove(opened);
    const forged = withBytes(evidence, 256, hexlify(outputs));
    await expect(claim(opened, forged, hexlify(outputs)))
      .to.be.revertedWithCustomError(proofs.groth16, "EvidenceRejected")
      .withArgs(PROOF, opened.id);
    await expect(claim(opened, evidence, hexlify(outputs))).to.be.revertedWithCustomError(
      proofs.groth16,
      "ProofRootMismatch",
    );
    await claim(opened, evidence);
  });
  it("cannot be proved by who computed another answer: the circuit does not hold", async () => {
    const opened = await ask();
    const outputs = Uint8Array.from(proofs.answer.outputs);
    outputs[0] = (outputs[0] ?? 0) ^ 1;
    const prover = digitsProver(proofs.groth16, proofs.circuit);
    const failed = await prover(await contextOf(opened, proofs.answer), { ...proofs.answer, outputs }).then(
      () => "proved",
      String,
    );
    expect(failed).to.include("Assert Failed");
  });
  it("takes no proof of another request with the same question", async () => {
    const [first, second] = [await ask(), await ask()];
    const evidence = await prove(first);
    await expect(claim(second, evidence))
      .to.be.revertedWithCustomError(proofs.groth16, "EvidenceRejected")
      .withArgs(PROOF, second.id);
    await claim(first, evidence);
  });
  it("takes no claim without evidence, or with half of it", async () => {
    const opened = await ask();
    const evidence = await prove(opened);
    for (const given of ["0x", dataSlice(evidence, 0, 256)]) {
      await expect(claim(opened, given))
        .to.be.revertedWithCustomError(proofs.groth16, "ProofEvidenceLength")
        .withArgs((given.length - 2) / 2, (evidence.length - 2) / 2);
    }
  });
});
