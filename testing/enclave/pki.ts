import { p256 } from "@noble/curves/p256";
import { getBytes, sha256 } from "ethers";

import { bits, element, identifier, integer, join, octets, sequence, time, TRUE } from "./der.ts";

/** A key on P-256 and its two coordinates. */
export interface SigningKey {
  secret: Uint8Array;
  x: Uint8Array;
  y: Uint8Array;
}

/** The key of a number: the same in every run. */
export const keyOf = (seed: number): SigningKey => {
  const secret = getBytes(sha256(Uint8Array.of(0x6b, seed >> 8, seed & 0xff)));
  const point = p256.getPublicKey(secret, false);
  return { secret, x: point.slice(1, 33), y: point.slice(33) };
};

/** r and s, 32 bytes each. `s` is the higher of its two values where `high` says so. */
export const sign = (key: SigningKey, message: Uint8Array, high = false): Uint8Array => {
  const signature = p256.sign(getBytes(sha256(message)), key.secret, { lowS: true });
  const chosen = high ? new p256.Signature(signature.r, p256.CURVE.n - signature.s) : signature;
  return chosen.toCompactRawBytes();
};

const ECDSA_WITH_SHA256 = sequence(identifier("1.2.840.10045.4.3.2"));

/** Signs, and joins what is signed with its signature. */
const sealed = (body: Uint8Array, signer: SigningKey): Uint8Array => {
  const signature = sign(signer, body);
  const number = (bytes: Uint8Array) => integer(BigInt(`0x${Buffer.from(bytes).toString("hex")}`));
  return sequence(body, ECDSA_WITH_SHA256, bits(sequence(number(signature.slice(0, 32)), number(signature.slice(32)))));
};

/** A name as Intel's certificates have it. */
export const nameOf = (commonName: string): Uint8Array => {
  const part = (oid: string, text: string, tag = 0x0c) =>
    element(0x31, sequence(identifier(oid), element(tag, Buffer.from(text, "ascii"))));
  return sequence(
    part("2.5.4.3", commonName),
    part("2.5.4.10", "Intel Corporation"),
    part("2.5.4.7", "Santa Clara"),
    part("2.5.4.8", "CA"),
    part("2.5.4.6", "US", 0x13),
  );
};

const extension = (oid: string, value: Uint8Array, critical = false): Uint8Array =>
  sequence(identifier(oid), ...(critical ? [TRUE] : []), octets(value));

/** What a certificate says; everything has a value that Intel's would have. */
export interface CertificateFields {
  serial: bigint;
  issuer: string;
  subject: string;
  notBefore: number;
  notAfter: number;
  key: SigningKey;
  signer: SigningKey;
  isCa: boolean;
  keyUsage?: number;
  extensions?: readonly Uint8Array[];
}

/** A certificate in DER. */
export const certificateOf = (fields: CertificateFields): Uint8Array => {
  const usage = fields.keyUsage ?? (fields.isCa ? 0x06 : 0xc0);
  const unused = 31 - Math.clz32(usage & -usage);
  const body = sequence(
    element(0xa0, integer(2n)),
    integer(fields.serial),
    ECDSA_WITH_SHA256,
    nameOf(fields.issuer),
    sequence(time(fields.notBefore), time(fields.notAfter)),
    nameOf(fields.subject),
    sequence(
      sequence(identifier("1.2.840.10045.2.1"), identifier("1.2.840.10045.3.1.7")),
      bits(join([Uint8Array.of(4), fields.key.x, fields.key.y])),
    ),
    element(
      0xa3,
      sequence(
        extension("2.5.29.15", bits(Uint8Array.of(usage), unused), true),
        extension("2.5.29.19", fields.isCa ? sequence(TRUE) : sequence(), true),
        ...(fields.extensions ?? []),
      ),
    ),
  );
  return sealed(body, fields.signer);
};

/** A revocation list in DER. */
export const revocationListOf = (fields: {
  issuer: string;
  signer: SigningKey;
  issuedAt: number;
  expiresAt: number;
  serials: readonly bigint[];
}): Uint8Array => {
  const { issuer, signer, issuedAt, expiresAt, serials } = fields;
  const reason = sequence(extension("2.5.29.21", element(0x0a, Uint8Array.of(1))));
  return sealed(
    sequence(
      integer(1n),
      ECDSA_WITH_SHA256,
      nameOf(issuer),
      time(issuedAt),
      time(expiresAt),
      ...(serials.length === 0
        ? []
        : [sequence(...serials.map((serial) => sequence(integer(serial), time(issuedAt), reason)))]),
      element(0xa0, sequence(extension("2.5.29.20", integer(1n)))),
    ),
    signer,
  );
};

/** A platform, as Intel's extension of a PCK certificate describes it. */
export interface Platform {
  components: readonly number[];
  pceSvn: number;
  pceId: Uint8Array;
  fmspc: Uint8Array;
}

const SGX = "1.2.840.113741.1.13.1";

/** Intel's extension of a PCK certificate. */
export const platformExtension = ({ components, pceSvn, pceId, fmspc }: Platform): Uint8Array => {
  const field = (path: string, value: Uint8Array) => sequence(identifier(`${SGX}.${path}`), value);
  const tcb = sequence(
    ...components.map((component, i) => field(`2.${i + 1}`, integer(BigInt(component)))),
    field("2.17", integer(BigInt(pceSvn))),
    field("2.18", octets(Uint8Array.from(components))),
  );
  return extension(
    SGX,
    sequence(
      field("1", octets(new Uint8Array(16))),
      field("2", tcb),
      field("3", octets(pceId)),
      field("4", octets(fmspc)),
      field("5", element(0x0a, Uint8Array.of(1))),
    ),
  );
};

/** A certificate in PEM, with a line feed at its end. */
export const pemOf = (der: Uint8Array): string => {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
};
