import { expect } from "chai";
import { AbiCoder, concat, id, keccak256, ZeroAddress, ZeroHash, zeroPadValue } from "ethers";
import { network } from "hardhat";

import { RELATION, VERSION_STATUS } from "../../../runner/protocol/enums.ts";
import { PUBLISH_VERSION_TYPED_DATA } from "../../../runner/protocol/typed-data.ts";
import { deployProtocol, eventsOf, filled, manifestOf, metadataOf, rootOfF32 } from "../support/protocol.ts";
import * as tree from "../support/tree.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;

const { active: ACTIVE, deprecated: DEPRECATED, withdrawn: WITHDRAWN } = VERSION_STATUS;

const METADATA =
  "tuple(bytes32 fileHash,string contentUri,string licence,tuple(bytes32 versionId,uint8 relation)[] parents,uint16 royaltyBps,address royaltyRecipient)";

describe("ModelRegistry", () => {
  const fixture = async () => deployProtocol(connection);
  let protocol: Awaited<ReturnType<typeof fixture>>;
  let registry: (typeof protocol)["registry"];
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(fixture);
    registry = protocol.registry.connect(protocol.publisher);
  });

  /** Expects `publish` to fail with exactly this error. */
  const refuses = async (manifest: object, metadata: object, error: string, ...args: unknown[]) => {
    await expect(registry.publish(manifestOf(manifest), metadataOf(metadata)))
      .to.be.revertedWithCustomError(registry, error)
      .withArgs(...args);
  };

  describe("publish", () => {
    describe("given a valid manifest", () => {
      it("stores who, when, royalty, arithmetic, commitment and packed types", async () => {
        const manifest = manifestOf({
          inputs: [
            { dtype: 0, length: 1 },
            { dtype: 4, length: 2 ** 32 - 1 },
          ],
          outputs: [
            { dtype: 9, length: 258 },
            { dtype: 1, length: 3 },
          ],
          outputKernels: [2, 0],
        });
        const metadata = metadataOf({ royaltyBps: 5_000, royaltyRecipient: protocol.royaltee.address });
        const versionId = await registry.versionIdFor(protocol.publisher, manifest, metadata);
        await registry.publish(manifest, metadata);
        const version = await registry.versionOf(versionId);
        expect(version.publisher).to.equal(protocol.publisher.address);
        expect(version.publishedAt).to.equal(await networkHelpers.time.latest());
        expect(version.status).to.equal(ACTIVE);
        expect(version.royaltyBps).to.equal(5_000n);
        expect(version.royaltyRecipient).to.equal(protocol.royaltee.address);
        expect(version.numericsVersion).to.equal(1n);
        expect(version.inputTypes).to.equal("0x000000000104ffffffff");
        expect(version.outputTypes).to.equal("0x09000001020100000003");
        expect(version.commitment).to.equal(await registry.commitmentOf(versionId));
        expect([...(await registry.termsOf(versionId))]).to.deep.equal([ACTIVE, 1n, 5_000n, protocol.royaltee.address]);
      });

      it("commits to the model as docs/tensor-machine.md section 5 says", async () => {
        const types = "tuple(uint8 dtype,uint64 length)[]";
        const encoded = AbiCoder.defaultAbiCoder().encode(
          [
            "bytes32",
            `tuple(uint32 numericsVersion,bytes32 programRoot,uint32 kernelCount,bytes32 weightsRoot,uint32 constantCount,${types} inputs,${types} outputs,uint32[] outputKernels)`,
          ],
          [id("assay.model.v1"), manifestOf()],
        );
        expect(await registry.commitmentFor(manifestOf())).to.equal(keccak256(encoded));
        expect(await registry.commitmentOf(protocol.versionId)).to.equal(keccak256(encoded));
      });

      it("names a version by who published which model with which metadata", async () => {
        const coder = AbiCoder.defaultAbiCoder();
        const metadataHash = keccak256(coder.encode([METADATA], [metadataOf()]));
        const words = [
          id("assay.version.v1"),
          zeroPadValue(protocol.alice.address, 32),
          await registry.commitmentFor(manifestOf()),
          metadataHash,
        ];
        expect(await registry.versionIdFor(protocol.alice, manifestOf(), metadataOf())).to.equal(
          keccak256(concat(words)),
        );
      });

      it("emits manifest and metadata complete, so that they can be read back", async () => {
        const metadata = metadataOf({ parents: [{ versionId: protocol.versionId, relation: RELATION.quantisedFrom }] });
        const [event] = await eventsOf(registry, await registry.publish(manifestOf(), metadata));
        expect(event?.name).to.equal("VersionPublished");
        expect(event?.args.metadata).to.deep.include({ contentUri: "ipfs://model", licence: "MIT" });
        expect(event?.args.commitment).to.equal(await registry.commitmentFor(manifestOf()));
      });

      it("binds publisher, model and each of the metadata into the id", async () => {
        const ids = new Set<string>();
        const add = async (publisher: string, manifest: object, metadata: object) =>
          ids.add(await registry.versionIdFor(publisher, manifestOf(manifest), metadataOf(metadata)));
        await add(protocol.publisher.address, {}, {});
        await add(protocol.alice.address, {}, {});
        await add(protocol.publisher.address, { weightsRoot: id("other") }, {});
        await add(protocol.publisher.address, { outputKernels: [1] }, {});
        await add(protocol.publisher.address, {}, { fileHash: id("other") });
        await add(protocol.publisher.address, {}, { contentUri: "x" });
        await add(protocol.publisher.address, {}, { licence: "Apache-2.0" });
        await add(
          protocol.publisher.address,
          {},
          { parents: [{ versionId: protocol.versionId, relation: RELATION.fineTunedFrom }] },
        );
        await add(
          protocol.publisher.address,
          {},
          { parents: [{ versionId: protocol.versionId, relation: RELATION.quantisedFrom }] },
        );
        await add(protocol.publisher.address, {}, { royaltyBps: 1, royaltyRecipient: protocol.alice.address });
        expect(ids.size).to.equal(10);
      });

      it("takes each count and text up to its limit", async () => {
        const parents = [];
        for (let i = 0; i < 8; i++) {
          const metadata = metadataOf({ fileHash: id(`parent ${i}`) });
          await registry.publish(manifestOf(), metadata);
          const versionId = await registry.versionIdFor(protocol.publisher, manifestOf(), metadata);
          parents.push({ versionId, relation: RELATION.fineTunedFrom });
        }
        const tensors = Array.from({ length: 16 }, () => ({ dtype: 0, length: 1 }));
        const manifest = { inputs: tensors, outputs: tensors, kernelCount: 16, outputKernels: [...tensors.keys()] };
        const metadata = { contentUri: "x".repeat(512), licence: "x".repeat(64), parents };
        await registry.publish(manifestOf(manifest), metadataOf(metadata));
      });

      it("takes a model without constants", async () => {
        await registry.publish(manifestOf({ weightsRoot: ZeroHash, constantCount: 0 }), metadataOf());
      });
    });

    describe("given a bad manifest", () => {
      const type = (dtype: number, length: number | bigint) => ({ dtype, length });
      it("refuses another arithmetic", async () => {
        await refuses({ numericsVersion: 2 }, {}, "RegistryNumericsUnsupported", 2, 1);
      });
      it("refuses no program", async () => {
        await refuses({ programRoot: ZeroHash }, {}, "RegistryProgramRootZero");
      });
      it("refuses no kernels", async () => {
        await refuses({ kernelCount: 0 }, {}, "RegistryKernelCountZero");
      });
      it("refuses a weights root without constants, and constants without a root", async () => {
        await refuses({ constantCount: 0 }, {}, "RegistryWeightsMismatch", id("weights"), 0);
        await refuses({ weightsRoot: ZeroHash }, {}, "RegistryWeightsMismatch", ZeroHash, 2);
      });
      it("refuses 0 and 17 inputs or outputs", async () => {
        const many = Array.from({ length: 17 }, () => type(0, 1));
        await refuses({ inputs: [] }, {}, "RegistryCountOutOfRange", 0, 1, 16);
        await refuses({ inputs: many }, {}, "RegistryCountOutOfRange", 17, 1, 16);
        await refuses({ outputs: [] }, {}, "RegistryCountOutOfRange", 0, 1, 16);
        await refuses({ outputs: many }, {}, "RegistryCountOutOfRange", 17, 1, 16);
      });
      it("refuses unknown dtypes", async () => {
        await refuses({ inputs: [type(10, 1)] }, {}, "RegistryDtypeUnknown", 10);
        await refuses({ outputs: [type(255, 1)] }, {}, "RegistryDtypeUnknown", 255);
      });
      it("refuses lengths of 0 and 2^32", async () => {
        await refuses({ inputs: [type(0, 0)] }, {}, "RegistryLengthOutOfRange", 0);
        await refuses({ outputs: [type(0, 2n ** 32n)] }, {}, "RegistryLengthOutOfRange", 2n ** 32n);
      });
      it("refuses outputs without exactly one existing kernel each, all different", async () => {
        await refuses({ outputKernels: [] }, {}, "RegistryOutputCountMismatch", 0, 1);
        await refuses({ outputKernels: [3] }, {}, "RegistryOutputKernelOutOfRange", 3, 3);
        const outputs = [type(0, 1), type(0, 1), type(0, 1)];
        await refuses({ outputs, outputKernels: [2, 1, 2] }, {}, "RegistryOutputKernelDuplicate", 2);
      });
    });

    describe("given bad metadata", () => {
      it("refuses a missing file hash", async () => {
        await refuses({}, { fileHash: ZeroHash }, "RegistryFileHashZero");
      });
      it("refuses empty and overlong texts", async () => {
        await refuses({}, { contentUri: "" }, "RegistryTextLength", 0, 512);
        await refuses({}, { contentUri: "x".repeat(513) }, "RegistryTextLength", 513, 512);
        await refuses({}, { licence: "" }, "RegistryTextLength", 0, 64);
        await refuses({}, { licence: "x".repeat(65) }, "RegistryTextLength", 65, 64);
      });
      it("refuses parents that are unknown, doubled or too many", async () => {
        const parent = { versionId: protocol.versionId, relation: RELATION.fineTunedFrom };
        await refuses({}, { parents: [{ ...parent, versionId: id("?") }] }, "RegistryParentUnknown", id("?"));
        await refuses({}, { parents: [parent, parent] }, "RegistryParentDuplicate", protocol.versionId);
        await refuses({}, { parents: Array(9).fill(parent) }, "RegistryCountOutOfRange", 9, 0, 8);
      });
      it("refuses a royalty above half, without recipient, or a recipient without royalty", async () => {
        const recipient = protocol.alice.address;
        const royalty = (royaltyBps: number, royaltyRecipient: string) => ({ royaltyBps, royaltyRecipient });
        await refuses({}, royalty(5_001, recipient), "RegistryRoyaltyInvalid", 5_001, recipient);
        await refuses({}, royalty(1, ZeroAddress), "RegistryRoyaltyInvalid", 1, ZeroAddress);
        await refuses({}, royalty(0, recipient), "RegistryRoyaltyInvalid", 0, recipient);
      });
    });

    describe("given the version exists", () => {
      it("refuses to publish it again, but lets another publisher publish the same", async () => {
        await registry.publish(manifestOf(), metadataOf());
        const versionId = await registry.versionIdFor(protocol.publisher, manifestOf(), metadataOf());
        await refuses({}, {}, "RegistryVersionExists", versionId);
        await registry.connect(protocol.alice).publish(manifestOf(), metadataOf());
      });
    });
  });

  describe("publishBySig", () => {
    const signed = async (signer: (typeof protocol)["alice"], publisher: string, overrides: object = {}) => {
      const { chainId } = await ethers.provider.getNetwork();
      return await signer.signTypedData(
        { ...PUBLISH_VERSION_TYPED_DATA.domain, chainId, verifyingContract: await registry.getAddress() },
        PUBLISH_VERSION_TYPED_DATA.types,
        {
          publisher,
          commitment: await registry.commitmentFor(manifestOf()),
          metadataHash: keccak256(AbiCoder.defaultAbiCoder().encode([METADATA], [metadataOf()])),
          nonce: await registry.nonces(publisher),
          deadline: 2n ** 40n,
          ...overrides,
        },
      );
    };

    it("publishes for the signer, whoever submits", async () => {
      const signature = await signed(protocol.alice, protocol.alice.address);
      await registry.publishBySig(protocol.alice, manifestOf(), metadataOf(), 2n ** 40n, signature);
      const versionId = await registry.versionIdFor(protocol.alice, manifestOf(), metadataOf());
      expect((await registry.versionOf(versionId)).publisher).to.equal(protocol.alice.address);
      expect(await registry.nonces(protocol.alice)).to.equal(1n);
    });

    it("publishes for a contract that accepts the signature (ERC-1271)", async () => {
      const wallet = await ethers.deployContract("WalletMock", [protocol.alice]);
      const publisher = await wallet.getAddress();
      const signature = await signed(protocol.alice, publisher);
      await registry.publishBySig(publisher, manifestOf(), metadataOf(), 2n ** 40n, signature);
    });

    it("takes a signature until its last second", async () => {
      const deadline = (await networkHelpers.time.latest()) + 100;
      const signature = await signed(protocol.alice, protocol.alice.address, { deadline });
      await networkHelpers.time.setNextBlockTimestamp(deadline);
      await registry.publishBySig(protocol.alice, manifestOf(), metadataOf(), deadline, signature);
    });

    it("refuses a signature that is late, another's, for other content, or used", async () => {
      const { alice } = protocol;
      const submit = (signature: string, metadata = {}, deadline = 2n ** 40n) =>
        registry.publishBySig(alice, manifestOf(), metadataOf(metadata), deadline, signature);
      const good = await signed(alice, alice.address);
      await expect(submit(good, {}, 1n))
        .to.be.revertedWithCustomError(registry, "RegistrySignatureExpired")
        .withArgs(1n);
      const invalid = async (signature: string, metadata = {}, deadline = 2n ** 40n) =>
        expect(submit(signature, metadata, deadline))
          .to.be.revertedWithCustomError(registry, "RegistrySignatureInvalid")
          .withArgs(alice.address);
      await invalid(await signed(protocol.bob, alice.address));
      await invalid(good, { licence: "GPL-3.0-only" });
      await invalid(good, {}, 2n ** 40n + 1n);
      for (const field of [
        { publisher: protocol.bob.address },
        { commitment: id("?") },
        { metadataHash: id("?") },
        { nonce: 1n },
        { deadline: 2n ** 41n },
      ]) {
        await invalid(await signed(alice, alice.address, field));
      }
      await submit(good);
      await invalid(good);
    });
  });

  describe("deprecate and withdraw", () => {
    it("move the status forward with a reason and change nothing else", async () => {
      const before = await registry.versionOf(protocol.versionId);
      await expect(registry.deprecate(protocol.versionId, "superseded"))
        .to.emit(registry, "VersionFlagged")
        .withArgs(protocol.versionId, DEPRECATED, "superseded");
      await expect(registry.withdraw(protocol.versionId, "leaked data"))
        .to.emit(registry, "VersionFlagged")
        .withArgs(protocol.versionId, WITHDRAWN, "leaked data");
      const after = await registry.versionOf(protocol.versionId);
      expect([...after].toSpliced(2, 1)).to.deep.equal([...before].toSpliced(2, 1));
      expect(await registry.statusOf(protocol.versionId)).to.equal(WITHDRAWN);
    });

    it("refuse strangers, unknown versions, steps backward and missing reasons", async () => {
      await expect(registry.connect(protocol.alice).deprecate(protocol.versionId, "mine"))
        .to.be.revertedWithCustomError(registry, "RegistryNotPublisher")
        .withArgs(protocol.alice.address, protocol.publisher.address);
      await expect(registry.withdraw(id("?"), "x"))
        .to.be.revertedWithCustomError(registry, "RegistryVersionUnknown")
        .withArgs(id("?"));
      await expect(registry.withdraw(protocol.versionId, ""))
        .to.be.revertedWithCustomError(registry, "RegistryTextLength")
        .withArgs(0, 512);
      await registry.withdraw(protocol.versionId, "x");
      await expect(registry.deprecate(protocol.versionId, "x"))
        .to.be.revertedWithCustomError(registry, "RegistryStatusBackward")
        .withArgs(WITHDRAWN, DEPRECATED);
      await expect(registry.withdraw(protocol.versionId, "x"))
        .to.be.revertedWithCustomError(registry, "RegistryStatusBackward")
        .withArgs(WITHDRAWN, WITHDRAWN);
    });
  });

  describe("views of tensors", () => {
    const publish = async (manifest: object) => {
      await registry.publish(manifestOf(manifest), metadataOf());
      return registry.versionIdFor(protocol.publisher, manifestOf(manifest), metadataOf());
    };
    const LARGE = filled(40_000, 5);
    const SMALL = "0x0102030405";

    it("give sizes, and chunks that never span two tensors", async () => {
      const versionId = await publish({
        inputs: [
          { dtype: 4, length: 40_000 },
          { dtype: 8, length: 5 },
          { dtype: 0, length: 8_192 },
        ],
      });
      expect([...(await registry.inputSizeOf(versionId))]).to.deep.equal([40_000n + 5n + 32_768n, 4n]);
      expect(await registry.outputSizeOf(versionId)).to.equal(40n);
      expect([await registry.chunksOf(versionId, 0), await registry.chunksOf(versionId, 1)]).to.deep.equal([4n, 1n]);
    });

    it("give the roots of whole lists and refuse any other number of bytes", async () => {
      expect(await registry.inputRootFor(protocol.versionId, filled(256, 3))).to.equal(rootOfF32(filled(256, 3)));
      expect(await registry.outputRootFor(protocol.versionId, filled(40, 3))).to.equal(rootOfF32(filled(40, 3)));
      for (const size of [0, 39, 41, 256]) {
        await expect(registry.outputRootFor(protocol.versionId, size === 0 ? "0x" : filled(size, 3)))
          .to.be.revertedWithCustomError(registry, "TensorListBytes")
          .withArgs(size, 40);
      }
    });

    it("prove each chunk against the input root", async () => {
      const versionId = await publish({
        inputs: [
          { dtype: 4, length: 40_000 },
          { dtype: 8, length: 5 },
        ],
      });
      const INPUT = 0;
      const roots = [tree.rootOf(4, 40_000, LARGE), tree.rootOf(8, 5, SMALL)];
      const inputRoot = tree.rootOfLevels(roots.map(tree.leafHash));
      const chunks = [tree.segmentOf(LARGE, 0, 32), tree.segmentOf(LARGE, 32, 8), tree.segmentOf(SMALL, 0, 1)] as const;
      for (const [index, segment] of chunks.entries()) {
        expect(await registry.rootFromChunk(versionId, INPUT, index, roots, segment)).to.equal(inputRoot);
      }
      await expect(registry.rootFromChunk(versionId, INPUT, 0, roots, chunks[1]))
        .to.be.revertedWithCustomError(registry, "RegistryChunkMismatch")
        .withArgs(32, 8, 0, 32);
      await expect(registry.rootFromChunk(versionId, INPUT, 0, roots, tree.segmentOf(LARGE, 0, 31)))
        .to.be.revertedWithCustomError(registry, "RegistryChunkMismatch")
        .withArgs(0, 31, 0, 32);
      await expect(registry.rootFromChunk(versionId, INPUT, 0, roots.slice(0, 1), chunks[0]))
        .to.be.revertedWithCustomError(registry, "RegistryCountOutOfRange")
        .withArgs(1, 2, 2);
      const forged = { ...chunks[2], data: "0x0102030406" };
      await expect(registry.rootFromChunk(versionId, INPUT, 2, roots, forged))
        .to.be.revertedWithCustomError(registry, "RegistryTensorRootMismatch")
        .withArgs(tree.rootOf(8, 5, forged.data), roots[1]);
    });

    it("prove each chunk against the output root", async () => {
      const versionId = await publish({
        outputs: [
          { dtype: 4, length: 40_000 },
          { dtype: 8, length: 5 },
        ],
        outputKernels: [1, 2],
      });
      const roots = [tree.rootOf(4, 40_000, LARGE), tree.rootOf(8, 5, SMALL)];
      const segment = tree.segmentOf(LARGE, 32, 8);
      expect(await registry.rootFromChunk(versionId, 1, 1, roots, segment)).to.equal(
        tree.rootOfLevels(roots.map(tree.leafHash)),
      );
    });

    it("refuse unknown versions", async () => {
      for (const read of [
        registry.versionOf(ZeroHash),
        registry.commitmentOf(ZeroHash),
        registry.termsOf(ZeroHash),
        registry.inputSizeOf(ZeroHash),
        registry.outputSizeOf(ZeroHash),
        registry.inputRootFor(ZeroHash, "0x"),
        registry.outputRootFor(ZeroHash, "0x"),
      ]) {
        await expect(read).to.be.revertedWithCustomError(registry, "RegistryVersionUnknown").withArgs(ZeroHash);
      }
      expect(await registry.statusOf(ZeroHash)).to.equal(VERSION_STATUS.none);
    });
  });
});
