import { artifacts } from "hardhat";

import { CONTRACT_NAMES } from "../../services/chain/deploy.ts";
import { table } from "./table.ts";

/** EIP-170: bytes of code that a contract may have. */
const LIMIT = 24_576;

/** What ignition/modules/Enclaves.ts deploys besides a second SignatureVerifier. */
const ENCLAVES = ["CollateralReader", "CollateralRegistry", "QuoteVerifier", "EnclaveRegistry"];

/** Runtime sizes of the contracts that are deployed. */
export const sizesChapter = async (): Promise<string> => {
  const rows: string[][] = [];
  for (const name of [...CONTRACT_NAMES, "DelegationVault", ...ENCLAVES].sort()) {
    const { deployedBytecode } = await artifacts.readArtifact(name);
    const bytes = (deployedBytecode.length - 2) / 2;
    if (bytes > LIMIT) throw new Error(`${name} has ${bytes} bytes, more than ${LIMIT}`);
    rows.push([name, bytes.toLocaleString("en"), `${((100 * bytes) / LIMIT).toFixed(0)} %`]);
  }
  return `## Size of the contracts\n\nThe limit is ${LIMIT.toLocaleString("en")} bytes.\n\n${table(
    ["Contract", "Runtime bytes", "Of the limit"],
    ["left", "right", "right"],
    rows,
  )}`;
};
