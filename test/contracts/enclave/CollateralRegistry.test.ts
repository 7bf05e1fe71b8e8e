import { expect } from "chai";
import { hexlify, toBeHex, toUtf8Bytes, ZeroHash } from "ethers";
import { network } from "hardhat";

import {
  authorityChain,
  authorityList,
  EXPIRES_AT,
  FMSPC,
  ISSUED_AT,
  NOW,
  qeIdentity,
  rootList,
  signedDocument,
  tcbInfo,
  tcbSigningChain,
} from "../../../testing/enclave/collateral.ts";
import { keyOf, revocationListOf } from "../../../testing/enclave/pki.ts";
import {
  chainId,
  deployVerifier,
  halves,
  submitIssuers,
  submitQeIdentity,
  submitSynthetic,
  submitTcbInfo,
  SYNTHETIC_ROOT,
  SGX,
  TDX,
} from "../support/enclave.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: new Date((NOW - 1000) * 1000) } });
const DAY = 86_400;
const [ISSUER, LIST, TCB_INFO, QE_IDENTITY] = [0, 1, 2, 3];
const [PROCESSOR_CA, PLATFORM_CA, SIGNING] = [1n, 2n, 3n];
const word = (text: string) => hexlify(toUtf8Bytes(text)).padEnd(66, "0");
const FMSPC_WORD = `0x${FMSPC.toLowerCase()}`.padEnd(66, "0");
const platform = chainId(authorityChain("Platform"));
const signing = chainId(tcbSigningChain());

