import { getBytes, sha256 } from "ethers";

import { authorityChain, COMPONENTS, FMSPC, pckCertificate, PCK_KEY, QE_SIGNER, type Authority } from "./collateral.ts";
import { join } from "./der.ts";
import { keyOf, pemOf, platformExtension, sign, type CertificateFields, type SigningKey } from "./pki.ts";

const INTEL = getBytes("0x939a7233f79c4ca9940a0db3957f0607");
const ATTESTATION_KEY = keyOf(6);
const TEE_TDX = 0x81;

const little = (value: number, size: number): Uint8Array => {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (value / 2 ** (8 * i)) & 0xff;
  return bytes;
};

type Change = (bytes: Uint8Array) => void;
const changed = (bytes: Uint8Array, change: Change | undefined): Uint8Array => {
  change?.(bytes);
  return bytes;
};

/** What a synthetic quote differs in from one that holds. Changes are made before what contains them is signed. */
export interface QuoteChanges {
  version?: 3 | 4 | 5;
  /** Of version 5: 2 is TDX 1.0, 3 is TDX 1.5. */
  bodyType?: 2 | 3;
  reportData?: Uint8Array;
  header?: Change;
  body?: Change;
  qe?: Change;
  /** Changes of the whole quote, after all signatures. */
  quote?: Change;
  components?: readonly number[];
  pceSvn?: number;
  pceId?: string;
  fmspc?: string;
  authority?: Authority;
  pck?: Partial<CertificateFields>;
  qeSigner?: SigningKey;
  attestationSigner?: SigningKey;
  qeData?: Uint8Array;
  boundData?: Uint8Array;
  chain?: string;
  trailing?: Uint8Array;
}

const sgxReport = (reportData: Uint8Array): Uint8Array => {
  const report = new Uint8Array(384);
  report.set([0x05, 0, 0, 0, 0, 0, 0, 0, 0xe7], 48);
  report.set(getBytes(sha256("0x01")), 64);
  report.set(getBytes(sha256("0x02")), 128);
  report.set(reportData, 320);
  return report;
};

const tdReport = (reportData: Uint8Array, size: number): Uint8Array => {
  const report = new Uint8Array(size);
  report.set([6, 1, 3], 0);
  report.set([0, 0, 0, 0x10], 120);
  report.set([0xe7], 128);
  report.set(getBytes(sha256("0x03")), 136);
  report.set(reportData, 520);
  return report;
};

const qeReport = (isTdx: boolean, bound: Uint8Array): Uint8Array => {
  const report = new Uint8Array(384);
  report.set([0x11, 0, 0, 0, 0, 0, 0, 0, 0xe7], 48);
  report.set(getBytes(`0x${QE_SIGNER}`), 128);
  report.set([isTdx ? 2 : 1, 0, 8, 0], 256);
  report.set(bound, 320);
  return report;
};

/** A quote under the synthetic PKI that holds, but for the changes. */
export const syntheticQuote = (changes: QuoteChanges = {}): Uint8Array => {
  const { version = 4, bodyType = 3, authority = "Platform", reportData = new Uint8Array(64) } = changes;
  const isTdx = version !== 3;
  const header = join([
    little(version, 2),
    little(2, 2),
    little(isTdx ? TEE_TDX : 0, 4),
    new Uint8Array(4),
    INTEL,
    new Uint8Array(20),
  ]);
  const size = version === 5 && bodyType === 3 ? 648 : 584;
  const body = isTdx ? tdReport(reportData, size) : sgxReport(reportData);
  const typed = version === 5 ? [little(bodyType, 2), little(size, 4)] : [];
  const signed = join([changed(header, changes.header), ...typed, changed(body, changes.body)]);

  const attestation = join([ATTESTATION_KEY.x, ATTESTATION_KEY.y]);
  const qeData = changes.qeData ?? Uint8Array.from({ length: 32 }, (_, i) => i);
  const bound = getBytes(sha256(join([attestation, changes.boundData ?? qeData])));
  const qe = changed(qeReport(isTdx, bound), changes.qe);
  const extension = platformExtension({
    components: changes.components ?? COMPONENTS,
    pceSvn: changes.pceSvn ?? 11,
    pceId: getBytes(`0x${changes.pceId ?? "0000"}`),
    fmspc: getBytes(`0x${changes.fmspc ?? FMSPC}`),
  });
  const text = pemOf(pckCertificate(authority, extension, changes.pck)) + (changes.chain ?? authorityChain(authority));
  const pem = Buffer.from(`${text}\0`, "latin1");
  const inner = join([
    qe,
    sign(changes.qeSigner ?? PCK_KEY, qe, true),
    little(qeData.length, 2),
    qeData,
    little(5, 2),
    little(pem.length, 4),
    pem,
  ]);
  const wrapped = isTdx ? join([little(6, 2), little(inner.length, 4), inner]) : inner;
  const data = join([sign(changes.attestationSigner ?? ATTESTATION_KEY, signed), attestation, wrapped]);
  return changed(join([signed, little(data.length, 4), data, changes.trailing ?? new Uint8Array()]), changes.quote);
};
