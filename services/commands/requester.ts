import { stepsToAllow, stepsToFund } from "../chain/funds.ts";
import { stepsToCollect } from "../chain/collect.ts";
import { type Acting, callOf, command, type Command, requestOf, stepOf } from "./command.ts";
import { requestId, tokens } from "./parameters.ts";

const group = "Requester:";
const parameters = { request: requestId("id of the request") };

/** Ends of a request that time opens, for anybody: their names are those of the market's functions. */
const EXITS = [
  ["refund", "refund", "returns the fee of a request that nobody could be drawn for"],
  ["time-out", "timeOut", "ends the turn of an operator that did not answer"],
  ["expire-dispute", "expireDispute", "ends a request whose dispute has no verdict in time"],
  ["notify-failure", "notifyFailure", "tells the callback of a request that it failed"],
] as const;

export const REQUESTER_COMMANDS: readonly Command[] = [
  ...EXITS.map(([name, method, about]) =>
    callOf({ name, group, about, parameters }, async (acting, { request }) => {
      const view = await requestOf(acting, request);
      return await acting.context.suite.market[method].populateTransaction(view.request);
    }),
  ),
  callOf(
    { name: "finalise", group, about: "makes an answer final whose window is over", parameters },
    async (acting, { request }) => {
      const view = await requestOf(acting, request);
      const outputs = view.claim?.outputs ?? new Uint8Array();
      return await acting.context.suite.market.finalise.populateTransaction(view.request, outputs);
    },
  ),
  command({
    ...{ name: "pay-in", group, about: "pays tokens in, so that requests need no transfer of their own" },
    parameters: { amount: tokens("tokens") },
    plan: async ({ context, own }: Acting, { amount }) => {
      const { market } = context.suite;
      return {
        steps: [
          ...(await stepsToFund(context, amount)),
          ...(await stepsToAllow(context, market)),
          stepOf("pay-in", () => market.deposit.populateTransaction(own, amount)),
        ],
      };
    },
  }),
  command({
    ...{ name: "collect", group: "Everybody:", about: "takes fees, refunds, bonds, rewards, royalties and damages" },
    parameters: {},
    plan: async ({ context }) => ({ steps: await stepsToCollect(context) }),
  }),
];
