import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { hexlify } from "ethers";

/**
 * Folder of two real quotes, one of SGX (version 3) and one of TDX (version 4), each with the collateral that counted from
 * 2025-06-19 to 2025-07-19: `sample/` of https://github.com/Phala-Network/dcap-qvl. They are not part of this project; what
 * needs them is left out without them.
 */
export const SAMPLES = process.env.ASSAY_QUOTES ?? "";
/** Whether the real quotes are there. */
export const HAS_SAMPLES = existsSync(join(SAMPLES, "tdx_v4_quote.bin"));

/** Collateral as the verification libraries of quotes exchange it: chains in PEM, lists and signatures in hexadecimal. */
export interface SampleCollateral {
  pck_crl_issuer_chain: string;
  root_ca_crl: string;
  pck_crl: string;
  tcb_info_issuer_chain: string;
  tcb_info: string;
  tcb_info_signature: string;
  qe_identity_issuer_chain: string;
  qe_identity: string;
  qe_identity_signature: string;
}

/** Intel's root key, which the collateral of the samples leads to. */
export const INTEL_ROOT = {
  x: "0x0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5",
  y: "0x67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394",
};

/** A time at which the collateral of both samples counts: 2025-06-20. */
export const SAMPLE_TIME = 1_750_377_600;

/** A real quote with its collateral. */
export const sample = (name: "sgx_v3" | "tdx_v4"): { quote: string; collateral: SampleCollateral } => ({
  quote: hexlify(readFileSync(join(SAMPLES, `${name}_quote.bin`))),
  collateral: JSON.parse(readFileSync(join(SAMPLES, `${name}_collateral.json`), "utf8")) as SampleCollateral,
});
