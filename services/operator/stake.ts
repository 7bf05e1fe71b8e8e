import { formatEther, MaxUint256, ZeroAddress } from "ethers";

import { log } from "../environment/log.ts";
import type { HostedModel } from "../models/models.ts";
import { type Scene, send } from "../chain/service.ts";

/** Makes sure that the account has at least `amount` of the token; the testnet token mints itself. */
export async function fund({ suite, signer }: Scene, amount: bigint): Promise<void> {
  const own = await signer.getAddress();
  const balance = await suite.token.balanceOf(own);
  if (balance < amount) await send(`minted ${formatEther(amount - balance)}`, suite.token.mint(own, amount - balance));
}

/** Lets a contract take the account's tokens, once. */
export async function allow({ suite, signer }: Scene, spender: { readonly target: unknown }): Promise<void> {
  const [own, target] = [await signer.getAddress(), String(spender.target)];
  if ((await suite.token.allowance(own, target)) < MaxUint256 / 2n) {
    await send("approved the token", suite.token.approve(target, MaxUint256));
  }
}

/** Brings an operator's stake to `amount`, sets its key and endpoint, and opts in to the models' versions. */
export async function join(
  scene: Scene,
  models: readonly HostedModel[],
  options: { readonly amount: bigint; readonly endpoint: string },
): Promise<void> {
  const { suite, signer, provider, ledger } = scene;
  const { staking } = suite;
  const own = await signer.getAddress();
  await ledger.sync();
  const { stake } = await staking.operatorOf(own);
  if (stake < options.amount) {
    const missing = options.amount - stake;
    await fund(scene, missing);
    await allow(scene, staking);
    await send(`staked ${formatEther(missing)}`, staking.deposit(missing));
  }
  const now = (await provider.getBlock("latest"))?.timestamp ?? 0;
  if ((await staking.signingKeyAt(own, now)) === ZeroAddress) {
    await send("set the signing key", staking.rotateSigningKey(own));
  }
  if (options.endpoint !== "" && (await staking.endpointOf(own)) !== options.endpoint) {
    await send(`set the endpoint ${options.endpoint}`, staking.setEndpoint(options.endpoint));
  }
  for (const { name, commitment } of models) {
    const versions = ledger.versionsOf(commitment.commitment);
    if (versions.length === 0) log(`${name} is not published here; publish it and run this again`);
    for (const versionId of versions) {
      if (!(await staking.isOptedIn(own, versionId))) {
        await send(`opted in to ${name}`, staking.optIn(versionId));
      }
    }
  }
}
