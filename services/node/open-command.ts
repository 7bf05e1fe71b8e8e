import { AssayError } from "../../runner/errors.ts";
import type { Acting } from "../commands/command.ts";
import { eventText } from "../environment/log.ts";
import type { Reporter } from "../environment/events.ts";
import type { Environment } from "../environment/options.ts";
import { hasAccount } from "./account.ts";
import { openChain } from "./chain.ts";
import { type Configuration, readConfiguration } from "./configuration.ts";

/** What a command that ends stands on. */
export interface OpenCommand extends Acting {
  readonly configuration: Configuration;
  readonly deployment: Awaited<ReturnType<typeof openChain>>["deployment"];
  readonly close: () => void;
}

/**
 * Opens the chain for one command. It needs neither database nor models, so it runs beside a service of the same
 * configuration; what it must know of past events it reads from the chain.
 * @param acts Whether it sends transactions.
 * @throws AssayError NOT_READY without an account that could act, and those of `readConfiguration` and `openChain`.
 */
export async function openCommand(
  file: string | undefined,
  environment: Environment,
  acts: boolean,
): Promise<OpenCommand> {
  const configuration = await readConfiguration(file, environment);
  if (acts && !hasAccount(configuration)) {
    const reason = "there is no account: give keystore, keyVariable or remoteAccount";
    throw new AssayError("NOT_READY", reason, { reasons: [reason] });
  }
  // What is sent is told by the command itself.
  const report: Reporter = (event) => {
    if (event.kind !== "sent") console.error(eventText(event));
  };
  const { deployment, provider, account, contextWith } = await openChain(configuration, environment, report);
  const close = (): void => {
    provider.destroy();
  };
  try {
    const block = await provider.getBlock("latest");
    const own = await account.signer.getAddress();
    return { configuration, deployment, context: contextWith(), own, now: block?.timestamp ?? 0, close };
  } catch (error) {
    close();
    throw error;
  }
}
