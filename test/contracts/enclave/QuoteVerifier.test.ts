import { expect } from "chai";
import { getBytes, hexlify, keccak256, sha256, toUtf8Bytes } from "ethers";
import { network } from "hardhat";

import {
  authorityChain,
  authorityList,
  EXPIRES_AT,
  FMSPC,
  ISSUED_AT,
  NOW,
  QE_SIGNER,
  rootList,
} from "../../../testing/enclave/collateral.ts";
import { keyOf } from "../../../testing/enclave/pki.ts";
import { syntheticQuote, type QuoteChanges } from "../../../testing/enclave/quote.ts";
import {
  chainId,
  deployVerifier,
  fieldsOf,
  SGX,
  submitQeIdentity,
  submitSynthetic,
  submitTcbInfo,
  SYNTHETIC_ROOT,
  TDX,
} from "../support/enclave.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: new Date((NOW - 1000) * 1000) } });
const DAY = 86_400;
const MALFORMED_AT = (offset: number) => [offset];
const [UP_TO_DATE, SW_HARDENING, CONFIGURATION, , OUT_OF_DATE, OUT_OF_DATE_CONFIGURATION] = [0n, 1n, 2n, 3n, 4n, 5n];
const ISSUER = 0n;
const LIST = 1n;
const TCB_INFO = 2n;
const QE_IDENTITY = 3n;

/** Length of the text in PEM at the end of the synthetic quote. */
const textLength = (): number => {
  const quote = Buffer.from(syntheticQuote());
  return quote.length - quote.indexOf("-----BEGIN");
};

