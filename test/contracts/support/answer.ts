import { id } from "ethers";

import { ANSWER_TYPED_DATA } from "../../../runner/protocol/typed-data.ts";
import type { Connection, Protocol, Signer } from "./protocol.ts";

/** ABI type of a context: the struct `EvidenceContext`, whose fields are those that a SignatureVerifier's key signs. */
export const CONTEXT = `tuple(${ANSWER_TYPED_DATA.types.Answer.map(({ name, type }) => `${type} ${name}`).join(",")})`;

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
    { ...ANSWER_TYPED_DATA.domain, chainId, verifyingContract, ...domain },
    ANSWER_TYPED_DATA.types,
    context,
  );
}
