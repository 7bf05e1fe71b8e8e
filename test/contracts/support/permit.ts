import { type AddressLike, MaxUint256, Signature } from "ethers";

import type { Connection, Protocol, Signer } from "./protocol.ts";

const PERMIT = {
  Permit: [
    { name: "owner", type: "address" },
    { name: "spender", type: "address" },
    { name: "value", type: "uint256" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
};

/** Takes `owner`'s allowance away and signs the owner's first ERC-2612 permit instead: `value` base units, for ever. */
export async function permitOf(
  { ethers }: Connection,
  { token }: Protocol,
  owner: Signer,
  spender: { readonly target: AddressLike },
  value: bigint,
): Promise<Signature> {
  await token.connect(owner).approve(spender.target, 0);
  const { chainId } = await ethers.provider.getNetwork();
  const signed = await owner.signTypedData(
    { name: "Assay Testnet Token", version: "1", chainId, verifyingContract: await token.getAddress() },
    PERMIT,
    { owner: owner.address, spender: spender.target, value, nonce: 0, deadline: MaxUint256 },
  );
  return Signature.from(signed);
}
