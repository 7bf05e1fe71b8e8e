import { ZeroAddress } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import type { PlaceTermsStruct } from "../../typechain-types/staking/OperatorPools.ts";
import type { HostedModel } from "../models/models.ts";
import type { ServiceContext } from "../chain/context.ts";
import { stepsToAllow, stepsToFund } from "../chain/funds.ts";
import { type Step, take } from "../chain/steps.ts";

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

/** What an operator shall have. */
export interface Joining {
  /** Stake. */
  readonly amount: bigint;
  /** URL under which others reach it; empty to leave it as it is. */
  readonly endpoint: string;
  readonly terms?: OperatorTerms;
}

/** A model to answer for: published versions of it, none when nobody published it. */
export interface JoinedModel {
  readonly name: string;
  readonly versionIds: readonly string[];
}

/** The versions of hosted models that the ledger knows. */
export const joinedModels = (
  { ledger }: Pick<ServiceContext, "ledger">,
  models: readonly HostedModel[],
): readonly JoinedModel[] =>
  models.map(({ name, commitment }) => ({ name, versionIds: ledger.versionsOf(commitment.commitment) }));

/**
 * What brings an operator's stake to `amount`, sets its key and endpoint, has bonds for audits at hand, and opts in to
 * versions.
 * @throws as `stepsToFund` does.
 */
export async function stepsToJoin(
  context: ServiceContext,
  models: readonly JoinedModel[],
  { amount, endpoint, terms = OPEN_TERMS }: Joining,
): Promise<readonly Step[]> {
  const { suite, signer, provider } = context;
  const { staking, pools, auditDesk } = suite;
  const own = await signer.getAddress();
  const { stake } = await staking.operatorOf(own);
  const missing = amount > stake ? amount - stake : 0n;
  // An auditor commits against a bond.
  const bonds = AUDITS * (await auditDesk.BOND());
  const steps: Step[] = [...(await stepsToFund(context, missing + bonds))];
  if (missing > 0n) {
    steps.push(...(await stepsToAllow(context, staking)));
    const action = { kind: "staked", amount: missing } as const;
    steps.push({ action, call: () => staking.deposit.populateTransaction(missing) });
  }
  steps.push(...(await stepsToAllow(context, auditDesk)));
  const now = (await provider.getBlock("latest"))?.timestamp ?? 0;
  if ((await staking.signingKeyAt(own, now)) === ZeroAddress) {
    steps.push({ action: { kind: "signingKeySet" }, call: () => staking.rotateSigningKey.populateTransaction(own) });
  }
  if (endpoint !== "" && (await staking.endpointOf(own)) !== endpoint) {
    const action = { kind: "endpointSet", endpoint } as const;
    steps.push({ action, call: () => staking.setEndpoint.populateTransaction(endpoint) });
  }
  for (const { name: model, versionIds } of models) {
    for (const versionId of versionIds) {
      if (!(await pools.isOptedIn(own, versionId))) {
        const call = () => pools.optIn.populateTransaction(versionId, terms);
        steps.push({ action: { kind: "optedIn", model }, call });
      } else if (missing > 0n) {
        const call = () => pools.weigh.populateTransaction(own, [versionId]);
        steps.push({ action: { kind: "weighed", model }, call });
      }
    }
  }
  return steps;
}

/** @throws AssayError NOT_READY when nobody published some of the models. */
export function expectPublished(models: readonly JoinedModel[]): void {
  const reasons = models
    .filter(({ versionIds }) => versionIds.length === 0)
    .map(({ name }) => `${name} is not published here: publish it, then do this again`);
  if (reasons.length > 0) throw new AssayError("NOT_READY", reasons.join("; "), { reasons });
}

/** Takes the steps of `stepsToJoin` for hosted models. @throws AssayError NOT_READY at the end when models are not published. */
export async function join(context: ServiceContext, models: readonly HostedModel[], joining: Joining): Promise<void> {
  await context.ledger.sync();
  const joined = joinedModels(context, models);
  await take(context, await stepsToJoin(context, joined, joining));
  expectPublished(joined);
}
