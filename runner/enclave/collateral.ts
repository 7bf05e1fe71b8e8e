import { verify, X509Certificate } from "node:crypto";

import { keccak256, toHash, type Hash } from "../commitment/keccak.ts";

/** Collateral of one platform, in the form in which libraries that verify quotes exchange it. */
export interface CollateralFile {
  readonly pck_crl_issuer_chain: string;
  readonly root_ca_crl: string;
  readonly pck_crl: string;
  readonly tcb_info_issuer_chain: string;
  readonly tcb_info: string;
  readonly tcb_info_signature: string;
  readonly qe_identity_issuer_chain: string;
  readonly qe_identity: string;
  readonly qe_identity_signature: string;
}

/** The fields of such a file; each is a string. */
export const COLLATERAL_FIELDS = [
  "pck_crl_issuer_chain",
  "root_ca_crl",
  "pck_crl",
  "tcb_info_issuer_chain",
  "tcb_info",
  "tcb_info_signature",
  "qe_identity_issuer_chain",
  "qe_identity",
  "qe_identity_signature",
] as const satisfies readonly (keyof CollateralFile)[];

/** A certificate of a chain, as it says of itself. */
export interface ChainEntry {
  readonly subject: string;
  readonly serial: string;
  readonly notAfter: Date;
}

/** A chain in PEM. */
export interface ChainFacts {
  /** Identity of the chain in the CollateralRegistry. */
  readonly id: Hash;
  readonly certificates: readonly ChainEntry[];
  /** Whether each certificate is signed by the next one, and the last one by itself. */
  readonly holds: boolean;
  /** Coordinates of the last certificate's key: the root that a registry must have pinned. */
  readonly root: { readonly x: string; readonly y: string };
}

/** A signed document in JSON. */
export interface DocumentFacts {
  readonly id: string;
  readonly platform: string;
  readonly issued: string;
  readonly expires: string;
  readonly evaluation: number;
  readonly levels: readonly string[];
  /** Whether the first certificate of its chain signed it. */
  readonly holds: boolean;
}

/** What a file of collateral says. */
export interface CollateralFacts {
  readonly pck: ChainFacts;
  readonly signing: ChainFacts;
  readonly tcbInfo: DocumentFacts;
  readonly qeIdentity: DocumentFacts;
}

const certificatesOf = (text: string): X509Certificate[] =>
  (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );

/** Reads a chain in PEM. */
export function readChain(text: string): ChainFacts {
  const certificates = certificatesOf(text);
  const last = certificates.at(-1);
  const jwk = last?.publicKey.export({ format: "jwk" });
  const coordinate = (value: string | undefined) => `0x${Buffer.from(value ?? "", "base64url").toString("hex")}`;
  return {
    id: toHash(keccak256(Buffer.from(text.replace(/\n$/, ""), "latin1"))),
    certificates: certificates.map(({ subject, serialNumber, validTo }) => ({
      subject: /CN=(.*)/.exec(subject)?.[1] ?? "",
      serial: serialNumber,
      notAfter: new Date(validTo),
    })),
    holds:
      certificates.length > 0 &&
      certificates.every((certificate, i) => certificate.verify((certificates[i + 1] ?? certificate).publicKey)),
    root: { x: coordinate(jwk?.x), y: coordinate(jwk?.y) },
  };
}

interface SignedJson {
  readonly id?: string;
  readonly fmspc?: string;
  readonly issueDate?: string;
  readonly nextUpdate?: string;
  readonly tcbEvaluationDataNumber?: number;
  readonly tcbLevels?: readonly { readonly tcbStatus?: string }[];
}

function readDocument(json: string, signature: string, chain: string): DocumentFacts {
  const value = JSON.parse(json) as SignedJson;
  const [signer] = certificatesOf(chain);
  return {
    id: value.id ?? "",
    platform: value.fmspc ?? "",
    issued: value.issueDate ?? "",
    expires: value.nextUpdate ?? "",
    evaluation: value.tcbEvaluationDataNumber ?? 0,
    levels: (value.tcbLevels ?? []).map(({ tcbStatus }) => tcbStatus ?? ""),
    holds:
      signer !== undefined &&
      verify(
        "sha256",
        Buffer.from(json, "utf8"),
        { key: signer.publicKey, dsaEncoding: "ieee-p1363" },
        Buffer.from(signature, "hex"),
      ),
  };
}

/** Says what a file of collateral contains, and whether its signatures hold; whom to trust is not decided here. */
export const collateralFacts = (file: CollateralFile): CollateralFacts => ({
  pck: readChain(file.pck_crl_issuer_chain),
  signing: readChain(file.tcb_info_issuer_chain),
  tcbInfo: readDocument(file.tcb_info, file.tcb_info_signature, file.tcb_info_issuer_chain),
  qeIdentity: readDocument(file.qe_identity, file.qe_identity_signature, file.qe_identity_issuer_chain),
});
