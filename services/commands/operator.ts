import { formatEther } from "ethers";

import { CONSTANTS } from "../../runner/protocol/constants.ts";
import { OPEN_TERMS } from "../operator/stake.ts";
import { type Acting, callOf, command, type Command, stepOf, timeText } from "./command.ts";
import { address, text, tokens, type ValuesOf, versionId, whole } from "./parameters.ts";

const group = "Operator:";
const version = versionId("id of the version");
const MAX = { uint32: 2n ** 32n - 1n, uint256: 2n ** 256n - 1n };

/** Terms of a place, as contracts/types/Place.sol describes them. */
export const TERMS = {
  minimumFee: tokens("least fee of a request, in tokens", formatEther(OPEN_TERMS.minimumFee)),
  callbackPrice: whole(0n, MAX.uint32)("price of a unit of gas of callbacks, in 1e-18 token", "0"),
  minimumClaimSeconds: whole(0n, MAX.uint32)("least time for a claim, in seconds", "0"),
  maximumCallbackGas: whole(0n, BigInt(CONSTANTS.RequestIntake.MAX_CALLBACK_GAS))(
    "most gas of a callback",
    String(CONSTANTS.RequestIntake.MAX_CALLBACK_GAS),
  ),
  capacity: whole(1n, MAX.uint32)("most answers that are open at a time", String(OPEN_TERMS.capacity)),
};
export const termsOf = ({
  minimumFee,
  callbackPrice,
  minimumClaimSeconds,
  maximumCallbackGas,
  capacity,
}: ValuesOf<typeof TERMS>) => ({
  ...{ minimumFee, callbackPrice, minimumClaimSeconds, maximumCallbackGas, capacity },
});

/** When draws of the present epoch name nobody any more: until then an operator that leaves must answer. */
async function servesUntil({ context: { suite }, now }: Acting): Promise<string> {
  const seconds = Number(await suite.pools.EPOCH_SECONDS());
  return timeText((Math.floor(now / seconds) + 2) * seconds);
}
const staysNote = async (acting: Acting): Promise<readonly string[]> => {
  const { open } = await acting.context.suite.staking.operatorOf(acting.own);
  return [
    `${String(open)} answers are open; draws may name this operator until ${await servesUntil(acting)}`,
    "keep it running until then, and until no answer is open: silence costs stake",
  ];
};

/** Versions that the account is opted in to. */
async function optedIn({ context: { suite, ledger }, own }: Acting): Promise<readonly string[]> {
  await ledger.sync();
  const ids = ledger.versions.map((each) => each.versionId);
  const opted = await Promise.all(ids.map((id) => suite.pools.isOptedIn(own, id)));
  return ids.filter((_, i) => opted[i]);
}

export const OPERATOR_COMMANDS: readonly Command[] = [
  callOf(
    {
      name: "opt-in",
      group,
      about: "answers for a version, from the next epoch on",
      parameters: { version, ...TERMS },
    },
    ({ context: { suite } }, { version: id, ...terms }) => suite.pools.optIn.populateTransaction(id, termsOf(terms)),
  ),
  callOf(
    { name: "set-terms", group, about: "changes the terms of a place", parameters: { version, ...TERMS } },
    ({ context: { suite } }, { version: id, ...terms }) => suite.pools.setTerms.populateTransaction(id, termsOf(terms)),
  ),
  callOf(
    { name: "opt-out", group, about: "answers for a version no more, from the next epoch on", parameters: { version } },
    ({ context: { suite } }, { version: id }) => suite.pools.optOut.populateTransaction(id),
    staysNote,
  ),
  callOf(
    { name: "weigh", group, about: "lets draws of a version count the present stake", parameters: { version } },
    ({ context: { suite }, own }, { version: id }) => suite.pools.weigh.populateTransaction(own, [id]),
  ),
  command({
    ...{ name: "drain", group, about: "opts out of all versions, so that no new request comes", parameters: {} },
    plan: async (acting) => ({
      steps: (await optedIn(acting)).map((id) =>
        stepOf("drain", () => acting.context.suite.pools.optOut.populateTransaction(id)),
      ),
      notes: await staysNote(acting),
    }),
  }),
  callOf(
    { name: "unbond", group, about: "queues free stake for exit", parameters: { amount: tokens("tokens") } },
    ({ context: { suite } }, { amount }) => suite.staking.unbond.populateTransaction(amount),
    async ({ context: { suite }, own, now }) => {
      const [free, seconds] = await Promise.all([suite.staking.freeStakeOf(own), suite.staking.UNBONDING_SECONDS()]);
      return [
        `${formatEther(free)} tokens are free`,
        `withdraw pays them out from ${timeText(BigInt(now) + seconds)} on; until then they can be slashed`,
      ];
    },
  ),
  callOf(
    {
      ...{ name: "withdraw", group, about: "pays out an exit whose time is over" },
      parameters: { position: whole(0n, MAX.uint256)("place in the queue, as status shows it") },
    },
    ({ context: { suite }, own }, { position }) => suite.staking.completeUnbonding.populateTransaction(own, position),
  ),
  callOf(
    { name: "unjail", group, about: "takes part in draws again after jail", parameters: {} },
    ({ context: { suite } }) => suite.staking.unjail.populateTransaction(),
    () => Promise.resolve(["weigh brings each version's weight back"]),
  ),
  callOf(
    {
      name: "rotate-key",
      group,
      about: "sets the key that signs answers",
      parameters: { key: address("its address") },
    },
    ({ context: { suite } }, { key }) => suite.staking.rotateSigningKey.populateTransaction(key),
    () => Promise.resolve(["a first key counts at once, a later one after a delay: keep the old one until then"]),
  ),
  callOf(
    {
      ...{ name: "set-agent", group, about: "lets another account answer for this one, which may stay offline" },
      parameters: { agent: address("its address; zero for nobody") },
    },
    ({ context: { suite } }, { agent }) => suite.staking.setAgent.populateTransaction(agent),
  ),
  callOf(
    { name: "set-endpoint", group, about: "says where the operator is reached", parameters: { url: text("URL") } },
    ({ context: { suite } }, { url }) => suite.staking.setEndpoint.populateTransaction(url),
  ),
];
