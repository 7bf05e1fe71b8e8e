import { formatEther, MaxUint256 } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import type { ServiceContext } from "./context.ts";
import { type Step, take } from "./steps.ts";

/**
 * What gives the account at least `amount` of the token: the token of test networks mints itself.
 * @throws AssayError NOT_READY when it is another token and the account has too little.
 */
export async function stepsToFund(
  { suite: { token }, signer, existingToken = false }: ServiceContext,
  amount: bigint,
): Promise<readonly Step[]> {
  const own = await signer.getAddress();
  const held = await token.balanceOf(own);
  const missing = amount - held;
  if (missing <= 0n) return [];
  if (existingToken) {
    const reason = `${own} has ${formatEther(held)} tokens and needs ${formatEther(amount)}: send it the rest`;
    throw new AssayError("NOT_READY", reason, { reasons: [reason] });
  }
  const action = { kind: "minted", amount: missing } as const;
  return [{ action, call: () => token.mint.populateTransaction(own, missing) }];
}

/** What lets a contract take the account's tokens, once. */
export async function stepsToAllow(
  { suite: { token }, signer }: ServiceContext,
  spender: { readonly target: unknown },
): Promise<readonly Step[]> {
  const target = String(spender.target);
  if ((await token.allowance(await signer.getAddress(), target)) >= MaxUint256 / 2n) return [];
  return [{ action: { kind: "approved" }, call: () => token.approve.populateTransaction(target, MaxUint256) }];
}

/** Takes the steps of `stepsToFund`. @throws as that, and as Sender.send does. */
export async function fund(context: ServiceContext, amount: bigint): Promise<void> {
  await take(context, await stepsToFund(context, amount));
}

/** Takes the steps of `stepsToAllow`. @throws as Sender.send does. */
export async function allow(context: ServiceContext, spender: { readonly target: unknown }): Promise<void> {
  await take(context, await stepsToAllow(context, spender));
}
