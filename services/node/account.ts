import { readFile } from "node:fs/promises";

import { getAddress, type HDNodeWallet, JsonRpcSigner, type Signer, VoidSigner, Wallet, ZeroAddress } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import { Endpoints } from "../chain/endpoints.ts";
import { dryRunSender, plainSender, type Sender } from "../chain/sender.ts";
import { TransactionManager } from "../chain/transactions.ts";
import type { Clock } from "../environment/clock.ts";
import type { Environment } from "../environment/options.ts";
import type { Reporter } from "../environment/events.ts";
import type { Configuration } from "./configuration.ts";
import { RemoteSigner } from "./remote-signer.ts";

/** Who acts, and how its transactions are sent. */
export interface Account {
  readonly signer: Signer;
  readonly sender: Sender;
  /** Wei that transactions cost today. */
  readonly spentToday: () => bigint;
}

/** Whether a configuration names an account. */
export const hasAccount = ({ keystore, keyVariable, remoteAccount }: Configuration): boolean =>
  (keystore ?? keyVariable ?? remoteAccount) !== undefined;

/** Opens the account of a configuration; without one, an account that can only read. @throws AssayError. */
export async function openAccount(
  configuration: Configuration,
  provider: Endpoints,
  { clock, report, environment }: { clock: Clock; report: Reporter; environment: Environment },
): Promise<Account> {
  const { remoteAccount, remoteSigner, maxFeePerGas, dailyWei, bumpSeconds, dryRun } = configuration;
  const plain = (signer: Signer): Account => ({
    signer,
    // The node fills in fees and nonces.
    sender: dryRun ? dryRunSender(signer) : plainSender(signer),
    spentToday: () => 0n,
  });
  let signer: Signer;
  if (remoteAccount !== undefined) {
    if (remoteSigner === undefined) return plain(new JsonRpcSigner(provider, getAddress(remoteAccount)));
    const { chainId } = await provider.getNetwork();
    const remote = new Endpoints([remoteSigner], Number(chainId), clock, report);
    signer = new RemoteSigner(remote, remoteAccount, provider);
  } else {
    const wallet = await walletOf(configuration, environment);
    if (wallet === undefined) return plain(new VoidSigner(ZeroAddress, provider));
    signer = wallet.connect(provider);
  }
  const policy = { maxFeePerGas, dailyWei, bumpSeconds, dryRun };
  const manager = new TransactionManager({ provider, signer, clock, report, policy });
  return { signer, sender: manager, spentToday: () => manager.spentToday };
}

async function walletOf(
  { keystore, passwordFile = "", keyVariable }: Configuration,
  environment: Environment,
): Promise<Wallet | HDNodeWallet | undefined> {
  if (keyVariable !== undefined) {
    const key = environment[keyVariable] ?? "";
    // The value itself is never shown.
    if (/^0x[0-9a-f]{64}$/i.test(key)) return new Wallet(key);
    const mistakes = [`keyVariable: ${keyVariable} holds no key: 0x and 64 hex digits`];
    throw new AssayError("CONFIGURATION_INVALID", mistakes.join(), { file: "the environment", mistakes });
  }
  if (keystore === undefined) return undefined;
  const read = async (path: string): Promise<string> =>
    await readFile(path, "utf8").catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new AssayError("FILE_UNREADABLE", `${path} cannot be read: ${reason}`, { path, reason });
    });
  return await Wallet.fromEncryptedJson(await read(keystore), (await read(passwordFile)).trim());
}
