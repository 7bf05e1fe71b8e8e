import { AssayError } from "../../runner/errors.ts";
import type { ServiceContext } from "../chain/context.ts";
import { attach, type Deployment, deploymentIn } from "../chain/deployment.ts";
import { Endpoints } from "../chain/endpoints.ts";
import type { Journal } from "../chain/journal.ts";
import { Ledger } from "../chain/ledger.ts";
import { type Clock, SYSTEM_CLOCK } from "../environment/clock.ts";
import type { Reporter } from "../environment/events.ts";
import type { Environment } from "../environment/options.ts";
import { type Account, openAccount } from "./account.ts";
import type { Configuration } from "./configuration.ts";

/** The chain of a configuration, seen by its account. */
export interface Chain {
  readonly deployment: Deployment;
  readonly provider: Endpoints;
  readonly account: Account;
  readonly clock: Clock;
  /** A context whose ledger keeps what it reads in a journal; without one it reads the chain from the deployment on. */
  readonly contextWith: (journal?: Journal) => ServiceContext;
}

/** Opens the chain of a configuration. @throws AssayError DEPLOYMENT_MISSING, and those of `openAccount`. */
export async function openChain(
  configuration: Configuration,
  environment: Environment,
  report: Reporter,
): Promise<Chain> {
  const clock = SYSTEM_CLOCK;
  const deployment = await deploymentIn(configuration.deployment);
  const { chainId, randomness, existingToken = false } = deployment;
  const provider = new Endpoints(configuration.rpc, chainId, clock, report);
  try {
    const account = await openAccount(configuration, provider, { clock, report, environment });
    const { signer, sender } = account;
    const suite = attach(deployment, signer);
    if ((await provider.getCode(deployment.contracts.InferenceMarket)) === "0x") {
      const file = configuration.deployment;
      const reason = `${file} names contracts that are not on the chain of ${String(configuration.rpc.length)} nodes`;
      throw new AssayError("DEPLOYMENT_MISSING", reason, { chainId, file });
    }
    const contextWith = (journal?: Journal): ServiceContext => {
      const ledger = new Ledger(suite, provider, deployment, report, journal);
      return { suite, signer, sender, provider, randomness, existingToken, ledger, report, clock };
    };
    return { deployment, provider, account, clock, contextWith };
  } catch (error) {
    provider.destroy();
    throw error;
  }
}
