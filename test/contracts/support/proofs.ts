import { concat, getBytes, toBeHex } from "ethers";

import { tensorsRoot } from "../../../runner/commitment/model.ts";
import { commitTensors } from "../../../runner/commitment/tensor.ts";
import { mutable } from "../../../services/chain/calldata.ts";
import { execute, type HostedModel, hostModel, joinTensors } from "../../../services/models/models.ts";
import { INTEGER_DIGITS } from "../../../testing/zk/circuit.ts";
import { digitsCircuit, digitsProver, unseenDigit } from "../../../testing/zk/digits.ts";
import { type Connection, deployProtocol, metadataOf } from "./protocol.ts";

/** Selector of the proof mode in these tests. */
export const PROOF = "0x00000003";
/** Relation codes of contracts/types/Version.sol. */
const DISTILLED_FROM = 3;
export const U8 = 8;
/** Bytes of a proof, and of a verifying key before the points of its public inputs. */
export const [PROOF_BYTES, KEY_HEAD_BYTES] = [256, 448];

/** A real image that nobody trained with, what it shows, and what the model says of it. */
export interface Answer {
  readonly inputs: Uint8Array;
  readonly outputs: Uint8Array;
  readonly inputRoot: string;
  readonly outputRoot: string;
  readonly label: number;
}

/** The answer to one of the 120 images that the model has not seen. */
export async function answerTo(model: HostedModel, which = 0): Promise<Answer> {
  const { image: inputs, digit: label } = await unseenDigit(which);
  const run = await execute(model, inputs);
  const inputRoot = tensorsRoot(await commitTensors("commit", run.inputs));
  return { inputs, outputs: joinTensors(run.outputs), inputRoot, outputRoot: run.outputRoot, label };
}

/** The protocol with verifiers of proofs, and a version whose circuit is registered; its parent is the usual version. */
export async function deployProofs(connection: Connection) {
  const { ethers } = connection;
  const protocol = await deployProtocol(connection);
  const circuits = await ethers.deployContract("CircuitRegistry", [protocol.registry]);
  const groth16 = await ethers.deployContract("Groth16Verifier", [circuits]);
  const halo2 = await ethers.deployContract("Halo2Verifier", [circuits]);
  await protocol.attestation.addRoute(PROOF, groth16);
  const [model, circuit] = [await hostModel(INTEGER_DIGITS), await digitsCircuit()];
  const manifest = mutable(model.commitment.manifest);
  const metadata = metadataOf({ parents: [{ versionId: protocol.versionId, relation: DISTILLED_FROM }] });
  const versionId = await protocol.registry.versionIdFor(protocol.publisher, manifest, metadata);
  await protocol.registry.connect(protocol.publisher).publish(manifest, metadata);
  await circuits.connect(protocol.publisher).registerGroth16(versionId, circuit.circuitHash, circuit.key);
  return { ...protocol, parentId: protocol.versionId, versionId, circuits, groth16, halo2, model, circuit };
}

export type Proofs = Awaited<ReturnType<typeof deployProofs>>;

/** A context of alice's answer, changed as told. */
export const proofContext = (proofs: Proofs, answer: Answer, overrides: object = {}) => ({
  market: proofs.market.target as string,
  requestId: `0x${"11".repeat(32)}`,
  versionId: proofs.versionId,
  numericsVersion: 1,
  inputRoot: answer.inputRoot,
  outputRoot: answer.outputRoot,
  operator: proofs.alice.address,
  mode: PROOF,
  deadline: 99_999,
  windowSeconds: 0,
  ...overrides,
});

export type Context = ReturnType<typeof proofContext>;

/** Evidence with a real proof for a context. */
export const prove = (proofs: Pick<Proofs, "groth16" | "circuit">, context: Context, answer: Answer): Promise<string> =>
  digitsProver(proofs.groth16, proofs.circuit)(context, answer);

/** Bytes with others from `offset` on. */
export function withBytes(data: string, offset: number, replaced: string): string {
  const bytes = getBytes(data);
  bytes.set(getBytes(replaced), offset);
  return concat([bytes]);
}
export const word = (value: bigint): string => toBeHex(value, 32);
export const zeroes = (length: number): string => `0x${"00".repeat(length)}`;

/** Modulus of coordinates, and order of the groups, of BN254. */
export const P = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47n;
export const R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001n;
