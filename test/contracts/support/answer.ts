import { id } from "ethers";

import type { Connection, Protocol, Signer } from "./protocol.ts";

/** What evidence speaks about, field by field: the struct `EvidenceContext`, and what a SignatureVerifier's key signs. */
const FIELDS = {
  market: "address",
  requestId: "bytes32",
  versionId: "bytes32",
  numericsVersion: "uint32",
  inputRoot: "bytes32",
  outputRoot: "bytes32",
  operator: "address",
  mode: "bytes4",
  deadline: "uint40",
  windowSeconds: "uint32",
} as const;

/** ABI type of a context. */
export const CONTEXT = `tuple(${Object.entries(FIELDS)
  .map(([name, type]) => `${type} ${name}`)
  .join(",")})`;

/** A context of alice's answer, changed as told. */
export const contextOf = (protocol: Protocol, overrides: object = {}) => ({
  market: protocol.market.target as string,
  requestId: id("request"),
  versionId: id("version"),
  numericsVersion: 1,
  inputRoot: id("input"),
  outputRoot: id("output"),
  operator: protocol.alice.address,
  mode: "0x00000000",
  deadline: 99_999,
  windowSeconds: 60,
  ...overrides,
});

/** A signature over a whole context for the protocol's SignatureVerifier, or for another domain as told. */
export async function signAnswer(
  { ethers }: Connection,
  protocol: Pick<Protocol, "signature">,
  signer: Signer,
  context: object,
  domain: object = {},
): Promise<string> {
  const { chainId } = await ethers.provider.getNetwork();
  const verifyingContract = await protocol.signature.getAddress();
  return signer.signTypedData(
    { name: "Assay SignatureVerifier", version: "1", chainId, verifyingContract, ...domain },
    { Answer: Object.entries(FIELDS).map(([name, type]) => ({ name, type })) },
    context,
  );
}
