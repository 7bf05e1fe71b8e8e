import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import { id } from "ethers";

/** Selector of the mode in which the key of an enrolled enclave signs the answer. */
export const TEE_MODE = id("assay.tee").slice(0, 10);

/** Intel's SGX Root CA: the one key that everything about enclaves leads to. */
export const INTEL_ROOT = {
  x: "0x0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5",
  y: "0x67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394",
};

/** Of `TcbStatus`: UpToDate and SWHardeningNeeded, as bits. */
const ACCEPTED_STATUSES = 0b11n;

/**
 * The TEE mode beside a deployment of the suite. Parameters: `authority` (address of the deployment; must be given), `root`
 * (Intel's root key, except in tests) and `acceptedStatuses` (bit i stands for status i of TcbStatus). Governance does the
 * rest, after its delay: `AttestationVerifier.addRoute(TEE_MODE, tee)` and `EnclaveRegistry.setMeasurement`.
 */
const EnclavesModule = buildModule("Enclaves", (m) => {
  const authority = m.getParameter<string>("authority");
  const reader = m.contract("CollateralReader");
  const collateral = m.contract("CollateralRegistry", [m.getParameter("root", INTEL_ROOT), reader]);
  const quoteVerifier = m.contract("QuoteVerifier", [collateral]);
  const enclaves = m.contract("EnclaveRegistry", [
    authority,
    quoteVerifier,
    m.getParameter("acceptedStatuses", ACCEPTED_STATUSES),
  ]);
  const tee = m.contract("SignatureVerifier", [enclaves], { id: "TeeVerifier" });
  return { reader, collateral, quoteVerifier, enclaves, tee };
});

/** What `npx hardhat ignition deploy ignition/modules/Enclaves.ts` runs. */
export default EnclavesModule;
