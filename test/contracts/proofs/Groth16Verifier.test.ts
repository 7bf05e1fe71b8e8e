import { expect } from "chai";
import { dataLength, dataSlice, id, keccak256, ZeroAddress } from "ethers";
import hre, { network } from "hardhat";

import { execute, joinTensors } from "../../../services/models/models.ts";
import { type Answer, answerTo, deployProofs, P, PROOF, type Proofs, proofContext, prove } from "../support/proofs.ts";
import { PROOF_BYTES, withBytes, word, zeroes } from "../support/proofs.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;
const [INPUT, OUTPUT] = [0, 1];
const PAIRING = "0x0000000000000000000000000000000000000008";

describe("Groth16Verifier", () => {
  const fixture = () => deployProofs(connection);
  let proofs: Proofs;
  let answer: Answer;
  let evidence: string;
  before(async () => {
    proofs = await networkHelpers.loadFixture(fixture);
    answer = await answerTo(proofs.model);
    evidence = await prove(proofs, proofContext(proofs, answer), answer);
  });
  beforeEach(async () => {
    proofs = await networkHelpers.loadFixture(fixture);
  });

  const verify = (given = evidence, overrides: object = {}) =>
    proofs.groth16.verify(proofContext(proofs, answer, overrides), given);
  const rejects = async (given: string, overrides: object = {}) => {
    const context = proofContext(proofs, answer, overrides);
    await expect(proofs.groth16.verify(context, given))
      .to.be.revertedWithCustomError(proofs.groth16, "EvidenceRejected")
      .withArgs(context.mode, context.requestId);
  };

  describe("requireTerms", () => {
    it("accepts a version with a circuit, whatever the window", async () => {
      await proofs.groth16.requireTerms(proofs.versionId, 0);
    });
    it("refuses a version without one", async () => {
      await expect(proofs.groth16.requireTerms(proofs.parentId, 60))
        .to.be.revertedWithCustomError(proofs.groth16, "EvidenceTermsRefused")
        .withArgs(proofs.parentId, 60);
    });
  });

  describe("verify", () => {
    it("holds for a proof of exactly this answer", async () => {
      await verify();
    });
    it("takes at most 260,000 gas", async function () {
      if (hre.globalOptions.coverage) this.skip();
      const meter = await ethers.deployContract("GasMeter");
      const call = proofs.groth16.interface.encodeFunctionData("verify", [proofContext(proofs, answer), evidence]);
      expect(await meter.measure(proofs.groth16, call)).to.be.at.most(260_000n);
    });
    it("holds for an image of any bytes, also one that no scanner makes", async () => {
      const inputs = new Uint8Array(64).fill(255);
      const other = { ...answer, ...(await answerOf(inputs)) };
      const context = proofContext(proofs, other);
      await proofs.groth16.verify(context, await prove(proofs, context, other));
    });
    it("rejects the proof for every other context: request, market, operator, mode, deadline, window, arithmetic", async () => {
      for (const overrides of [
        { requestId: id("other") },
        { market: ZeroAddress },
        { operator: proofs.bob.address },
        { mode: "0x00000004" },
        { deadline: 1 },
        { windowSeconds: 1 },
        { numericsVersion: 2 },
      ]) {
        await rejects(evidence, overrides);
      }
      await verify();
    });
    it("rejects it in another verifier", async () => {
      const other = await ethers.deployContract("Groth16Verifier", [proofs.circuits]);
      await expect(other.verify(proofContext(proofs, answer), evidence))
        .to.be.revertedWithCustomError(other, "EvidenceRejected")
        .withArgs(PROOF, `0x${"11".repeat(32)}`);
    });
    it("refuses a version without a circuit", async () => {
      await expect(verify(evidence, { versionId: proofs.parentId }))
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitUnknown")
        .withArgs(proofs.parentId, id("groth16-bn254-v1").slice(0, 10));
    });
    it("refuses evidence of another length", async () => {
      const length = dataLength(evidence);
      for (const given of ["0x", dataSlice(evidence, 0, length - 1), `${evidence}00`]) {
        await expect(verify(given))
          .to.be.revertedWithCustomError(proofs.groth16, "ProofEvidenceLength")
          .withArgs(dataLength(given), length);
      }
    });
    it("refuses another key, down to one bit", async () => {
      const keyAt = PROOF_BYTES + 40 + 64;
      const given = withBytes(evidence, dataLength(evidence) - 1, "0x00");
      await expect(verify(given))
        .to.be.revertedWithCustomError(proofs.groth16, "ProofKeyMismatch")
        .withArgs(keccak256(dataSlice(given, keyAt)), keccak256(proofs.circuit.key));
    });
    it("refuses bytes that are not the request's input or the claim's output", async () => {
      const cases = [
        { kind: OUTPUT, at: PROOF_BYTES, expected: answer.outputRoot },
        { kind: INPUT, at: PROOF_BYTES + 40, expected: answer.inputRoot },
      ];
      for (const { kind, at, expected } of cases) {
        const given = withBytes(evidence, at, "0xaa");
        const [registry, version] = [proofs.registry, proofs.versionId];
        const actual =
          kind === INPUT
            ? await registry.inputRootFor(version, dataSlice(given, at, at + 64))
            : await registry.outputRootFor(version, dataSlice(given, at, at + 40));
        await expect(verify(given))
          .to.be.revertedWithCustomError(proofs.groth16, "ProofRootMismatch")
          .withArgs(kind, actual, expected);
      }
    });
    it("rejects another output with its own root: one bit of one score", async () => {
      const outputs = Uint8Array.from(answer.outputs);
      outputs[0] = (outputs[0] ?? 0) ^ 1;
      const outputRoot = await proofs.registry.outputRootFor(proofs.versionId, outputs);
      await rejects(withBytes(evidence, PROOF_BYTES, `0x${Buffer.from(outputs).toString("hex")}`), { outputRoot });
    });
    it("rejects another input with its own root", async () => {
      const inputs = Uint8Array.from(answer.inputs);
      inputs[63] = (inputs[63] ?? 0) ^ 1;
      const inputRoot = await proofs.registry.inputRootFor(proofs.versionId, inputs);
      await rejects(withBytes(evidence, PROOF_BYTES + 40, `0x${Buffer.from(inputs).toString("hex")}`), { inputRoot });
    });
    it("rejects a proof of other points, and takes the two that are the same proof", async () => {
      const [a, c] = [dataSlice(evidence, 0, 64), dataSlice(evidence, 192, 256)];
      await rejects(withBytes(withBytes(evidence, 0, c), 192, a));
      const minus = (at: number): string => word(P - BigInt(dataSlice(evidence, at, at + 32)));
      await rejects(withBytes(evidence, 32, minus(32)));
      // (-A, -B, C) is a proof of the same statement; whoever has one can make it, and it shows no more.
      await verify(withBytes(withBytes(withBytes(evidence, 32, minus(32)), 128, minus(128)), 160, minus(160)));
    });
    it("refuses points at infinity", async () => {
      for (const [at, length] of [
        [0, 64],
        [64, 128],
        [192, 64],
      ] as const) {
        await expect(verify(withBytes(evidence, at, zeroes(length))))
          .to.be.revertedWithCustomError(proofs.groth16, "Groth16PointAtInfinity")
          .withArgs(at);
      }
    });
    it("refuses coordinates from the modulus on", async () => {
      for (let at = 0; at < PROOF_BYTES; at += 32) {
        const value = BigInt(dataSlice(evidence, at, at + 32)) + P;
        await expect(verify(withBytes(evidence, at, word(value))))
          .to.be.revertedWithCustomError(proofs.groth16, "Groth16CoordinateTooLarge")
          .withArgs(at, value);
      }
    });
    it("refuses points that are not on the curve", async () => {
      for (const at of [0, 64, 192]) {
        await expect(verify(withBytes(evidence, at, word(5n))))
          .to.be.revertedWithCustomError(proofs.groth16, "Groth16PrecompileFailed")
          .withArgs(PAIRING);
      }
    });
  });

  const answerOf = async (inputs: Uint8Array) => {
    const run = await execute(proofs.model, inputs);
    const inputRoot = await proofs.registry.inputRootFor(proofs.versionId, inputs);
    return { inputs, outputs: joinTensors(run.outputs), inputRoot, outputRoot: run.outputRoot };
  };
});