describe("CollateralRegistry", () => {
  const empty = async () => {
    const { collateral, reader } = await deployVerifier(ethers, SYNTHETIC_ROOT);
    if ((await networkHelpers.time.latest()) < NOW) await networkHelpers.time.increaseTo(NOW);
    return { collateral, reader };
  };
  const issued = async () => {
    const contracts = await empty();
    await submitIssuers(contracts.collateral);
    return contracts;
  };
  const full = async () => {
    const contracts = await empty();
    await submitSynthetic(contracts.collateral);
    return contracts;
  };
  const chain = (text: string) => toUtf8Bytes(text);

  describe("constructor", () => {
    it("keeps the root key and the reader", async () => {
      const { collateral, reader } = await networkHelpers.loadFixture(empty);
      expect([await collateral.ROOT_X(), await collateral.ROOT_Y()]).to.deep.equal(Object.values(SYNTHETIC_ROOT));
      expect(await collateral.READER()).to.equal(reader.target);
    });
    it("refuses a root that is not on the curve", async () => {
      const { collateral, reader } = await networkHelpers.loadFixture(empty);
      const root = { x: toBeHex(1, 32), y: toBeHex(1, 32) };
      await expect(ethers.deployContract("CollateralRegistry", [root, reader]))
        .to.be.revertedWithCustomError(collateral, "CollateralRootInvalid")
        .withArgs(root.x, root.y);
    });
  });

  describe("submitChain", () => {
    it("adds each kind of issuer, by anyone", async () => {
      const { collateral } = await networkHelpers.loadFixture(empty);
      for (const [text, kind, serial] of [
        [authorityChain("Processor"), PROCESSOR_CA, 0x9a02],
        [authorityChain("Platform"), PLATFORM_CA, 0x9a01],
        [tcbSigningChain(), SIGNING, 0x1234],
      ] as const) {
        await expect(collateral.submitChain(chain(text)))
          .to.emit(collateral, "IssuerAdded")
          .withArgs(chainId(text), kind, serial, NOW + 365 * DAY);
      }
    });
    it("identifies it without the line feed at its end", async () => {
      const { collateral } = await networkHelpers.loadFixture(empty);
      const text = authorityChain("Platform");
      expect(await collateral.submitChain.staticCall(chain(text.slice(0, -1)))).to.equal(platform);
      expect(await collateral.submitChain.staticCall(chain(text))).to.equal(platform);
    });
    it("refuses another root key", async () => {
      const { collateral } = await networkHelpers.loadFixture(empty);
      const other = keyOf(9);
      const text = authorityChain("Platform", { signer: other }, { key: other, signer: other });
      await expect(collateral.submitChain(chain(text)))
        .to.be.revertedWithCustomError(collateral, "CollateralRootUnknown")
        .withArgs(hexlify(other.x), hexlify(other.y));
    });
    it("refuses a root certificate that it did not sign, and a certificate that it did not sign", async () => {
      const { collateral } = await networkHelpers.loadFixture(empty);
      for (const text of [
        authorityChain("Platform", {}, { signer: keyOf(9) }),
        authorityChain("Platform", { signer: keyOf(9) }),
      ]) {
        await expect(collateral.submitChain(chain(text)))
          .to.be.revertedWithCustomError(collateral, "CollateralSignatureInvalid")
          .withArgs(ISSUER, chainId(text));
      }
    });
    it("refuses another name, use or issuer", async () => {
      const { collateral } = await networkHelpers.loadFixture(empty);
      for (const changes of [
        { subject: "Intel SGX Root CA" },
        { issuer: "Intel SGX TCB Signing" },
        { isCa: false },
        { keyUsage: 0x80 },
      ]) {
        await expect(collateral.submitChain(chain(authorityChain("Platform", changes))))
          .to.be.revertedWithCustomError(collateral, "CollateralCertificateUnsuited")
          .withArgs(0x9a01);
      }
      for (const changes of [{ isCa: true, keyUsage: 0x84 }, { keyUsage: 0x02 }]) {
        await expect(collateral.submitChain(chain(tcbSigningChain(changes))))
          .to.be.revertedWithCustomError(collateral, "CollateralCertificateUnsuited")
          .withArgs(0x1234);
      }
      await expect(collateral.submitChain(chain(authorityChain("Platform", {}, { subject: "Intel SGX TCB Signing" }))))
        .to.be.revertedWithCustomError(collateral, "CollateralCertificateUnsuited")
        .withArgs(1);
    });
    it("refuses one before and after its validity", async () => {
      const { collateral } = await networkHelpers.loadFixture(empty);
      const early = authorityChain("Platform", { notBefore: NOW + DAY });
      await expect(collateral.submitChain(chain(early)))
        .to.be.revertedWithCustomError(collateral, "CollateralNotYetValid")
        .withArgs(ISSUER, chainId(early), NOW + DAY);
      const late = authorityChain("Platform", { notAfter: NOW - DAY });
      await expect(collateral.submitChain(chain(late)))
        .to.be.revertedWithCustomError(collateral, "CollateralExpired")
        .withArgs(ISSUER, chainId(late), NOW - DAY);
      const root = authorityChain("Platform", {}, { notAfter: NOW - DAY, notBefore: NOW - 2 * DAY });
      await expect(collateral.submitChain(chain(root)))
        .to.be.revertedWithCustomError(collateral, "CollateralExpired")
        .withArgs(ISSUER, chainId(root), NOW - DAY);
    });
  });

  describe("submitRootRevocationList, submitRevocationList", () => {
    it("revoke serial numbers and tell", async () => {
      const { collateral } = await networkHelpers.loadFixture(issued);
      const later = authorityList("Platform", [7n, 9n], ISSUED_AT + 1);
      await expect(collateral.submitRevocationList(platform, later))
        .to.emit(collateral, "SerialRevoked")
        .withArgs(platform, 7)
        .and.to.emit(collateral, "RevocationListUpdated")
        .withArgs(platform, ISSUED_AT + 1, EXPIRES_AT, 2);
      expect(await collateral.isRevoked(platform, 9)).to.equal(true);
      expect(await collateral.isRevoked(ZeroHash, 9)).to.equal(false);
      expect(await collateral.isRevoked(chainId(authorityChain("Processor")), 9)).to.equal(false);
    });
    it("keep what was revoked once", async () => {
      const { collateral } = await networkHelpers.loadFixture(issued);
      await collateral.submitRevocationList(platform, authorityList("Platform", [7n], ISSUED_AT + 1));
      await expect(
        collateral.submitRevocationList(platform, authorityList("Platform", [7n], ISSUED_AT + 2)),
      ).not.to.emit(collateral, "SerialRevoked");
      await collateral.submitRevocationList(platform, authorityList("Platform", [], ISSUED_AT + 3));
      expect(await collateral.isRevoked(platform, 7)).to.equal(true);
    });
    it("refuse one that is not newer, that is not of that CA, or that expired", async () => {
      const { collateral } = await networkHelpers.loadFixture(issued);
      await expect(collateral.submitRevocationList(platform, authorityList("Platform")))
        .to.be.revertedWithCustomError(collateral, "CollateralNotNewer")
        .withArgs(LIST, platform, ISSUED_AT, ISSUED_AT);
      await expect(collateral.submitRevocationList(platform, authorityList("Processor", [], ISSUED_AT + 1)))
        .to.be.revertedWithCustomError(collateral, "CollateralSignatureInvalid")
        .withArgs(LIST, platform);
      const forged = revocationListOf({
        issuer: "Intel SGX Root CA",
        signer: keyOf(9),
        issuedAt: NOW,
        expiresAt: EXPIRES_AT,
        serials: [],
      });
      await expect(collateral.submitRootRevocationList(forged))
        .to.be.revertedWithCustomError(collateral, "CollateralSignatureInvalid")
        .withArgs(LIST, ZeroHash);
      await expect(collateral.submitRootRevocationList(rootList([], NOW - DAY, NOW - 1)))
        .to.be.revertedWithCustomError(collateral, "CollateralExpired")
        .withArgs(LIST, ZeroHash, NOW - 1);
      await expect(collateral.submitRootRevocationList(rootList([], NOW + DAY, NOW + 2 * DAY)))
        .to.be.revertedWithCustomError(collateral, "CollateralNotYetValid")
        .withArgs(LIST, ZeroHash, NOW + DAY);
    });
    it("refuse a list of the signer of TCB Info, and an unknown chain", async () => {
      const { collateral } = await networkHelpers.loadFixture(issued);
      await expect(collateral.submitRevocationList(signing, rootList()))
        .to.be.revertedWithCustomError(collateral, "CollateralIssuerUnsuited")
        .withArgs(signing, SIGNING);
      await expect(collateral.submitRevocationList(ZeroHash, rootList()))
        .to.be.revertedWithCustomError(collateral, "CollateralMissing")
        .withArgs(ISSUER, ZeroHash);
    });
    it("refuse a CA that the root revoked, and one without the root's list", async () => {
      const { collateral } = await networkHelpers.loadFixture(issued);
      await collateral.submitRootRevocationList(rootList([0x9a01n], ISSUED_AT + 1));
      await expect(collateral.submitRevocationList(platform, authorityList("Platform", [], NOW)))
        .to.be.revertedWithCustomError(collateral, "CertificateRevoked")
        .withArgs(ZeroHash, 0x9a01);
      const { collateral: fresh } = await empty();
      await fresh.submitChain(chain(authorityChain("Platform")));
      await expect(fresh.submitRevocationList(platform, authorityList("Platform")))
        .to.be.revertedWithCustomError(fresh, "CollateralMissing")
        .withArgs(LIST, ZeroHash);
    });
  });

  describe("submitTcbInfo, submitQeIdentity", () => {
    it("store the facts and tell", async () => {
      const { collateral } = await networkHelpers.loadFixture(issued);
      await expect(submitTcbInfo(collateral, "TDX"))
        .to.emit(collateral, "TcbInfoUpdated")
        .withArgs(TDX, `0x${FMSPC.toLowerCase()}`, 17, ISSUED_AT, EXPIRES_AT);
      await expect(submitQeIdentity(collateral, "SGX"))
        .to.emit(collateral, "QeIdentityUpdated")
        .withArgs(SGX, 17, ISSUED_AT, EXPIRES_AT);
      const [info, expiresAt] = await collateral.tcbInfo(TDX, `0x${FMSPC}`);
      expect(expiresAt).to.equal(EXPIRES_AT);
      expect(info.levels.map(({ status }) => status)).to.deep.equal([0n, 1n, 4n, 6n]);
      expect(info.levels[0]?.sgx).to.equal(0x05050202030100050000000000000000n);
      expect(info.levels[0]?.tdx).to.equal(0x05000200000000000000000000000000n);
      expect(info.modules.map(({ version }) => version)).to.deep.equal([0n, 1n]);
      expect([...info.advisories]).to.deep.equal([615n, 289n, 106n]);
      const [identity] = await collateral.qeIdentity(SGX);
      expect(identity.levels.map(({ isvSvn }) => isvSvn)).to.deep.equal([8n, 6n, 5n]);
      expect(identity.productId).to.equal(1);
    });
    it("replace an older one by a greater number, or the same number and a later date", async () => {
      const { collateral } = await networkHelpers.loadFixture(full);
      await submitTcbInfo(collateral, "SGX", { issueDate: "2025-06-25T00:00:00Z" });
      await submitTcbInfo(collateral, "SGX", { tcbEvaluationDataNumber: 18, issueDate: "2025-06-20T00:00:00Z" });
      const [info] = await collateral.tcbInfo(SGX, `0x${FMSPC}`);
      expect(info.validity.evaluation).to.equal(18);
      await submitQeIdentity(collateral, "SGX", { tcbEvaluationDataNumber: 18 });
    });
    it("leave nothing of a longer one", async () => {
      const { collateral } = await networkHelpers.loadFixture(full);
      const levels = tcbInfo("TDX").tcbLevels as unknown[];
      await submitTcbInfo(collateral, "TDX", {
        tcbEvaluationDataNumber: 18,
        tcbLevels: levels.slice(0, 1),
        tdxModuleIdentities: undefined,
      });
      const [info] = await collateral.tcbInfo(TDX, `0x${FMSPC}`);
      expect([info.levels.length, info.modules.length, info.advisories.length]).to.deep.equal([1, 1, 0]);
    });
    it("refuse one that is not newer", async () => {
      const { collateral } = await networkHelpers.loadFixture(full);
      for (const changes of [{}, { tcbEvaluationDataNumber: 16, issueDate: "2025-06-25T00:00:00Z" }]) {
        await expect(submitTcbInfo(collateral, "SGX", changes))
          .to.be.revertedWithCustomError(collateral, "CollateralNotNewer")
          .withArgs(TCB_INFO, FMSPC_WORD, "issueDate" in changes ? 1_750_809_600 : ISSUED_AT, ISSUED_AT);
      }
      await expect(submitQeIdentity(collateral, "TDX"))
        .to.be.revertedWithCustomError(collateral, "CollateralNotNewer")
        .withArgs(QE_IDENTITY, word("TD_QE"), ISSUED_AT, ISSUED_AT);
    });
    it("refuse one from the future, and one that expired", async () => {
      const { collateral } = await networkHelpers.loadFixture(issued);
      await expect(submitTcbInfo(collateral, "SGX", { issueDate: "2025-07-02T00:00:00Z" }))
        .to.be.revertedWithCustomError(collateral, "CollateralNotYetValid")
        .withArgs(TCB_INFO, FMSPC_WORD, NOW + DAY);
      await expect(submitQeIdentity(collateral, "SGX", { nextUpdate: "2025-06-30T00:00:00Z" }))
        .to.be.revertedWithCustomError(collateral, "CollateralExpired")
        .withArgs(QE_IDENTITY, word("QE"), NOW - DAY);
    });
    it("refuse another signer, a changed document, and the key of a CA", async () => {
      const { collateral } = await networkHelpers.loadFixture(issued);
      const { json, signature } = signedDocument(tcbInfo("SGX"), keyOf(9));
      await expect(collateral.submitTcbInfo(signing, toUtf8Bytes(json), ...halves(signature)))
        .to.be.revertedWithCustomError(collateral, "CollateralSignatureInvalid")
        .withArgs(TCB_INFO, signing);
      const identity = signedDocument(qeIdentity("SGX"));
      await expect(
        collateral.submitQeIdentity(
          signing,
          toUtf8Bytes(identity.json.replace("8", "9")),
          ...halves(identity.signature),
        ),
      )
        .to.be.revertedWithCustomError(collateral, "CollateralSignatureInvalid")
        .withArgs(QE_IDENTITY, signing);
      await expect(collateral.submitTcbInfo(platform, toUtf8Bytes(json), ...halves(signature)))
        .to.be.revertedWithCustomError(collateral, "CollateralIssuerUnsuited")
        .withArgs(platform, PLATFORM_CA);
    });
  });

  describe("pckIssuer", () => {
    it("gives the CA, and until when it and the lists count", async () => {
      const { collateral } = await networkHelpers.loadFixture(issued);
      const [issuer, expiresAt] = await collateral.pckIssuer(platform);
      expect([issuer.serial, issuer.kind, expiresAt]).to.deep.equal([0x9a01n, PLATFORM_CA, BigInt(EXPIRES_AT)]);
    });
    it("refuses the signer of TCB Info", async () => {
      const { collateral } = await networkHelpers.loadFixture(issued);
      await expect(collateral.pckIssuer(signing))
        .to.be.revertedWithCustomError(collateral, "CollateralIssuerUnsuited")
        .withArgs(signing, SIGNING);
    });
  });
});
