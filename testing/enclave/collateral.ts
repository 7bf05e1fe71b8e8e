import { certificateOf, keyOf, pemOf, revocationListOf, sign, type CertificateFields, type SigningKey } from "./pki.ts";

/** 2025-07-01, when all synthetic collateral counts. */
export const NOW = 1_751_328_000;
const DAY = 86_400;
export const ISSUED_AT = NOW - 10 * DAY;
export const EXPIRES_AT = NOW + 20 * DAY;
const YEAR = 365 * DAY;

export const ROOT_KEY = keyOf(1);
export const PCK_KEY = keyOf(5);

export type Authority = "Platform" | "Processor";

const AUTHORITIES = {
  Platform: { subject: "Intel SGX PCK Platform CA", key: keyOf(2), serial: 0x9a01n },
  Processor: { subject: "Intel SGX PCK Processor CA", key: keyOf(3), serial: 0x9a02n },
};
export const TCB_SIGNING = { subject: "Intel SGX TCB Signing", key: keyOf(4), serial: 0x1234n };
const ROOT_NAME = "Intel SGX Root CA";

const rootFields = (): CertificateFields => ({
  serial: 1n,
  issuer: ROOT_NAME,
  subject: ROOT_NAME,
  notBefore: NOW - 5 * YEAR,
  notAfter: NOW + 24 * YEAR,
  key: ROOT_KEY,
  signer: ROOT_KEY,
  isCa: true,
});

/** The root certificate of the synthetic PKI, in DER. */
export const rootCertificate = (): Uint8Array => certificateOf(rootFields());

/** A chain in PEM: a certificate and the root's. `changes` are to the first, `rootChanges` to the second. */
const chainOf = (
  of: { subject: string; key: SigningKey; serial: bigint; isCa: boolean },
  changes: Partial<CertificateFields>,
  rootChanges: Partial<CertificateFields>,
): string =>
  pemOf(
    certificateOf({
      issuer: ROOT_NAME,
      notBefore: NOW - YEAR,
      notAfter: NOW + YEAR,
      signer: ROOT_KEY,
      ...of,
      ...changes,
    }),
  ) + pemOf(certificateOf({ ...rootFields(), ...rootChanges }));

export const authorityChain = (
  authority: Authority,
  changes: Partial<CertificateFields> = {},
  rootChanges: Partial<CertificateFields> = {},
): string => chainOf({ ...AUTHORITIES[authority], isCa: true }, changes, rootChanges);

export const tcbSigningChain = (changes: Partial<CertificateFields> = {}): string =>
  chainOf({ ...TCB_SIGNING, isCa: false }, changes, {});

/** The PCK certificate of a platform, in DER. */
export const pckCertificate = (
  authority: Authority,
  extension: Uint8Array,
  changes: Partial<CertificateFields> = {},
): Uint8Array =>
  certificateOf({
    serial: 0x7777n,
    issuer: AUTHORITIES[authority].subject,
    subject: "Intel SGX PCK Certificate",
    notBefore: NOW - YEAR,
    notAfter: NOW + YEAR,
    key: PCK_KEY,
    signer: AUTHORITIES[authority].key,
    isCa: false,
    extensions: [extension],
    ...changes,
  });

export const rootList = (serials: readonly bigint[] = [], issuedAt = ISSUED_AT, expiresAt = EXPIRES_AT): Uint8Array =>
  revocationListOf({ issuer: ROOT_NAME, signer: ROOT_KEY, issuedAt, expiresAt, serials });

export const authorityList = (
  authority: Authority,
  serials: readonly bigint[] = [],
  issuedAt = ISSUED_AT,
  expiresAt = EXPIRES_AT,
): Uint8Array => {
  const { subject, key } = AUTHORITIES[authority];
  return revocationListOf({ issuer: subject, signer: key, issuedAt, expiresAt, serials });
};

const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(".000", "");

