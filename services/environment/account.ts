import type { Connection, Signer } from "../chain/deployment.ts";
import { integerOption, invalid } from "./options.ts";

/** The account that a script acts for: ASSAY_ACCOUNT, an index into the network's accounts. */
export async function accountOf({ ethers }: Connection): Promise<Signer> {
  const signers = await ethers.getSigners();
  const index = integerOption("ASSAY_ACCOUNT", 0, 0, 1_000);
  const signer = signers[index];
  if (signer !== undefined) return signer;
  throw invalid("ASSAY_ACCOUNT", String(index), `the network has ${String(signers.length)} accounts`);
}
