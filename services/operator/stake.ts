import { MaxUint256, ZeroAddress } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import type { HostedModel } from "../models/models.ts";
import { send, type ServiceContext } from "../chain/context.ts";

/** Makes sure that the account has at least `amount` of the token; the testnet token mints itself. */
export async function fund(context: ServiceContext, amount: bigint): Promise<void> {
  const { suite, signer } = context;
  const own = await signer.getAddress();
  const missing = amount - (await suite.token.balanceOf(own));
  if (missing > 0n)
    await send(context, { kind: "minted", amount: missing }, suite.token.mint.populateTransaction(own, missing));
}

/** Lets a contract take the account's tokens, once. */
export async function allow(context: ServiceContext, spender: { readonly target: unknown }): Promise<void> {
  const { suite, signer } = context;
  const [own, target] = [await signer.getAddress(), String(spender.target)];
  if ((await suite.token.allowance(own, target)) < MaxUint256 / 2n) {
    await send(context, { kind: "approved" }, suite.token.approve.populateTransaction(target, MaxUint256));
  }
}

/**
 * Brings an operator's stake to `amount`, sets its key and endpoint, and opts in to the models' versions.
 * @throws AssayError NOT_READY at the end when models are not published.
 */
export async function join(
  context: ServiceContext,
  models: readonly HostedModel[],
  options: { readonly amount: bigint; readonly endpoint: string },
): Promise<void> {
  const { suite, signer, provider, ledger } = context;
  const { staking } = suite;
  const own = await signer.getAddress();
  await ledger.sync();
  const { stake } = await staking.operatorOf(own);
  if (stake < options.amount) {
    const missing = options.amount - stake;
    await fund(context, missing);
    await allow(context, staking);
    await send(context, { kind: "staked", amount: missing }, staking.deposit.populateTransaction(missing));
  }
  const now = (await provider.getBlock("latest"))?.timestamp ?? 0;
  if ((await staking.signingKeyAt(own, now)) === ZeroAddress) {
    await send(context, { kind: "signingKeySet" }, staking.rotateSigningKey.populateTransaction(own));
  }
  if (options.endpoint !== "" && (await staking.endpointOf(own)) !== options.endpoint) {
    const { endpoint } = options;
    await send(context, { kind: "endpointSet", endpoint }, staking.setEndpoint.populateTransaction(endpoint));
  }
  const unpublished: string[] = [];
  for (const { name, commitment } of models) {
    const versions = ledger.versionsOf(commitment.commitment);
    if (versions.length === 0) unpublished.push(name);
    for (const versionId of versions) {
      if (!(await staking.isOptedIn(own, versionId))) {
        await send(context, { kind: "optedIn", model: name }, staking.optIn.populateTransaction(versionId));
      }
    }
  }
  if (unpublished.length === 0) return;
  const reasons = unpublished.map(
    (name) => `${name} is not published here: run scripts/publish-model.ts for it, then this again`,
  );
  throw new AssayError("NOT_READY", reasons.join("; "), { reasons });
}
