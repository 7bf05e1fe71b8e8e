import { ZeroAddress } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import type { PlaceTermsStruct } from "../../typechain-types/staking/OperatorPools.ts";
import type { HostedModel } from "../models/models.ts";
import { send, type ServiceContext } from "../chain/context.ts";
import { allow, fund } from "../chain/funds.ts";

/** Under which terms an operator answers, as `contracts/types/Place.sol` describes them. */
export type OperatorTerms = PlaceTermsStruct;

/** Terms that take every request that the market opens, up to a hundred at once. */
export const OPEN_TERMS: OperatorTerms = {
  minimumFee: 0n,
  callbackPrice: 0n,
  minimumClaimSeconds: 0n,
  maximumCallbackGas: CONSTANTS.RequestIntake.MAX_CALLBACK_GAS,
  capacity: 100n,
};

/** Audits at once that an operator has bonds for. */
const AUDITS = 4n;

/**
 * Brings an operator's stake to `amount`, sets its key and endpoint, has bonds for audits at hand, and opts in to the models'
 * versions.
 * @throws AssayError NOT_READY at the end when models are not published.
 */
export async function join(
  context: ServiceContext,
  models: readonly HostedModel[],
  options: { readonly amount: bigint; readonly endpoint: string; readonly terms?: OperatorTerms },
): Promise<void> {
  const { suite, signer, provider, ledger } = context;
  const { staking, pools } = suite;
  const own = await signer.getAddress();
  await ledger.sync();
  const { stake } = await staking.operatorOf(own);
  const grown = stake < options.amount;
  if (grown) {
    const missing = options.amount - stake;
    await fund(context, missing);
    await allow(context, staking);
    await send(context, { kind: "staked", amount: missing }, staking.deposit.populateTransaction(missing));
  }
  // An auditor commits against a bond.
  const bond = await suite.auditDesk.BOND();
  await fund(context, AUDITS * bond);
  await allow(context, suite.auditDesk);
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
      if (!(await pools.isOptedIn(own, versionId))) {
        await send(
          context,
          { kind: "optedIn", model: name },
          pools.optIn.populateTransaction(versionId, options.terms ?? OPEN_TERMS),
        );
      } else if (grown) {
        await send(context, { kind: "weighed", model: name }, pools.weigh.populateTransaction(own, [versionId]));
      }
    }
  }
  if (unpublished.length === 0) return;
  const reasons = unpublished.map(
    (name) => `${name} is not published here: run scripts/publish-model.ts for it, then this again`,
  );
  throw new AssayError("NOT_READY", reasons.join("; "), { reasons });
}