describe("QuoteVerifier", () => {
  const ready = async () => {
    const contracts = await deployVerifier(ethers, SYNTHETIC_ROOT);
    await networkHelpers.time.increaseTo(NOW);
    await submitSynthetic(contracts.collateral);
    return contracts;
  };
  type Contracts = Awaited<ReturnType<typeof ready>>;
  const contracts = {} as Contracts;
  beforeEach(async () => {
    Object.assign(contracts, await networkHelpers.loadFixture(ready));
  });
  const verify = (changes: QuoteChanges = {}) => contracts.verifier.verify(syntheticQuote(changes));
  const refuses = async (changes: QuoteChanges, error: string, args: unknown[] = []) =>
    expect(verify(changes))
      .to.be.revertedWithCustomError(contracts.verifier, error)
      .withArgs(...args);
  const refusesBy = async (changes: QuoteChanges, error: string, args: unknown[] = []) =>
    expect(verify(changes))
      .to.be.revertedWithCustomError(contracts.collateral, error)
      .withArgs(...args);
  const FMSPC_ID = `0x${FMSPC.toLowerCase()}`.padEnd(66, "0");
  const platform = chainId(authorityChain("Platform"));

  it("says where the collateral is", async () => {
    expect(await contracts.verifier.COLLATERAL()).to.equal(contracts.collateral.target);
  });

  describe("verify, given a quote that holds", () => {
    for (const [title, changes, tee, start, end, body] of [
      ["of version 3 (SGX)", { version: 3 }, SGX, 0, 0, 48],
      ["of version 3 under the processor CA", { version: 3, authority: "Processor" }, SGX, 0, 0, 48],
      ["of version 4 (TDX 1.0)", { version: 4 }, TDX, 120, 520, 48],
      ["of version 5 with a report of TDX 1.0", { version: 5, bodyType: 2 }, TDX, 120, 520, 54],
      ["of version 5 with a report of TDX 1.5", { version: 5 }, TDX, 120, 520, 54],
    ] as const satisfies readonly (readonly [string, QuoteChanges, bigint, number, number, number])[]) {
      it(`${title}: tells kind, status, expiry, platform, measurement and report data`, async () => {
        const reportData = Uint8Array.from({ length: 64 }, (_, i) => 200 - i);
        const quote = syntheticQuote({ ...changes, reportData });
        const report = await contracts.verifier.verify(quote);
        const at = quote.slice(body);
        const measured = tee === SGX ? [0, ...at.slice(32, 48), ...at.slice(64, 320)] : [1, ...at.slice(start, end)];
        expect(report.advisories.length).to.equal(0);
        expect({ ...fieldsOf(report), advisories: 0 }).to.deep.equal({
          tee,
          status: UP_TO_DATE,
          expiresAt: BigInt(EXPIRES_AT),
          fmspc: `0x${FMSPC.toLowerCase()}`,
          measurement: keccak256(Uint8Array.from(measured)),
          reportData: [hexlify(reportData.slice(0, 32)), hexlify(reportData.slice(32))],
          advisories: 0,
        });
      });
    }
    it("accepts zeros behind it, any number of them", async () => {
      await verify({ trailing: new Uint8Array(1) });
      await verify({ trailing: new Uint8Array(70) });
    });
    it("accepts a chain without a line feed at its end", async () => {
      await verify({ chain: authorityChain("Platform").slice(0, -1) });
    });
    it("accepts the higher s of all signatures, and another length of the quoting enclave's data", async () => {
      await verify({ qeData: new Uint8Array(0) });
    });
  });

  describe("verify, given a quote that is malformed", () => {
    it("refuses one that ends early, wherever", async () => {
      const quote = syntheticQuote();
      for (const length of [0, 1, 47, 48, 635, 700, 1100, 1200, quote.length - 1]) {
        await expect(contracts.verifier.verify(quote.slice(0, length))).to.be.revertedWithCustomError(
          contracts.verifier,
          "QuoteMalformed",
        );
      }
    });
    it("refuses other bytes than zeros behind it", async () => {
      const length = syntheticQuote().length;
      await refuses({ trailing: Uint8Array.of(1) }, "QuoteMalformed", MALFORMED_AT(length));
      await refuses(
        { trailing: Uint8Array.from([...new Uint8Array(40), 1]) },
        "QuoteMalformed",
        MALFORMED_AT(length + 32),
      );
    });
    it("refuses other versions, kinds and key types", async () => {
      await refuses({ quote: (q) => q.set([2]) }, "QuoteVersionUnsupported", [2]);
      await refuses({ quote: (q) => q.set([6]) }, "QuoteVersionUnsupported", [6]);
      await refuses({ version: 3, quote: (q) => q.set([0x81], 4) }, "QuoteTeeUnsupported", [3, 0x81]);
      await refuses({ quote: (q) => q.set([0], 4) }, "QuoteTeeUnsupported", [4, 0]);
      await refuses({ quote: (q) => q.set([3], 2) }, "QuoteKeyTypeUnsupported", [3]);
    });
    it("refuses another vendor", async () => {
      await refuses({ quote: (q) => q.set([0], 12) }, "QuoteVendorUnknown", ["0x009a7233f79c4ca9940a0db3957f0607"]);
    });
    it("refuses another body of version 5", async () => {
      await refuses({ version: 5, quote: (q) => q.set([1], 48) }, "QuoteBodyUnsupported", [1, 648]);
      await refuses({ version: 5, quote: (q) => q.set([2], 48) }, "QuoteBodyUnsupported", [2, 648]);
    });
    it("refuses other certification data", async () => {
      await refuses({ quote: (q) => q.set([5], 764) }, "QuoteCertificationUnsupported", [5, 6]);
      await refuses({ version: 3, quote: (q) => q.set([4], 1046) }, "QuoteCertificationUnsupported", [4, 5]);
    });
    it("refuses sizes that do not fit each other", async () => {
      await refuses({ quote: (q) => q.set([0], 766) }, "QuoteMalformed", MALFORMED_AT(766));
    });
  });

  describe("verify, given a PCK certificate", () => {
    it("refuses an unknown chain", async () => {
      const chain = authorityChain("Platform", { serial: 77n });
      await refusesBy({ chain }, "CollateralMissing", [ISSUER, chainId(chain)]);
    });
    it("refuses the chain of another CA", async () => {
      await refuses({ chain: authorityChain("Processor") }, "PckCertificateUnsuited", [0x7777]);
    });
    it("refuses a signature by another key", async () => {
      await refuses({ pck: { signer: keyOf(9) } }, "PckSignatureInvalid", [0x7777]);
    });
    it("refuses another name, another use, and a CA", async () => {
      for (const pck of [
        { subject: "Intel SGX TCB Signing" },
        { keyUsage: 0x06 },
        { isCa: true },
        { extensions: [] },
      ]) {
        await refuses({ pck }, "PckCertificateUnsuited", [0x7777]);
      }
    });
    it("refuses it before and after its validity", async () => {
      const early = { notBefore: NOW + DAY, notAfter: NOW + 2 * DAY };
      await refuses({ pck: early }, "PckOutsideValidity", [0x7777, early.notBefore, early.notAfter]);
      const late = { notBefore: NOW - 2 * DAY, notAfter: NOW - DAY };
      await refuses({ pck: late }, "PckOutsideValidity", [0x7777, late.notBefore, late.notAfter]);
    });
    it("says when it expires before all else", async () => {
      const report = await verify({ pck: { notAfter: NOW + DAY } });
      expect(report.expiresAt).to.equal(NOW + DAY);
    });
    it("refuses a revoked one", async () => {
      await contracts.collateral.submitRevocationList(
        platform,
        authorityList("Platform", [5n, 0x7777n], ISSUED_AT + 1),
      );
      await refuses({}, "CertificateRevoked", [platform, 0x7777]);
      await verify({ authority: "Processor" });
    });
    it("refuses one whose CA the root revoked", async () => {
      await contracts.collateral.submitRootRevocationList(rootList([0x9a01n], ISSUED_AT + 1));
      await refusesBy({}, "CertificateRevoked", [`0x${"0".repeat(64)}`, 0x9a01]);
    });
    it("refuses all when the signer of TCB Info is revoked", async () => {
      await contracts.collateral.submitRootRevocationList(rootList([0x1234n], ISSUED_AT + 1));
      await refusesBy({}, "CertificateRevoked", [`0x${"0".repeat(64)}`, 0x1234]);
    });
  });

  describe("verify, given a quoting enclave", () => {
    it("refuses a report that the PCK certificate's key did not sign", async () => {
      await refuses({ qeSigner: keyOf(9) }, "QeReportSignatureInvalid");
    });
    it("refuses an attestation key that it did not report", async () => {
      const attestation = [...keyOf(6).x, ...keyOf(6).y];
      const actual = sha256(Uint8Array.from([...attestation, 1]));
      const expected = sha256(Uint8Array.from([...attestation, ...Array.from({ length: 32 }, (_, i) => i)]));
      await refuses({ boundData: Uint8Array.of(1) }, "QeBindingMismatch", [actual, expected]);
    });
    it("refuses bytes behind the hash that it reports", async () => {
      await expect(verify({ qe: (q) => q.set([1], 352) })).to.be.revertedWithCustomError(
        contracts.verifier,
        "QeBindingMismatch",
      );
    });
    it("refuses another signer or product: a swapped quoting enclave", async () => {
      const other = "0x" + "11".repeat(32);
      await refuses({ qe: (q) => q.set(getBytes(other), 128) }, "QeIdentityMismatch", [other, 2]);
      await refuses({ qe: (q) => q.set([1], 256) }, "QeIdentityMismatch", [`0x${QE_SIGNER.toLowerCase()}`, 1]);
    });
    it("refuses one that can be debugged", async () => {
      await refuses({ qe: (q) => q.set([0x13], 48) }, "QuoteDebuggable", ["0x1300000000000000e700000000000000"]);
    });
    it("refuses other attributes and MISCSELECT", async () => {
      await refuses({ qe: (q) => q.set([0x01], 48) }, "QeAttributesMismatch", [
        "0x00000000",
        "0x0100000000000000e700000000000000",
      ]);
      await refuses({ qe: (q) => q.set([1], 16) }, "QeAttributesMismatch", [
        "0x01000000",
        "0x1100000000000000e700000000000000",
      ]);
    });
    it("accepts other bits where the mask has none", async () => {
      await verify({ qe: (q) => q.set([0xff], 56) });
    });
    it("reports one that is out of date, refuses a revoked and an unknown one", async () => {
      const report = await verify({ qe: (q) => q.set([6], 258) });
      expect([report.status, report.advisories]).to.deep.equal([OUT_OF_DATE, [615n]]);
      await refuses({ qe: (q) => q.set([5], 258) }, "TcbRevoked", [`0x${FMSPC.toLowerCase()}`]);
      await refuses({ qe: (q) => q.set([4], 258) }, "QeLevelUnknown", [4]);
    });
  });

  describe("verify, given the report", () => {
    it("refuses a signature by another key", async () => {
      await refuses({ attestationSigner: keyOf(9) }, "QuoteSignatureInvalid");
    });
    it("refuses an enclave and a TD that can be debugged", async () => {
      await refuses({ version: 3, body: (b) => b.set([0x07], 48) }, "QuoteDebuggable", [
        "0x0700000000000000e700000000000000",
      ]);
      await refuses({ body: (b) => b.set([0x01], 120) }, "QuoteDebuggable", ["0x0100001000000000".padEnd(34, "0")]);
    });
    it("refuses reserved attributes of a TD, one without SEPT_VE_DISABLE, and a service TD", async () => {
      await refuses({ body: (b) => b.set([0], 123) }, "QuoteAttributesRefused", ["0x0000000000000000"]);
      await refuses({ body: (b) => b.set([1], 121) }, "QuoteAttributesRefused", ["0x0001001000000000"]);
      await refuses({ body: (b) => b.set([0x30], 123) }, "QuoteAttributesRefused", ["0x0000003000000000"]);
      await refuses({ version: 5, body: (b) => b.set([1], 647) }, "QuoteAttributesRefused", ["0x0000001000000000"]);
    });
    it("accepts PKS, KL and PERFMON", async () => {
      await verify({ body: (b) => b.set([0, 0, 0, 0xd0, 0, 0, 0, 0x80], 120) });
    });
  });

  describe("verify, given a platform", () => {
    const status = async (changes: QuoteChanges) => {
      const report = await verify(changes);
      return [report.status, ...report.advisories];
    };
    const lowered = (by: number) =>
      [5, 5, 2, 2, 3, 1, 0, 5].map((svn) => Math.max(0, svn - by)).concat(Array<number>(8).fill(0));
    it("finds the first level that it reaches, with its advisories", async () => {
      expect(await status({ components: lowered(1) })).to.deep.equal([SW_HARDENING, 615n]);
      expect(await status({ pceSvn: 10 })).to.deep.equal([OUT_OF_DATE, 615n, 289n]);
      expect(await status({ version: 3, components: lowered(2), pceSvn: 5 })).to.deep.equal([OUT_OF_DATE, 615n, 289n]);
    });
    it("joins advisories of platform and quoting enclave without repeating one", async () => {
      const qe = (q: Uint8Array) => q.set([6], 258);
      expect(await status({ components: lowered(2), qe })).to.deep.equal([OUT_OF_DATE, 615n, 289n]);
    });
    it("says both where the platform needs a configuration and the quoting enclave is out of date", async () => {
      await submitTcbInfo(contracts.collateral, "SGX", {
        tcbEvaluationDataNumber: 18,
        tcbLevels: [
          { tcb: { sgxtcbcomponents: Array(16).fill({ svn: 0 }), pcesvn: 0 }, tcbStatus: "ConfigurationNeeded" },
        ],
      });
      expect(await status({ version: 3 })).to.deep.equal([CONFIGURATION]);
      expect(await status({ version: 3, qe: (q) => q.set([6], 258) })).to.deep.equal([OUT_OF_DATE_CONFIGURATION, 615n]);
    });
    it("refuses a revoked level and one below all levels", async () => {
      await refuses({ pceSvn: 4, components: lowered(3) }, "TcbRevoked", [`0x${FMSPC.toLowerCase()}`]);
      await refuses({ pceSvn: 2 }, "TcbLevelUnknown", [`0x${FMSPC.toLowerCase()}`]);
    });
    it("refuses another PCE", async () => {
      await refuses({ pceId: "0001" }, "PceMismatch", ["0x0001", "0x0000"]);
    });
    it("refuses an unknown platform", async () => {
      const id = "0x00906ea10000".padEnd(66, "0");
      await refusesBy({ fmspc: "00906EA10000" }, "CollateralMissing", [TCB_INFO, id]);
    });
    it("compares the TDX module with its own levels", async () => {
      expect(await status({ body: (b) => b.set([2], 0) })).to.deep.equal([OUT_OF_DATE]);
      await refuses({ body: (b) => b.set([1], 0) }, "TdxModuleUnknown", [1, 1]);
      await refuses({ body: (b) => b.set([6, 2], 0) }, "TdxModuleUnknown", [2, 6]);
      await refuses({ body: (b) => b.set([1], 119) }, "TdxModuleMismatch", [1, 1]);
      await refuses({ body: (b) => b.set([1], 64) }, "TdxModuleMismatch", [1, 0]);
    });
    it("compares all components where the module has no number", async () => {
      expect(await status({ body: (b) => b.set([5, 0], 0) })).to.deep.equal([UP_TO_DATE]);
      expect(await status({ body: (b) => b.set([3, 0], 0) })).to.deep.equal([OUT_OF_DATE, 615n, 289n]);
      const body = (b: Uint8Array) => {
        b.set([5, 0], 0);
        b.set([1], 112);
      };
      await refuses({ body }, "TdxModuleMismatch", [0, 2n ** 56n]);
    });
  });

  describe("verify, given collateral that does not count", () => {
    it("refuses when there is none", async () => {
      const { verifier, collateral } = await deployVerifier(ethers, SYNTHETIC_ROOT);
      await expect(verifier.verify(syntheticQuote()))
        .to.be.revertedWithCustomError(collateral, "CollateralMissing")
        .withArgs(ISSUER, platform);
    });
    it("refuses when the revocation lists expired", async () => {
      await networkHelpers.time.increaseTo(EXPIRES_AT + 1);
      await refusesBy({}, "CollateralExpired", [LIST, `0x${"0".repeat(64)}`, EXPIRES_AT]);
      await contracts.collateral.submitRootRevocationList(rootList([], NOW, EXPIRES_AT + DAY));
      await refusesBy({}, "CollateralExpired", [LIST, platform, EXPIRES_AT]);
    });
    it("refuses when the identity or the TCB Info expired", async () => {
      await contracts.collateral.submitRootRevocationList(rootList([], NOW, EXPIRES_AT + DAY));
      await contracts.collateral.submitRevocationList(platform, authorityList("Platform", [], NOW, EXPIRES_AT + DAY));
      await networkHelpers.time.increaseTo(EXPIRES_AT + 1);
      const later = { tcbEvaluationDataNumber: 18, nextUpdate: "2025-07-22T00:00:00Z" };
      await refusesBy({}, "CollateralExpired", [
        QE_IDENTITY,
        hexlify(toUtf8Bytes("TD_QE")).padEnd(66, "0"),
        EXPIRES_AT,
      ]);
      await submitQeIdentity(contracts.collateral, "TDX", later);
      await refusesBy({}, "CollateralExpired", [TCB_INFO, FMSPC_ID, EXPIRES_AT]);
      await submitTcbInfo(contracts.collateral, "TDX", later);
      await verify();
    });
  });

  describe("verify, given a PCK text that is not strict PEM", () => {
    // Where the certification data of the synthetic quote's chain start.
    const start = syntheticQuote().length - textLength();
    const changeAt = async (offset: number, character: string) =>
      refuses({ quote: (q) => q.set(toUtf8Bytes(character), start + offset) }, "PemMalformed", [
        offset < 28
          ? 0
          : offset - ((offset - 28) % 65) + ((offset - 28) % 65 >= 32 && (offset - 28) % 65 < 64 ? 32 : 0),
      ]);
    it("refuses another header, a character outside the alphabet, and white space", async () => {
      await changeAt(3, "x");
      await changeAt(28 + 10, "-");
      await changeAt(28 + 65 + 40, " ");
      await changeAt(28 + 65 + 40, "\x80");
    });
    it("refuses a line of another length", async () => {
      await refuses({ quote: (q) => q.set([0x41], start + 28 + 64) }, "PemMalformed", [28]);
    });
    it("refuses a text that ends after its first certificate", async () => {
      const end = Buffer.from(syntheticQuote()).indexOf("-----END CERTIFICATE-----") - start + 25;
      await refuses({ chain: "" }, "PemMalformed", [end]);
    });
  });
});
