import { expect } from "chai";
import {
  AbiCoder,
  concat,
  dataSlice,
  hexlify,
  id,
  keccak256,
  solidityPackedKeccak256,
  ZeroAddress,
  ZeroHash,
} from "ethers";
import { network } from "hardhat";

import { type Answer, answerTo, deployProofs, proofContext, prove, withBytes, word } from "../support/proofs.ts";
import { PROOF_BYTES } from "../support/proofs.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;
const GROTH16 = id("groth16-bn254-v1").slice(0, 10);
const AGENT = 22n;
/** Interface of ERC-165 itself. */
const ERC165 = "0x01ffc9a7";

const fixture = async () => {
  const proofs = await deployProofs(connection);
  const { groth16, registry, circuits } = proofs;
  const inference = await ethers.deployContract("InferenceProofVerifier", [
    groth16,
    registry,
    "zk/groth16-bn254",
    500_000n,
  ]);
  const zkml = await ethers.deployContract("ZkmlRegistry", [circuits, groth16]);
  const validations = await ethers.deployContract("ValidationRegistryMock");
  const validator = await ethers.deployContract("AgentValidator", [validations, registry, groth16, "groth16"]);
  return { ...proofs, inference, zkml, validations, validator };
};
type World = Awaited<ReturnType<typeof fixture>>;

/** What is checked outside a market: by a contract, for nobody, of no request or of one of its own. */
const statement = (world: World, market: { readonly target: unknown }, answer: Answer, requestId = ZeroHash) =>
  proofContext(world, answer, {
    market: market.target as string,
    requestId,
    operator: ZeroAddress,
    mode: "0x00000000",
    deadline: 0,
  });

let world: World;
let answer: Answer;
before(async () => {
  world = await networkHelpers.loadFixture(fixture);
  answer = await answerTo(world.model, 1);
});
beforeEach(async () => {
  world = await networkHelpers.loadFixture(fixture);
});

describe("InferenceProofVerifier (ERC-8274)", () => {
  let proof: string;
  before(async () => {
    proof = await prove(world, statement(world, world.inference, answer), answer);
  });
  const verify = (given: string, { input = answer.inputRoot, output = answer.outputRoot, gas = 2_000_000n } = {}) =>
    world.inference.verify.staticCall(input, output, world.versionId, given, { gasLimit: gas });

  it("says yes to a proof of this input and output, whoever asks", async () => {
    expect(await verify(proof)).to.equal(true);
    expect(
      await world.inference
        .connect(world.bob)
        .verify.staticCall(answer.inputRoot, answer.outputRoot, world.versionId, proof),
    ).to.equal(true);
  });
  it("says no to a proof of anything else, and to bytes that are none", async () => {
    expect(await verify(proof, { output: id("other") })).to.equal(false);
    expect(await verify(proof, { input: id("other") })).to.equal(false);
    expect(await verify("0x")).to.equal(false);
    expect(await verify(withBytes(proof, 64, word(5n)))).to.equal(false);
  });
  it("reverts, and does not say no, when it gets too little gas to know", async () => {
    await expect(verify(proof, { gas: 500_000n })).to.be.revertedWithCustomError(
      world.inference,
      "ProofGasInsufficient",
    );
    expect(await verify(proof, { gas: 700_000n })).to.equal(true);
  });
  it("takes one version id as metadata, of a version that exists", async () => {
    for (const metadata of ["0x", `${world.versionId}00`]) {
      await expect(world.inference.verify.staticCall(answer.inputRoot, answer.outputRoot, metadata, proof))
        .to.be.revertedWithCustomError(world.inference, "ProofMetadataLength")
        .withArgs((metadata.length - 2) / 2, 32);
    }
    await expect(world.inference.verify.staticCall(answer.inputRoot, answer.outputRoot, id("none"), proof))
      .to.be.revertedWithCustomError(world.registry, "RegistryVersionUnknown")
      .withArgs(id("none"));
  });
  it("names its proof system and its deployment", async () => {
    const { chainId } = await ethers.provider.getNetwork();
    const salt = keccak256(AbiCoder.defaultAbiCoder().encode(["uint256", "address"], [chainId, world.groth16.target]));
    expect(await world.inference.proofSystem()).to.equal("zk/groth16-bn254");
    expect(await world.inference.proofProfile()).to.equal(
      solidityPackedKeccak256(["string", "bytes32"], ["zk/groth16-bn254", salt]),
    );
  });
  it("supports its interface", async () => {
    const { interface: own } = world.inference;
    const selectors = ["verify", "proofSystem", "proofProfile"].map((name) =>
      BigInt(own.getFunction(name as "verify").selector),
    );
    const interfaceId = `0x${selectors
      .reduce((all, one) => all ^ one, 0n)
      .toString(16)
      .padStart(8, "0")}`;
    for (const [one, supported] of [
      [interfaceId, true],
      [ERC165, true],
      ["0xffffffff", false],
    ] as const) {
      expect(await world.inference.supportsInterface(one)).to.equal(supported);
    }
  });
});

