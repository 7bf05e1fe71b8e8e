import { expect } from "chai";
import { AbiCoder, concat, id, keccak256 } from "ethers";
import { network } from "hardhat";

import { tensorBytes, tensorFrom } from "../../../runner/machine/tensor.ts";
import type { DType } from "../../../runner/machine/dtype.ts";
import { deployProofs, proofContext, R } from "../support/proofs.ts";
import { manifestOf, metadataOf, useFixture } from "../support/protocol.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;
const HALO2 = id("halo2-kzg-bn254-v1").slice(0, 10);
const [INPUT, OUTPUT] = [0, 1];

/** Elements of every integer dtype, at the ends of their ranges. */
const INPUTS: readonly (readonly [DType, number, readonly bigint[]])[] = [
  ["i64", 1, [-(2n ** 63n), -1n, 2n ** 63n - 1n]],
  ["i16", 3, [-32_768n, 32_767n]],
  ["u64", 5, [2n ** 64n - 1n]],
  ["u32", 6, [2n ** 32n - 1n, 0n]],
  ["u8", 8, [255n, 7n]],
  ["bool", 9, [1n, 0n]],
];
const OUTPUTS: readonly (readonly [DType, number, readonly bigint[]])[] = [
  ["i32", 2, [-5n, 2n ** 31n - 1n]],
  ["i8", 4, [-128n]],
  ["u16", 7, [65_535n]],
];
const bytesOf = (tensors: typeof INPUTS) =>
  concat(tensors.map(([dtype, , values]) => tensorBytes(tensorFrom(dtype, values))));
const typesOf = (tensors: typeof INPUTS) => tensors.map(([, dtype, { length }]) => ({ dtype, length }));
const kernels = { kernelCount: 3, outputKernels: [0, 1, 2] };

describe("Halo2Verifier", () => {
  const fixture = async () => {
    const deployed = await deployProofs(connection);
    const verifier = await ethers.deployContract("Halo2Mock");
    const manifest = manifestOf({ inputs: typesOf(INPUTS), outputs: typesOf(OUTPUTS), ...kernels });
    const versionId = await deployed.registry.versionIdFor(deployed.publisher, manifest, metadataOf());
    await deployed.registry.connect(deployed.publisher).publish(manifest, metadataOf());
    await deployed.circuits.connect(deployed.publisher).registerHalo2(versionId, id("settings"), verifier);
    return { ...deployed, verifier, versionId, digitsId: deployed.versionId };
  };
  const proofs: Awaited<ReturnType<typeof fixture>> = useFixture(connection, fixture);
  const [inputs, outputs] = [bytesOf(INPUTS), bytesOf(OUTPUTS)];
  const expected = [...INPUTS, ...OUTPUTS].flatMap(([, , values]) =>
    values.map((value) => (value < 0n ? R + value : value)),
  );
  const proof = keccak256(AbiCoder.defaultAbiCoder().encode(["uint256[]"], [expected]));

  const contextFor = async (overrides: object = {}) =>
    proofContext(
      proofs,
      {
        inputs: new Uint8Array(),
        outputs: new Uint8Array(),
        inputRoot: await proofs.registry.inputRootFor(proofs.versionId, inputs),
        outputRoot: await proofs.registry.outputRootFor(proofs.versionId, outputs),
        label: 0,
      },
      overrides,
    );
  const verify = async (evidence: string, overrides: object = {}) =>
    proofs.halo2.verify(await contextFor(overrides), evidence);

  it("refuses terms for a version without such a circuit, and takes them with one", async () => {
    await proofs.halo2.requireTerms(proofs.versionId, 0);
    await expect(proofs.halo2.requireTerms(proofs.digitsId, 7))
      .to.be.revertedWithCustomError(proofs.halo2, "EvidenceTermsRefused")
      .withArgs(proofs.digitsId, 7);
  });
  it("makes an instance of each element of inputs and outputs, a negative one as the order less its size", async () => {
    expect([...(await proofs.halo2.instancesOf(proofs.versionId, inputs, outputs))]).to.deep.equal(expected);
  });
  it("holds when the registered contract says so of these instances", async () => {
    await verify(concat([outputs, inputs, proof]));
  });
  it("holds for every request with the same input, which does no harm", async () => {
    await verify(concat([outputs, inputs, proof]), { requestId: id("other"), operator: proofs.bob.address });
  });
  it("refuses bytes that are not the request's input or the claim's output", async () => {
    const context = await contextFor();
    for (const { kind, evidence, root } of [
      { kind: OUTPUT, evidence: concat(["0xfe", `0x${outputs.slice(4)}`, inputs, proof]), root: context.outputRoot },
      { kind: INPUT, evidence: concat([outputs, "0xfe", `0x${inputs.slice(4)}`, proof]), root: context.inputRoot },
    ]) {
      const changed = (data: string) => concat(["0xfe", `0x${data.slice(4)}`]);
      const actual =
        kind === INPUT
          ? await proofs.registry.inputRootFor(proofs.versionId, changed(inputs))
          : await proofs.registry.outputRootFor(proofs.versionId, changed(outputs));
      await expect(verify(evidence))
        .to.be.revertedWithCustomError(proofs.halo2, "ProofRootMismatch")
        .withArgs(kind, actual, root);
    }
  });
  it("refuses evidence without a proof", async () => {
    const length = (outputs.length + inputs.length - 4) / 2;
    for (const [evidence, actual] of [
      ["0x", 0],
      [concat([outputs, inputs]), length],
    ] as const) {
      await expect(verify(evidence))
        .to.be.revertedWithCustomError(proofs.halo2, "ProofEvidenceLength")
        .withArgs(actual, length + 1);
    }
  });
  it("rejects what the contract says no to, or no word, another word or more than a word; and its revert", async () => {
    const { mode, requestId } = await contextFor();
    // A proof of one byte makes the mock revert (1), say 2, say nothing (3), say two words (4).
    for (const bad of [id("bad"), "0x01", "0x02", "0x03", "0x04"]) {
      await expect(verify(concat([outputs, inputs, bad])))
        .to.be.revertedWithCustomError(proofs.halo2, "EvidenceRejected")
        .withArgs(mode, requestId);
    }
  });
  it("refuses a contract whose code has changed since it was registered", async () => {
    const before = keccak256(await ethers.provider.getCode(proofs.verifier.target));
    await networkHelpers.setCode(proofs.verifier.target as string, "0x600160005260206000f3");
    await expect(verify(concat([outputs, inputs, proof])))
      .to.be.revertedWithCustomError(proofs.halo2, "ProofKeyMismatch")
      .withArgs(keccak256("0x600160005260206000f3"), before);
  });
  it("refuses a version without such a circuit", async () => {
    await expect(verify("0x", { versionId: proofs.digitsId }))
      .to.be.revertedWithCustomError(proofs.circuits, "CircuitUnknown")
      .withArgs(proofs.digitsId, HALO2);
  });
});
