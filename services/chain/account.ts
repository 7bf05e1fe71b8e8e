import { type Connection, contextOf, readDeployment, type Signer } from "./connection.ts";
import type { ServiceContext } from "./context.ts";
import { AssayError } from "../../runner/errors.ts";
import { SYSTEM_CLOCK } from "../environment/clock.ts";
import { logReporter } from "../environment/log.ts";
import { integerOption, invalid, option } from "../environment/options.ts";

/**
 * What a script's service stands on: the account of ASSAY_ACCOUNT, on the deployment of the connection's chain.
 * @throws AssayError USAGE without a network that outlives the script, DEPLOYMENT_MISSING, OPTION_INVALID.
 */
export async function accountContext(connection: Connection): Promise<ServiceContext> {
  if (connection.networkConfig.type !== "http") {
    const reason = "a network inside this process ends with the script: add --network localhost, or another one";
    throw new AssayError("USAGE", reason, { option: "--network", reason });
  }
  const deployment = await readDeployment(connection, option("ASSAY_DEPLOYMENTS"));
  return contextOf(connection, deployment, await accountOf(connection), { report: logReporter, clock: SYSTEM_CLOCK });
}

/** The account that a script acts for: ASSAY_ACCOUNT, an index into the network's accounts. */
async function accountOf({ ethers }: Connection): Promise<Signer> {
  const signers = await ethers.getSigners();
  const index = integerOption("ASSAY_ACCOUNT", 0, 0, 1_000);
  const signer = signers[index];
  if (signer !== undefined) return signer;
  throw invalid("ASSAY_ACCOUNT", String(index), `the network has ${String(signers.length)} accounts`);
}