/** Components of the synthetic platform, and of the best level of its TCB Info. */
export const COMPONENTS = [5, 5, 2, 2, 3, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
const TDX_COMPONENTS = [5, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
export const FMSPC = "B0C06F000000";
export const QE_SIGNER = "8C4F5775D796503E96137F77C68A829A0056AC8DED70140B081B094490C57BFF";

const svns = (components: readonly number[]) => components.map((svn) => ({ svn }));

/** The value of `tcbInfo`: what Intel's service would sign for the synthetic platform. */
export const tcbInfo = (tee: "SGX" | "TDX", changes: Record<string, unknown> = {}): Record<string, unknown> => {
  const level = (lower: number, pcesvn: number, tcbStatus: string, advisoryIDs: string[]) => ({
    tcb: {
      sgxtcbcomponents: svns(COMPONENTS.map((svn) => Math.max(0, svn - lower))),
      pcesvn,
      ...(tee === "TDX" ? { tdxtcbcomponents: svns(TDX_COMPONENTS.map((svn) => Math.max(0, svn - lower))) } : {}),
    },
    tcbDate: "2024-03-13T00:00:00Z",
    tcbStatus,
    ...(advisoryIDs.length === 0 ? {} : { advisoryIDs }),
  });
  const module = { mrsigner: "00".repeat(48), attributes: "0000000000000000", attributesMask: "FFFFFFFFFFFFFFFF" };
  return {
    id: tee,
    version: 3,
    issueDate: isoOf(ISSUED_AT),
    nextUpdate: isoOf(EXPIRES_AT),
    fmspc: FMSPC,
    pceId: "0000",
    tcbType: 0,
    tcbEvaluationDataNumber: 17,
    ...(tee === "TDX"
      ? {
          tdxModule: module,
          tdxModuleIdentities: [
            {
              id: "TDX_01",
              ...module,
              tcbLevels: [
                { tcb: { isvsvn: 4 }, tcbDate: "2024-03-13T00:00:00Z", tcbStatus: "UpToDate" },
                { tcb: { isvsvn: 2 }, tcbDate: "2023-08-09T00:00:00Z", tcbStatus: "OutOfDate" },
              ],
            },
          ],
        }
      : {}),
    tcbLevels: [
      level(0, 11, "UpToDate", []),
      level(1, 11, "SWHardeningNeeded", ["INTEL-SA-00615"]),
      level(2, 5, "OutOfDate", ["INTEL-SA-00289", "INTEL-SA-00615"]),
      level(3, 3, "Revoked", ["INTEL-SA-00106"]),
    ],
    ...changes,
  };
};

/** The value of `enclaveIdentity` of a quoting enclave. */
export const qeIdentity = (tee: "SGX" | "TDX", changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  id: tee === "TDX" ? "TD_QE" : "QE",
  version: 2,
  issueDate: isoOf(ISSUED_AT),
  nextUpdate: isoOf(EXPIRES_AT),
  tcbEvaluationDataNumber: 17,
  miscselect: "00000000",
  miscselectMask: "FFFFFFFF",
  attributes: "11000000000000000000000000000000",
  attributesMask: "FBFFFFFFFFFFFFFF0000000000000000",
  mrsigner: QE_SIGNER,
  isvprodid: tee === "TDX" ? 2 : 1,
  tcbLevels: [
    { tcb: { isvsvn: 8 }, tcbDate: "2024-03-13T00:00:00Z", tcbStatus: "UpToDate" },
    { tcb: { isvsvn: 6 }, tcbDate: "2021-11-10T00:00:00Z", tcbStatus: "OutOfDate", advisoryIDs: ["INTEL-SA-00615"] },
    { tcb: { isvsvn: 5 }, tcbDate: "2020-11-10T00:00:00Z", tcbStatus: "Revoked" },
  ],
  ...changes,
});

/** A document in JSON with its signature. */
export const signedDocument = (
  value: Record<string, unknown>,
  signer: SigningKey = TCB_SIGNING.key,
): { json: string; signature: Uint8Array } => {
  const json = JSON.stringify(value);
  return { json, signature: sign(signer, Buffer.from(json, "ascii"), true) };
};