describe("ZkmlRegistry (ERC-7992)", () => {
  const modelId = () => BigInt(world.versionId);
  const commitment = (overrides: object = {}) => ({
    modelHash: world.versionId,
    circuitHash: world.circuit.circuitHash,
    vkHash: keccak256(world.circuit.key),
    proofSystemId: GROTH16,
    uri: "ipfs://model",
    ...overrides,
  });
  const publishing = () => world.zkml.connect(world.publisher);
  const refuses = (call: Promise<unknown>, error: string, ...args: readonly unknown[]) =>
    expect(call)
      .to.be.revertedWithCustomError(world.zkml, error)
      .withArgs(...args);

  describe("registerModel", () => {
    it("registers a version with a circuit under its id, for its publisher", async () => {
      expect(await publishing().registerModel.staticCall(commitment())).to.equal(modelId());
      await expect(publishing().registerModel(commitment()))
        .to.emit(world.zkml, "ModelRegistered")
        .withArgs(modelId(), world.publisher.address, Object.values(commitment()));
      const [stored, deprecated, owner] = await world.zkml.getModel(modelId());
      expect([[...stored], deprecated, owner]).to.deep.equal([
        Object.values(commitment()),
        false,
        world.publisher.address,
      ]);
      expect(await world.zkml.proofSystemOf(modelId())).to.equal(GROTH16);
      expect(await world.zkml.registry()).to.equal(world.zkml.target);
    });
    it("refuses others, twice, another proof system, another circuit or key", async () => {
      await refuses(world.zkml.registerModel(commitment()), "NotModelOwner", modelId(), world.admin.address);
      await refuses(
        publishing().registerModel(commitment({ proofSystemId: "0x12345678" })),
        "UnsupportedProofSystem",
        "0x12345678",
      );
      for (const other of [{ circuitHash: id("other") }, { vkHash: id("other") }]) {
        await refuses(publishing().registerModel(commitment(other)), "ModelCommitmentMismatch", modelId());
      }
      await publishing().registerModel(commitment());
      await refuses(publishing().registerModel(commitment()), "ModelExists", modelId());
    });
  });

  describe("updateModel", () => {
    it("is refused to everybody: another model has another id", async () => {
      await refuses(world.zkml.updateModel(modelId(), commitment()), "ModelNotFound", modelId());
      await publishing().registerModel(commitment());
      await refuses(world.zkml.updateModel(modelId(), commitment()), "NotModelOwner", modelId(), world.admin.address);
      await refuses(publishing().updateModel(modelId(), commitment()), "ModelImmutable", modelId());
    });
  });

  describe("deprecateModel", () => {
    it("is the owner's, and ends verification", async () => {
      await refuses(publishing().deprecateModel(modelId()), "ModelNotFound", modelId());
      await publishing().registerModel(commitment());
      await refuses(world.zkml.deprecateModel(modelId()), "NotModelOwner", modelId(), world.admin.address);
      await expect(publishing().deprecateModel(modelId())).to.emit(world.zkml, "ModelDeprecated").withArgs(modelId());
      expect((await world.zkml.getModel(modelId())).deprecated).to.equal(true);
      await refuses(
        world.zkml.verifyInference(modelId(), answer.inputRoot, answer.outputs, "0x"),
        "VerificationRefused_ModelDeprecated",
        modelId(),
      );
    });
  });

  describe("verifyInference", () => {
    let proof: string;
    before(async () => {
      proof = await prove(world, statement(world, world.zkml, answer), answer);
    });
    beforeEach(async () => {
      await publishing().registerModel(commitment());
    });
    const verify = (given: string, { input = answer.inputRoot, output = hexlify(answer.outputs) } = {}) =>
      world.zkml.verifyInference(modelId(), input, output, given);

    it("says so when the proof holds", async () => {
      await expect(verify(proof))
        .to.emit(world.zkml, "InferenceVerified")
        .withArgs(modelId(), answer.inputRoot, hexlify(answer.outputs), world.admin.address);
    });
    it("refuses another input, another output, another key, and a proof that does not hold", async () => {
      await expect(verify(proof, { input: id("other") })).to.be.revertedWithCustomError(
        world.zkml,
        "InputCommitmentMismatch",
      );
      const output = withBytes(hexlify(answer.outputs), 0, "0xaa");
      await expect(verify(proof, { output })).to.be.revertedWithCustomError(world.zkml, "OutputMismatch");
      const otherKey = withBytes(proof, (proof.length - 2) / 2 - 1, "0x00");
      await expect(verify(otherKey)).to.be.revertedWithCustomError(world.zkml, "ModelMismatch");
      const wrong = withBytes(withBytes(proof, PROOF_BYTES, output), 0, dataSlice(proof, 192, 256));
      for (const [bad, given] of [
        [wrong, output],
        ["0x", hexlify(answer.outputs)],
        [withBytes(proof, 64, word(5n)), hexlify(answer.outputs)],
      ] as const) {
        await expect(verify(bad, { output: given })).to.be.revertedWithCustomError(world.zkml, "InvalidProof");
      }
    });
  });

  it("knows no model that was not registered", async () => {
    for (const call of [
      world.zkml.getModel(modelId()),
      world.zkml.proofSystemOf(modelId()),
      world.zkml.verifyInference(modelId(), answer.inputRoot, answer.outputs, "0x"),
    ]) {
      await refuses(call, "ModelNotFound", modelId());
    }
  });
  it("supports its interfaces", async () => {
    const idOf = (...names: readonly string[]): string => {
      const selectors = names.map((name) => BigInt(world.zkml.interface.getFunction(name as "registry").selector));
      return `0x${selectors
        .reduce((all, one) => all ^ one, 0n)
        .toString(16)
        .padStart(8, "0")}`;
    };
    const registry = idOf("registerModel", "updateModel", "deprecateModel", "getModel");
    const verifier = idOf("verifyInference", "proofSystemOf", "registry");
    for (const one of [registry, verifier, ERC165]) expect(await world.zkml.supportsInterface(one)).to.equal(true);
    expect(await world.zkml.supportsInterface("0xffffffff")).to.equal(false);
  });
});

