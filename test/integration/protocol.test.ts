import { expect } from "chai";
import { id, TypedDataEncoder } from "ethers";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { network } from "hardhat";
import { format, resolveConfig } from "prettier";

import { CONSTANTS } from "../../runner/protocol/constants.ts";
import { ANSWER_TYPED_DATA, PUBLISH_VERSION_TYPED_DATA } from "../../runner/protocol/typed-data.ts";
import { deploySuite } from "../../services/chain/deploy.ts";
import { attach } from "../../services/chain/deployment.ts";
import { readProtocol } from "../../tools/protocol/read.ts";
import { protocolFiles } from "../../tools/protocol/write.ts";
import { LocalBlockRandomness__factory } from "../../typechain-types/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The deployed contracts; the source of seeds as what it is on a development chain. */
const deployed = async () => {
  const connection = await network.create();
  const { provider } = connection.ethers;
  const deployment = await deploySuite(connection);
  const randomness = LocalBlockRandomness__factory.connect(deployment.contracts.IRandomness, provider);
  return { ...attach(deployment, provider), randomness };
};
type Suite = Awaited<ReturnType<typeof deployed>>;

/** Where on chain the constants of a contract, or of an abstract part of one, are read; the others have no getter. */
const READ_AT: Readonly<Partial<Record<keyof typeof CONSTANTS, keyof Suite>>> = {
  AssayToken: "token",
  AttestationVerifier: "attestation",
  DisputeCourt: "court",
  ExpiringPause: "market",
  LocalBlockRandomness: "randomness",
  MarketRecord: "market",
  ModelRegistry: "registry",
  OpeningGame: "court",
  CourtRecord: "court",
  DataAvailability: "availability",
  OperatorStaking: "staking",
  RequestIntake: "market",
  RequestRelay: "relay",
  SignatureVerifier: "signature",
  StakeRecord: "staking",
  OperatorPools: "pools",
  AuditDesk: "auditDesk",
  QuorumIntake: "quorums",
  QuorumMarket: "quorums",
};
/** What has no getter: the last test reads these from the compiler's output. */
const INTERNAL = [
  "AgentValidator",
  "Audit",
  "BasisPoints",
  "Binary32",
  "Bls12381",
  "CircuitRegistry",
  "Claim",
  "CollateralReader",
  "CuratedOperator",
  "DType",
  "DelegationVault",
  "Der",
  "DrandRandomness",
  "EncodedRequest",
  "Groth16",
  "IntelNames",
  "Json",
  "KernelDecoder",
  "ModeQuoteReader",
  "Opcode",
  "PackedTypes",
  "ProofSystem",
  "PublicInputs",
  "Quorum",
  "QuoteReader",
  "RandaoRandomness",
  "Request",
  "Space",
  "TensorList",
  "TensorTree",
];

describe("runner/protocol", () => {
  let suite: Suite;
  before(async () => {
    suite = await deployed();
  });

  it("has every constant as the deployed contracts give it", async () => {
    const unread: string[] = [];
    for (const [scope, constants] of Object.entries(CONSTANTS)) {
      const at = READ_AT[scope as keyof typeof CONSTANTS];
      for (const [name, value] of Object.entries<string | number | bigint>(constants)) {
        const contract = at === undefined ? undefined : suite[at];
        if (contract?.interface.hasFunction(name) !== true) {
          unread.push(at === undefined ? scope : `${scope}.${name}`);
          continue;
        }
        const onChain: unknown = await contract.getFunction(name)();
        expect(onChain, `${scope}.${name}`).to.equal(typeof value === "string" ? value : BigInt(value));
      }
    }
    expect([...new Set(unread)].sort()).to.deep.equal(INTERNAL);
  });

  it("has the typed data whose hashes and domains the deployed contracts give", async () => {
    for (const [contract, { domain, types }, hash] of [
      [suite.signature, ANSWER_TYPED_DATA, await suite.signature.ANSWER_TYPEHASH()],
      [suite.registry, PUBLISH_VERSION_TYPED_DATA, await suite.registry.PUBLISH_TYPEHASH()],
    ] as const) {
      const encoder = TypedDataEncoder.from(types);
      expect(id(encoder.encodeType(encoder.primaryType))).to.equal(hash);
      const { name, version } = await contract.eip712Domain();
      expect(domain).to.deep.equal({ name, version });
    }
  });

  it("is what the compiler's output gives now: enums, constants, typed data and errors", async () => {
    for (const [name, text] of protocolFiles(readProtocol(`${root}artifacts`))) {
      const path = `${root}runner/protocol/${name}`;
      const formatted = await format(text, { ...(await resolveConfig(path)), filepath: path });
      expect(await readFile(path, "utf8"), `${name}: run npm run protocol`).to.equal(formatted);
    }
  });
});
