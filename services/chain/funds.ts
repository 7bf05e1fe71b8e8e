import { MaxUint256 } from "ethers";

import { send, type ServiceContext } from "./context.ts";

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
