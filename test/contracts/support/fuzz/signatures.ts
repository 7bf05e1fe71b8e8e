import { Signature, ZeroAddress } from "ethers";

import { ANSWER_TYPED_DATA } from "../../../../runner/protocol/typed-data.ts";
import { addressOf } from "./move.ts";
import type { Contracts, Job, Signer, World } from "./world.ts";

/*
 * What players sign: permits of the token, answers, publications.
 */

const uint256 = (name: string) => ({ name, type: "uint256" });
const address = (name: string) => ({ name, type: "address" });
const bytes32 = (name: string) => ({ name, type: "bytes32" });

const PERMIT = {
  Permit: [address("owner"), address("spender"), uint256("value"), uint256("nonce"), uint256("deadline")],
};
const PUBLISH = {
  PublishVersion: [
    address("publisher"),
    bytes32("commitment"),
    bytes32("metadataHash"),
    uint256("nonce"),
    uint256("deadline"),
  ],
};
/** The domain of every contract here but for its name. */
const CHAIN = { version: "1", chainId: 31_337 };

/** Takes the owner's allowance away and signs a permit of `value` instead. */
export async function permitFor(
  { token }: Pick<Contracts, "token">,
  owner: Signer,
  spender: { readonly target: unknown },
  value: bigint,
) {
  await token.connect(owner).approve(addressOf(spender), 0);
  const deadline = 2n ** 256n - 1n;
  const nonce = await token.nonces(owner);
  const domain = { name: "Assay Testnet Token", verifyingContract: addressOf(token), ...CHAIN };
  const message = { owner: owner.address, spender: addressOf(spender), value, nonce, deadline };
  return { deadline, ...parts(await owner.signTypedData(domain, PERMIT, message)) };
}

const parts = (signature: string) => {
  const { v, r, s } = Signature.from(signature);
  return { v, r, s };
};

/** A publisher's signature over a version. */
export async function publicationBy(
  world: World,
  signer: Signer,
  publisher: Signer,
  commitment: string,
  metadataHash: string,
  deadline: number,
): Promise<string> {
  const { registry } = world.contracts;
  const domain = { name: "Assay ModelRegistry", verifyingContract: addressOf(registry), ...CHAIN };
  const nonce = await registry.nonces(publisher);
  return signer.signTypedData(domain, PUBLISH, {
    ...{ publisher: publisher.address, commitment, metadataHash, nonce, deadline },
  });
}

/** Evidence for each mode of a request's policy: nothing, or the operator's signature. */
export async function evidenceFor(world: World, job: Job, outputRoot: string): Promise<string[]> {
  const { view, contracts, ledger } = world;
  const state = view.requests.get(job.id);
  const operator = state?.operator ?? ZeroAddress;
  const { request } = job;
  const keys = ledger.account(operator).keys.filter(({ activeFrom }) => activeFrom <= world.next);
  const signer = world.signerOf(keys.at(-1)?.key ?? world.people.pauper.address);
  const modes = (String(request.policy).slice(2).match(/.{8}/g) ?? []).map((mode) => `0x${mode}`);
  return Promise.all(
    modes
      .filter((mode) => Number(mode) !== 0)
      .map(async (mode) => {
        if (world.routes.get(mode)?.by !== "signature") return "0x";
        const { versionId, numericsVersion, inputRoot, windowSeconds } = request;
        const domain = { ...ANSWER_TYPED_DATA.domain, chainId: 31_337, verifyingContract: addressOf(contracts.signature) };
        return signer.signTypedData(domain, ANSWER_TYPED_DATA.types, {
          ...{ market: contracts.market.target, requestId: job.id, versionId, numericsVersion, inputRoot, outputRoot },
          ...{ operator, mode, deadline: state?.deadline ?? 0, windowSeconds },
        });
      }),
  );
}
