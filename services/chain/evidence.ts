import { hexlify, id, type Signer as AbstractSigner, type TypedDataDomain } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import { ANSWER_TYPED_DATA } from "../../runner/protocol/typed-data.ts";
import type { EvidenceContextStruct } from "../../typechain-types/evidence/AttestationVerifier.ts";
import type { RequestStruct } from "../../typechain-types/market/InferenceMarket.ts";
import type { Suite } from "./deployment.ts";

/** Selectors of the evidence modes: the first four bytes of the keccak256 of their names. */
export const OPTIMISTIC_MODE = id("assay.optimistic").slice(0, 10);
export const SIGNATURE_MODE = id("assay.signature").slice(0, 10);

/** A policy (32 bytes) of evidence modes, all of which must hold: their selectors from left to right. */
export const policyOf = (...modes: readonly string[]): string =>
  "0x" +
  modes
    .map((mode) => mode.slice(2))
    .join("")
    .padEnd(64, "0");

/** Modes of a policy, in order. */
export const modesOf = (policy: string): readonly string[] =>
  Array.from(
    { length: CONSTANTS.AttestationVerifier.MAX_MODES },
    (_, i) => `0x${policy.slice(2 + 8 * i, 10 + 8 * i)}`,
  ).filter((mode) => mode !== "0x00000000");

/** What an operator claims, as evidence binds it. */
export interface ClaimStatement {
  /** Who asks; the market when it is not given. */
  readonly market?: string;
  /** The request; of a quorum the seat. */
  readonly requestId: string;
  readonly request: Pick<RequestStruct, "policy" | "versionId" | "numericsVersion" | "inputRoot" | "windowSeconds">;
  readonly outputRoot: string;
  readonly operator: string;
  /** Until when the request may be claimed, in the market's time. */
  readonly deadline: number;
}

/** Bytes of a question and its answer. */
export interface AnswerData {
  readonly inputs: Uint8Array;
  readonly outputs: Uint8Array;
}

/** Makes the evidence of a mode, such as a proof: bytes in the format of the mode's verifier. */
export type Prover = (context: EvidenceContextStruct, data: AnswerData) => Promise<string>;

/** Provers by the selectors of their modes. */
export type Provers = Readonly<Record<string, Prover>>;

/**
 * One piece of evidence for each mode of the request's policy.
 * @param provers Who makes evidence of modes that are neither optimistic nor signed.
 * @throws AssayError EVIDENCE_UNSUPPORTED for a mode that this operator cannot bring.
 */
export async function evidenceFor(
  suite: Suite,
  key: AbstractSigner,
  statement: ClaimStatement,
  { provers = {}, data }: { readonly provers?: Provers | undefined; readonly data: AnswerData },
): Promise<string[]> {
  const { request } = statement;
  const chainId = (await suite.market.runner?.provider?.getNetwork())?.chainId ?? 0n;
  const domain: TypedDataDomain = {
    ...ANSWER_TYPED_DATA.domain,
    chainId,
    verifyingContract: await suite.signature.getAddress(),
  };
  const market = statement.market ?? (await suite.market.getAddress());
  const evidence = modesOf(String(request.policy)).map(async (mode) => {
    if (mode === OPTIMISTIC_MODE) return "0x";
    const context = {
      market,
      requestId: statement.requestId,
      versionId: request.versionId,
      numericsVersion: request.numericsVersion,
      inputRoot: request.inputRoot,
      outputRoot: statement.outputRoot,
      operator: statement.operator,
      mode,
      deadline: statement.deadline,
      windowSeconds: request.windowSeconds,
    };
    const prover = provers[mode];
    if (prover !== undefined) return hexlify(await prover(context, data));
    if (mode !== SIGNATURE_MODE) {
      throw new AssayError("EVIDENCE_UNSUPPORTED", `this operator brings no evidence of mode ${mode}`, { mode });
    }
    return await key.signTypedData(domain, ANSWER_TYPED_DATA.types, context);
  });
  return await Promise.all(evidence);
}
