import { expect } from "chai";
import { getBytes, hexlify, toUtf8Bytes } from "ethers";
import { network } from "hardhat";

import { oracleVerdict } from "../../../testing/enclave/oracle.ts";
import { HAS_SAMPLES, INTEL_ROOT, sample, SAMPLE_TIME } from "../../../testing/enclave/samples.ts";
import { chainId, deployVerifier, SGX, submitSample, TDX } from "../support/enclave.ts";

const { ethers, networkHelpers } = await network.create({
  override: { initialDate: new Date((SAMPLE_TIME - 1_000) * 1_000) },
});
/** What of each sample expires first: the identity of the quoting enclave, and the revocation list of the CA. */
const EXPIRY = { sgx_v3: 1_752_919_278, tdx_v4: 1_752_919_235 };
const HELLO = `0x${Buffer.from("Hello, world!").toString("hex").padEnd(64, "0")}`;

describe("QuoteVerifier, given real quotes with their collateral", () => {
  before(function () {
    if (!HAS_SAMPLES) this.skip();
  });
  const NAMES = ["sgx_v3", "tdx_v4"] as const;
  const ready = async () => {
    await networkHelpers.time.increaseTo(SAMPLE_TIME);
    const [sgx, tdx] = [await deployVerifier(ethers, INTEL_ROOT), await deployVerifier(ethers, INTEL_ROOT)];
    await submitSample(sgx.collateral, sample("sgx_v3").collateral);
    await submitSample(tdx.collateral, sample("tdx_v4").collateral);
    return { sgx_v3: sgx, tdx_v4: tdx };
  };

  it("verifies the one of SGX: its platform needs hardening and another configuration", async () => {
    const { verifier } = (await networkHelpers.loadFixture(ready)).sgx_v3;
    const { tee, status, expiresAt, fmspc, reportData, advisories } = await verifier.verify(sample("sgx_v3").quote);
    expect([tee, status, expiresAt, fmspc]).to.deep.equal([SGX, 3n, BigInt(EXPIRY.sgx_v3), "0x00a067110000"]);
    expect(reportData[0]).to.equal(HELLO);
    expect([...advisories]).to.deep.equal([615n, 289n]);
  });
  it("verifies the one of TDX: its platform is up to date", async () => {
    const { verifier } = (await networkHelpers.loadFixture(ready)).tdx_v4;
    const { tee, status, expiresAt, fmspc, advisories } = await verifier.verify(sample("tdx_v4").quote);
    expect([tee, status, expiresAt, fmspc]).to.deep.equal([TDX, 0n, BigInt(EXPIRY.tdx_v4), "0xb0c06f000000"]);
    expect([...advisories]).to.deep.equal([]);
  });
  it("says what another verifier says", async () => {
    const contracts = await networkHelpers.loadFixture(ready);
    const statuses = ["UpToDate", "", "", "ConfigurationAndSWHardeningNeeded"];
    for (const name of NAMES) {
      const { quote, collateral } = sample(name);
      const { status, advisories } = await contracts[name].verifier.verify(quote);
      expect(oracleVerdict(quote, collateral, SAMPLE_TIME)).to.deep.equal({
        status: statuses[Number(status)],
        advisories: advisories.map((number) => `INTEL-SA-${String(number).padStart(5, "0")}`).sort(),
      });
    }
  });
  it("refuses them after their collateral, as the other verifier does", async () => {
    const contracts = await networkHelpers.loadFixture(ready);
    for (const name of NAMES) {
      const { quote, collateral } = sample(name);
      const { verifier, collateral: registry } = contracts[name];
      const time = Math.max(EXPIRY[name] + 1, await networkHelpers.time.latest());
      await networkHelpers.time.increaseTo(time + 1);
      await expect(verifier.verify(quote))
        .to.be.revertedWithCustomError(registry, "CollateralExpired")
        .withArgs(
          ...(name === "sgx_v3"
            ? [3, hexlify(toUtf8Bytes("QE")).padEnd(66, "0")]
            : [1, chainId(collateral.pck_crl_issuer_chain)]),
          EXPIRY[name],
        );
      expect(oracleVerdict(quote, collateral, time + 86_400)).to.equal("refused");
    }
  });
  it("refuses each with the other's collateral", async () => {
    const { sgx_v3: sgx } = await networkHelpers.loadFixture(ready);
    const chain = chainId(sample("tdx_v4").collateral.pck_crl_issuer_chain);
    await expect(sgx.verifier.verify(sample("tdx_v4").quote))
      .to.be.revertedWithCustomError(sgx.collateral, "CollateralMissing")
      .withArgs(0, chain);
  });
  it("refuses collateral of Intel under another root", async () => {
    const { collateral } = await deployVerifier(ethers, {
      x: "0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
      y: "0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    });
    await expect(collateral.submitChain(getBytes(Buffer.from(sample("sgx_v3").collateral.pck_crl_issuer_chain))))
      .to.be.revertedWithCustomError(collateral, "CollateralRootUnknown")
      .withArgs(INTEL_ROOT.x, INTEL_ROOT.y);
  });
});