describe("AgentValidator (ERC-8004)", () => {
  let requestHash: string;
  let proof: string;
  before(async () => {
    requestHash = await world.validator.requestHashFor(AGENT, world.versionId, answer.inputRoot, answer.outputRoot);
    proof = await prove(world, statement(world, world.validator, answer, requestHash), answer);
  });
  const request = (validator: unknown = world.validator.target, agent = AGENT) =>
    world.validations.validationRequest(validator as string, agent, "ipfs://request", requestHash);
  const validate = (given = proof, agent = AGENT) =>
    world.validator
      .connect(world.stranger)
      .validate(agent, world.versionId, answer.inputRoot, answer.outputRoot, given);

  it("answers a request with 100 when anyone shows that the agent's answer holds", async () => {
    await request();
    await expect(validate())
      .to.emit(world.validations, "ValidationResponse")
      .withArgs(world.validator.target, AGENT, requestHash, 100, "", keccak256(proof), "groth16");
    const status = await world.validations.getValidationStatus(requestHash);
    expect([...status].slice(0, 5)).to.deep.equal([world.validator.target, AGENT, 100n, keccak256(proof), "groth16"]);
  });
  it("refuses a request that nobody made, or that names another validator or agent", async () => {
    for (const [prepare, validator, agent] of [
      [() => Promise.resolve(), ZeroAddress, 0n],
      [() => request(world.bob.address), world.bob.address, AGENT],
      [() => request(world.validator.target, 23n), world.validator.target, 23n],
    ] as const) {
      await prepare();
      await expect(validate())
        .to.be.revertedWithCustomError(world.validator, "ValidationNotRequested")
        .withArgs(requestHash, validator, agent);
    }
  });
  it("records nothing when the evidence does not hold", async () => {
    await request();
    const wrong = concat([dataSlice(proof, 192, 256), dataSlice(proof, 64)]);
    await expect(validate(wrong))
      .to.be.revertedWithCustomError(world.groth16, "EvidenceRejected")
      .withArgs("0x00000000", requestHash);
    expect((await world.validations.getValidationStatus(requestHash))[5]).to.equal(0n);
  });
  it("refuses the proof for the request of another agent", async () => {
    const other = await world.validator.requestHashFor(23n, world.versionId, answer.inputRoot, answer.outputRoot);
    await world.validations.validationRequest(world.validator, 23n, "", other);
    await expect(validate(proof, 23n))
      .to.be.revertedWithCustomError(world.groth16, "EvidenceRejected")
      .withArgs("0x00000000", other);
  });
});
