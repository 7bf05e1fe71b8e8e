import { expect } from "chai";
import { concat, getBytes, id, keccak256, ZeroAddress, ZeroHash } from "ethers";
import { network } from "hardhat";

import {
  authorityChain,
  authorityList,
  EXPIRES_AT,
  ISSUED_AT,
  NOW,
  rootList,
} from "../../../testing/enclave/collateral.ts";
import { syntheticQuote, type QuoteChanges } from "../../../testing/enclave/quote.ts";
import {
  chainId,
  deployVerifier,
  fieldsOf,
  submitQeIdentity,
  submitSynthetic,
  submitTcbInfo,
  SYNTHETIC_ROOT,
} from "../support/enclave.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: new Date((NOW - 1000) * 1000) } });
const DAY = 86_400;
const UP_TO_DATE = 1n;
const OUT_OF_DATE = 4;
const STRICT = UP_TO_DATE;

describe("EnclaveRegistry", () => {
  const fixture = async () => {
    const [admin, operator, key, stranger] = await ethers.getSigners();
    if (admin === undefined || operator === undefined || key === undefined || stranger === undefined)
      throw new RangeError();
    const authority = await ethers.deployContract("Authority", [admin]);
    const { verifier, collateral } = await deployVerifier(ethers, SYNTHETIC_ROOT);
    await networkHelpers.time.increaseTo(NOW);
    await submitSynthetic(collateral);
    const enclaves = await ethers.deployContract("EnclaveRegistry", [authority, verifier, STRICT]);
    const { measurement } = await verifier.verify(syntheticQuote());
    await enclaves.setMeasurement(measurement, true);
    return { admin, operator, key, stranger, authority, verifier, collateral, enclaves, measurement };
  };
  type State = Awaited<ReturnType<typeof fixture>>;
  const state = {} as State;
  beforeEach(async () => {
    Object.assign(state, await networkHelpers.loadFixture(fixture));
  });
  const quoteFor = async (
    changes: QuoteChanges = {},
    key: string = state.key.address,
    operator: string = state.operator.address,
  ) =>
    syntheticQuote({
      reportData: getBytes(concat([await state.enclaves.reportDataOf(key, operator), ZeroHash])),
      ...changes,
    });
  const enrolled = async () => {
    const quote = await quoteFor();
    await state.enclaves.connect(state.operator).enrol(state.key, quote);
    return quote;
  };
  const now = async () => networkHelpers.time.latest();
  const keyNow = async () => state.enclaves.signingKeyAt(state.operator, await now());
  const selector = (name: string, from: "enclaves" | "verifier" | "collateral" = "enclaves") =>
    state[from].interface.getError(name)?.selector;

  describe("constructor", () => {
    it("keeps verifier, authority and accepted statuses", async () => {
      expect(await state.enclaves.VERIFIER()).to.equal(state.verifier.target);
      expect(await state.enclaves.authority()).to.equal(state.authority.target);
      expect(await state.enclaves.acceptedStatuses()).to.equal(STRICT);
    });
  });

  describe("reportDataOf", () => {
    it("binds key, operator, chain and registry", async () => {
      const words = ethers.AbiCoder.defaultAbiCoder().encode(
        ["address", "address", "uint256", "address"],
        [state.key.address, state.operator.address, 31_337, state.enclaves.target],
      );
      expect(await state.enclaves.reportDataOf(state.key, state.operator)).to.equal(keccak256(words));
    });
  });

  describe("setMeasurement, setAcceptedStatuses", () => {
    it("are for governance only", async () => {
      const { enclaves, stranger, measurement } = state;
      for (const call of [
        enclaves.connect(stranger).setMeasurement(measurement, false),
        enclaves.connect(stranger).setAcceptedStatuses(1),
      ]) {
        await expect(call)
          .to.be.revertedWithCustomError(enclaves, "AccessManagedUnauthorized")
          .withArgs(stranger.address);
      }
    });
    it("change what is allowed, and tell", async () => {
      const { enclaves } = state;
      await expect(enclaves.setMeasurement(id("x"), true))
        .to.emit(enclaves, "MeasurementSet")
        .withArgs(id("x"), true);
      expect(await enclaves.isAllowed(id("x"))).to.equal(true);
      await expect(enclaves.setAcceptedStatuses(3)).to.emit(enclaves, "AcceptedStatusesSet").withArgs(3);
      expect(await enclaves.acceptedStatuses()).to.equal(3);
    });
    it("refuse no status, and Revoked", async () => {
      for (const statuses of [0, 64, 127]) {
        await expect(state.enclaves.setAcceptedStatuses(statuses))
          .to.be.revertedWithCustomError(state.enclaves, "EnclaveStatusesInvalid")
          .withArgs(statuses);
      }
    });
  });

  describe("enrol", () => {
    it("keeps the key until the collateral expires, and tells", async () => {
      const { enclaves, operator, key, measurement } = state;
      const quote = await quoteFor();
      await expect(enclaves.connect(operator).enrol(key, quote))
        .to.emit(enclaves, "EnclaveEnrolled")
        .withArgs(operator.address, key.address, measurement, EXPIRES_AT);
      expect(fieldsOf(await enclaves.enrolmentOf(operator))).to.deep.equal({
        key: key.address,
        expiresAt: BigInt(EXPIRES_AT),
        measurement,
        quoteHash: keccak256(quote),
      });
      const since = await now();
      expect(await enclaves.signingKeyAt(operator, since)).to.equal(key.address);
      expect(await enclaves.signingKeyAt(operator, since - 1)).to.equal(ZeroAddress);
      expect(await enclaves.signingKeyAt(operator, EXPIRES_AT)).to.equal(key.address);
      expect(await enclaves.signingKeyAt(operator, EXPIRES_AT + 1)).to.equal(ZeroAddress);
    });
    it("replaces the former key, and leaves the past", async () => {
      const { enclaves, operator, key, stranger } = state;
      await enrolled();
      const first = await now();
      await enclaves.connect(operator).enrol(stranger, await quoteFor({}, stranger.address));
      expect(await keyNow()).to.equal(stranger.address);
      expect(await enclaves.signingKeyAt(operator, first)).to.equal(key.address);
    });
    it("refuses the key zero", async () => {
      await expect(state.enclaves.connect(state.operator).enrol(ZeroAddress, "0x")).to.be.revertedWithCustomError(
        state.enclaves,
        "EnclaveKeyZero",
      );
    });
    it("refuses a quote for another key, operator or registry, and bytes behind", async () => {
      const { enclaves, operator, key, stranger } = state;
      const expected = await enclaves.reportDataOf(key, operator);
      const other = await enclaves.reportDataOf(stranger, operator);
      await expect(enclaves.connect(operator).enrol(key, await quoteFor({}, stranger.address)))
        .to.be.revertedWithCustomError(enclaves, "EnclaveReportDataMismatch")
        .withArgs([other, ZeroHash], expected);
      await expect(enclaves.connect(stranger).enrol(key, await quoteFor()))
        .to.be.revertedWithCustomError(enclaves, "EnclaveReportDataMismatch")
        .withArgs([expected, ZeroHash], await enclaves.reportDataOf(key, stranger));
      const padded = syntheticQuote({ reportData: getBytes(concat([expected, id("more")])) });
      await expect(enclaves.connect(operator).enrol(key, padded))
        .to.be.revertedWithCustomError(enclaves, "EnclaveReportDataMismatch")
        .withArgs([expected, id("more")], expected);
    });
    it("refuses a wrong measurement", async () => {
      const { enclaves, operator, key, verifier } = state;
      const quote = await quoteFor({ body: (b) => b.set([9], 136) });
      const { measurement } = await verifier.verify(quote);
      await expect(enclaves.connect(operator).enrol(key, quote))
        .to.be.revertedWithCustomError(enclaves, "EnclaveMeasurementUnknown")
        .withArgs(measurement);
    });
    it("refuses a TCB that is out of date, until governance accepts it", async () => {
      const { enclaves, operator, key } = state;
      const quote = await quoteFor({ pceSvn: 10 });
      await expect(enclaves.connect(operator).enrol(key, quote))
        .to.be.revertedWithCustomError(enclaves, "EnclaveStatusRefused")
        .withArgs(OUT_OF_DATE);
      await enclaves.setAcceptedStatuses(1n | (1n << 4n));
      await enclaves.connect(operator).enrol(key, quote);
      expect(await keyNow()).to.equal(key.address);
    });
    it("hands on why a quote does not hold", async () => {
      const { enclaves, operator, key, verifier } = state;
      await expect(
        enclaves.connect(operator).enrol(key, await quoteFor({ body: (b) => b.set([1], 120) })),
      ).to.be.revertedWithCustomError(verifier, "QuoteDebuggable");
    });
  });

  describe("renew", () => {
    it("makes the key count as long as newer collateral, by anyone", async () => {
      const { enclaves, operator, key, stranger, collateral } = state;
      const quote = await enrolled();
      const later = EXPIRES_AT + 5 * DAY;
      const changes = {
        tcbEvaluationDataNumber: 18,
        nextUpdate: new Date(later * 1000).toISOString().replace(".000", ""),
      };
      await submitTcbInfo(collateral, "TDX", changes);
      await submitQeIdentity(collateral, "TDX", changes);
      await collateral.submitRootRevocationList(rootList([], NOW, later));
      await collateral.submitRevocationList(
        chainId(authorityChain("Platform")),
        authorityList("Platform", [], NOW, later),
      );
      await expect(enclaves.connect(stranger).renew(operator, quote))
        .to.emit(enclaves, "EnclaveRenewed")
        .withArgs(operator.address, key.address, later);
      expect((await enclaves.enrolmentOf(operator)).expiresAt).to.equal(later);
      expect(await enclaves.signingKeyAt(operator, later)).to.equal(key.address);
    });
    it("refuses another quote, and one of nobody", async () => {
      const { enclaves, operator, stranger } = state;
      await enrolled();
      await expect(enclaves.renew(operator, "0x12"))
        .to.be.revertedWithCustomError(enclaves, "EnclaveQuoteUnknown")
        .withArgs(operator.address, keccak256("0x12"));
      await expect(enclaves.renew(stranger, "0x12"))
        .to.be.revertedWithCustomError(enclaves, "EnclaveQuoteUnknown")
        .withArgs(stranger.address, keccak256("0x12"));
    });
    it("refuses a measurement that is allowed no longer, and a status", async () => {
      const { enclaves, operator, measurement } = state;
      const quote = await enrolled();
      await enclaves.setMeasurement(measurement, false);
      await expect(enclaves.renew(operator, quote))
        .to.be.revertedWithCustomError(enclaves, "EnclaveMeasurementUnknown")
        .withArgs(measurement);
    });
  });

  describe("invalidate", () => {
    const invalidates = async (quote: Uint8Array, reason: string | undefined) => {
      const { enclaves, operator, key, stranger } = state;
      const before = await now();
      await expect(enclaves.connect(stranger).invalidate(operator, quote))
        .to.emit(enclaves, "EnclaveInvalidated")
        .withArgs(operator.address, key.address, reason);
      expect(await keyNow()).to.equal(ZeroAddress);
      expect(await enclaves.signingKeyAt(operator, before)).to.equal(key.address);
      expect((await enclaves.enrolmentOf(operator)).key).to.equal(ZeroAddress);
    };
    it("ends a key whose PCK certificate was revoked", async () => {
      const quote = await enrolled();
      const list = authorityList("Platform", [0x7777n], ISSUED_AT + 1);
      await state.collateral.submitRevocationList(chainId(authorityChain("Platform")), list);
      await invalidates(quote, selector("CertificateRevoked", "collateral"));
    });
    it("ends a key whose TCB was revoked, or is below all levels", async () => {
      const quote = await enrolled();
      const level = (pcesvn: number, tcbStatus: string) => ({
        tcb: {
          sgxtcbcomponents: Array(16).fill({ svn: 0 }),
          tdxtcbcomponents: Array(16).fill({ svn: 0 }),
          pcesvn,
        },
        tcbStatus,
      });
      const snapshot = await networkHelpers.takeSnapshot();
      const changes = { tcbEvaluationDataNumber: 18, tcbLevels: [level(0, "Revoked")] };
      await submitTcbInfo(state.collateral, "TDX", changes);
      await invalidates(quote, selector("TcbRevoked", "verifier"));
      await snapshot.restore();
      await submitTcbInfo(state.collateral, "TDX", { ...changes, tcbLevels: [level(99, "UpToDate")] });
      await invalidates(quote, selector("TcbLevelUnknown", "verifier"));
      await snapshot.restore();
      await submitTcbInfo(state.collateral, "TDX", { ...changes, tcbLevels: [level(0, "OutOfDate")] });
      await invalidates(quote, selector("EnclaveStatusRefused"));
    });
    it("ends a key whose quoting enclave is no longer the named one, or too old", async () => {
      const quote = await enrolled();
      const snapshot = await networkHelpers.takeSnapshot();
      for (const [changes, error] of [
        [{ mrsigner: "00".repeat(32) }, "QeIdentityMismatch"],
        [{ attributes: "12000000000000000000000000000000" }, "QeAttributesMismatch"],
        [{ tcbLevels: [{ tcb: { isvsvn: 9 }, tcbStatus: "UpToDate" }] }, "QeLevelUnknown"],
      ] as const) {
        await submitQeIdentity(state.collateral, "TDX", { tcbEvaluationDataNumber: 18, ...changes });
        await invalidates(quote, selector(error, "verifier"));
        await snapshot.restore();
      }
    });
    it("ends a key whose TDX module is named no longer, or otherwise", async () => {
      const quote = await enrolled();
      const snapshot = await networkHelpers.takeSnapshot();
      const module = {
        id: "TDX_01",
        mrsigner: "00".repeat(48),
        attributes: "0000000000000001",
        attributesMask: "FFFFFFFFFFFFFFFF",
        tcbLevels: [{ tcb: { isvsvn: 4 }, tcbStatus: "UpToDate" }],
      };
      for (const [modules, error] of [
        [[{ ...module, id: "TDX_0a" }], "TdxModuleUnknown"],
        [[module], "TdxModuleMismatch"],
      ] as const) {
        await submitTcbInfo(state.collateral, "TDX", { tcbEvaluationDataNumber: 18, tdxModuleIdentities: modules });
        await invalidates(quote, selector(error, "verifier"));
        await snapshot.restore();
      }
    });
    it("ends a key whose measurement is allowed no longer", async () => {
      const quote = await enrolled();
      await state.enclaves.setMeasurement(state.measurement, false);
      await invalidates(quote, selector("EnclaveMeasurementUnknown"));
    });
    it("refuses when the quote holds", async () => {
      const quote = await enrolled();
      await expect(state.enclaves.invalidate(state.operator, quote))
        .to.be.revertedWithCustomError(state.enclaves, "EnclaveValid")
        .withArgs(state.operator.address);
    });
    it("refuses when collateral only expired: the key did too", async () => {
      const quote = await enrolled();
      await networkHelpers.time.increaseTo(EXPIRES_AT + 1);
      await expect(state.enclaves.invalidate(state.operator, quote))
        .to.be.revertedWithCustomError(state.enclaves, "EnclaveNotJudged")
        .withArgs(selector("CollateralExpired", "collateral"));
      expect(await keyNow()).to.equal(ZeroAddress);
    });
    it("gives no reason to who lets the verification run out of gas", async () => {
      const quote = await enrolled();
      const { enclaves, operator } = state;
      const full = await enclaves.invalidate.estimateGas(operator, quote).catch(() => 700_000n);
      for (let gasLimit = 250_000n; gasLimit < full; gasLimit += 45_000n) {
        const sent = enclaves.invalidate(operator, quote, { gasLimit });
        expect(
          await sent.then(
            () => "sent",
            () => "refused",
          ),
        ).to.equal("refused");
      }
      expect(await keyNow()).to.equal(state.key.address);
    });
    it("refuses another quote", async () => {
      await enrolled();
      await expect(state.enclaves.invalidate(state.operator, "0x"))
        .to.be.revertedWithCustomError(state.enclaves, "EnclaveQuoteUnknown")
        .withArgs(state.operator.address, keccak256("0x"));
    });
  });

  describe("retire", () => {
    it("ends the caller's key", async () => {
      const { enclaves, operator, key } = state;
      const quote = await enrolled();
      await expect(enclaves.connect(operator).retire())
        .to.emit(enclaves, "EnclaveInvalidated")
        .withArgs(operator.address, key.address, "0x00000000");
      expect(await keyNow()).to.equal(ZeroAddress);
      await expect(enclaves.renew(operator, quote)).to.be.revertedWithCustomError(enclaves, "EnclaveQuoteUnknown");
    });
    it("refuses who has none", async () => {
      await expect(state.enclaves.connect(state.stranger).retire())
        .to.be.revertedWithCustomError(state.enclaves, "EnclaveQuoteUnknown")
        .withArgs(state.stranger.address, ZeroHash);
    });
  });
});
