import { expect } from "chai";
import { dataSlice, id, keccak256, ZeroAddress, ZeroHash } from "ethers";
import { network } from "hardhat";

import { deployProofs, type Proofs, U8, withBytes } from "../support/proofs.ts";
import { DAY, manifestOf, metadataOf, useFixture } from "../support/protocol.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;
const [GROTH16, HALO2] = [id("groth16-bn254-v1").slice(0, 10), id("halo2-kzg-bn254-v1").slice(0, 10)];

/** Tensors of the circuit's model. */
const TWIN = { inputs: [{ dtype: U8, length: 64 }], outputs: [{ dtype: 2, length: 10 }] };

describe("CircuitRegistry", () => {
  const fixture = async () => {
    const proofs = await deployProofs(connection);
    return { ...proofs, verifier: await ethers.deployContract("Halo2Mock") };
  };
  const proofs: Proofs & { verifier: Awaited<ReturnType<typeof fixture>>["verifier"] } = useFixture(
    connection,
    fixture,
  );
  const asPublisher = () => proofs.circuits.connect(proofs.publisher);

  /** A new version with these tensors, without a circuit. */
  const publish = async (overrides: object): Promise<string> => {
    const manifest = manifestOf(overrides);
    const versionId = await proofs.registry.versionIdFor(proofs.publisher, manifest, metadataOf());
    await proofs.registry.connect(proofs.publisher).publish(manifest, metadataOf());
    return versionId;
  };
  /** As the model of the circuit: 64 bytes in, 40 bytes out. */
  const twin = () => publish(TWIN);

  describe("registerGroth16", () => {
    it("keeps the hash of the key and the sizes of the data, and says so", async () => {
      const versionId = await twin();
      const circuit = [keccak256(proofs.circuit.key), ZeroAddress, 64n, 40n];
      await expect(asPublisher().registerGroth16(versionId, id("circuit"), proofs.circuit.key))
        .to.emit(proofs.circuits, "CircuitRegistered")
        .withArgs(versionId, GROTH16, id("circuit"), circuit);
      expect([...(await proofs.circuits.circuitOf(versionId, GROTH16))]).to.deep.equal(circuit);
      expect(await proofs.circuits.circuitHashOf(versionId, GROTH16)).to.equal(id("circuit"));
      expect(await proofs.circuits.hasCircuit(versionId, GROTH16)).to.equal(true);
      expect(await proofs.circuits.hasCircuit(versionId, HALO2)).to.equal(false);
    });
    it("is the publisher's alone", async () => {
      const versionId = await twin();
      await expect(proofs.circuits.connect(proofs.alice).registerGroth16(versionId, id("circuit"), proofs.circuit.key))
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitNotPublisher")
        .withArgs(proofs.alice.address, proofs.publisher.address);
    });
    it("refuses a version that does not exist", async () => {
      await expect(asPublisher().registerGroth16(id("none"), id("circuit"), proofs.circuit.key))
        .to.be.revertedWithCustomError(proofs.registry, "RegistryVersionUnknown")
        .withArgs(id("none"));
    });
    it("happens within a day of the publication: later operators have opted in without a prover", async () => {
      const versionId = await twin();
      const until = Number((await proofs.registry.versionOf(versionId)).publishedAt) + DAY;
      await networkHelpers.time.setNextBlockTimestamp(until + 1);
      await expect(asPublisher().registerGroth16(versionId, id("circuit"), proofs.circuit.key))
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitTooLate")
        .withArgs(until + 1, until);
      const next = await publish({ ...TWIN, kernelCount: 4 });
      const last = Number((await proofs.registry.versionOf(next)).publishedAt) + DAY;
      await networkHelpers.time.setNextBlockTimestamp(last);
      await asPublisher().registerGroth16(next, id("circuit"), proofs.circuit.key);
    });
    it("happens once", async () => {
      await expect(asPublisher().registerGroth16(proofs.versionId, id("circuit"), proofs.circuit.key))
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitExists")
        .withArgs(proofs.versionId, GROTH16);
    });
    it("refuses a circuit without a hash", async () => {
      const versionId = await twin();
      await expect(asPublisher().registerGroth16(versionId, ZeroHash, proofs.circuit.key))
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitHashZero")
        .withArgs(versionId);
    });
    it("refuses a key for another amount of data", async () => {
      await expect(asPublisher().registerGroth16(proofs.parentId, id("circuit"), proofs.circuit.key))
        .to.be.revertedWithCustomError(proofs.circuits, "Groth16Length")
        .withArgs(832, 448 + 64 * (2 + Math.ceil(296 / 31)));
    });
    it("refuses more data than 64 public inputs hold", async () => {
      const inputs = (length: number) => ({ inputs: [{ dtype: U8, length }], outputs: [{ dtype: U8, length: 1 }] });
      const [most, more] = [await publish(inputs(1_983)), await publish(inputs(1_984))];
      await expect(asPublisher().registerGroth16(more, id("circuit"), proofs.circuit.key))
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitTooWide")
        .withArgs(1_985, 1_984);
      await expect(asPublisher().registerGroth16(most, id("circuit"), proofs.circuit.key))
        .to.be.revertedWithCustomError(proofs.circuits, "Groth16Length")
        .withArgs(832, 448 + 64 * 66);
    });
    it("refuses a key without the second phase of its set-up, under which anyone forges proofs", async () => {
      const versionId = await twin();
      const { key } = proofs.circuit;
      await expect(
        asPublisher().registerGroth16(versionId, id("circuit"), withBytes(key, 320, dataSlice(key, 192, 320))),
      )
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitSetupUnfinished")
        .withArgs(versionId);
    });
  });

  describe("registerHalo2", () => {
    it("keeps the verifier and the hash of its code", async () => {
      const { target } = proofs.verifier;
      const circuit = [keccak256(await ethers.provider.getCode(target)), target, 64n, 40n];
      await expect(asPublisher().registerHalo2(proofs.versionId, id("settings"), target))
        .to.emit(proofs.circuits, "CircuitRegistered")
        .withArgs(proofs.versionId, HALO2, id("settings"), circuit);
      expect([...(await proofs.circuits.circuitOf(proofs.versionId, HALO2))]).to.deep.equal(circuit);
    });
    it("is the publisher's alone, and happens once", async () => {
      const { verifier, versionId } = proofs;
      await expect(proofs.circuits.connect(proofs.alice).registerHalo2(versionId, id("settings"), verifier))
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitNotPublisher")
        .withArgs(proofs.alice.address, proofs.publisher.address);
      await asPublisher().registerHalo2(versionId, id("settings"), verifier);
      await expect(asPublisher().registerHalo2(versionId, id("settings"), verifier))
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitExists")
        .withArgs(versionId, HALO2);
    });
    it("refuses a verifier without code", async () => {
      await expect(asPublisher().registerHalo2(proofs.versionId, id("settings"), proofs.alice))
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitVerifierInvalid")
        .withArgs(proofs.alice.address);
    });
    it("refuses versions with floats, in or out", async () => {
      const integers = [{ dtype: U8, length: 4 }];
      const floats = [{ dtype: 0, length: 4 }];
      for (const tensors of [
        { inputs: integers, outputs: floats },
        { inputs: [...integers, ...floats], outputs: integers },
      ]) {
        await expect(asPublisher().registerHalo2(await publish(tensors), id("settings"), proofs.verifier))
          .to.be.revertedWithCustomError(proofs.circuits, "CircuitDtypeUnsupported")
          .withArgs(0);
      }
    });
    it("refuses more than 8,192 bytes", async () => {
      const versionId = await publish({
        inputs: [{ dtype: U8, length: 8_192 }],
        outputs: [{ dtype: U8, length: 1 }],
      });
      await expect(asPublisher().registerHalo2(versionId, id("settings"), proofs.verifier))
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitTooWide")
        .withArgs(8_193, 8_192);
    });
  });

  describe("circuitOf", () => {
    it("reverts when there is none", async () => {
      await expect(proofs.circuits.circuitOf(proofs.parentId, GROTH16))
        .to.be.revertedWithCustomError(proofs.circuits, "CircuitUnknown")
        .withArgs(proofs.parentId, GROTH16);
    });
  });
});
