import { expect } from "chai";
import { getBytes, hexlify, toBeHex } from "ethers";
import { network } from "hardhat";

import { INTEL_ROOT, sample, SAMPLE_TIME } from "../../../testing/enclave/samples.ts";
import { deployVerifier, SGX, submitSample, TDX } from "../support/enclave.ts";

const { ethers, networkHelpers } = await network.create({
  override: { initialDate: new Date((SAMPLE_TIME - 1000) * 1000) },
});

describe("QuoteVerifier on real quotes", () => {
  const deployed = async () => {
    await networkHelpers.time.increaseTo(SAMPLE_TIME);
    const [sgx, tdx] = [await deployVerifier(ethers, INTEL_ROOT), await deployVerifier(ethers, INTEL_ROOT)];
    await submitSample(sgx.collateral, sample("sgx_v3").collateral);
    await submitSample(tdx.collateral, sample("tdx_v4").collateral);
    return { sgx_v3: sgx, tdx_v4: tdx };
  };
  it("verifies", async () => {
    const contracts = await networkHelpers.loadFixture(deployed);
    for (const name of ["sgx_v3", "tdx_v4"] as const) {
      const { verifier } = contracts[name];
      const report = await verifier.verify(sample(name).quote);
      console.log(report.toObject(true), await verifier.verify.estimateGas(sample(name).quote));
    }
  });
});
