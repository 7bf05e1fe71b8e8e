import type { ContractTransaction } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import { type Acting, command, type Command, type Plan, stepOf, timeText } from "./command.ts";
import { address, mode, type Parameters, type ValuesOf } from "./parameters.ts";

const group = "Guardian and governance:";

/**
 * A call that the access manager allows: at once, or after a delay in two runs of the command: the first one schedules it.
 * @throws AssayError NOT_READY when the account may not call it, or not yet.
 */
async function restricted({ context, own, now }: Acting, name: string, call: ContractTransaction): Promise<Plan> {
  const { authority } = context.suite;
  const { to, data } = call;
  const [atOnce, delay] = await authority.canCall(own, to, data.slice(0, 10));
  const step = stepOf(name, () => Promise.resolve(call));
  if (atOnce) return { steps: [step] };
  if (delay === 0n) throw notReady(`${own} has no role that may do this; Authority says who has`);
  const from = await authority.getSchedule(await authority.hashOperation(own, to, data));
  if (from === 0n) {
    const schedule = stepOf(name, () => authority.schedule.populateTransaction(to, data, 0));
    return {
      steps: [schedule],
      notes: [`run it again from ${timeText(BigInt(now) + delay)} on: governance has a delay`],
    };
  }
  if (from > BigInt(now)) throw notReady(`it is scheduled, and can be done from ${timeText(from)} on`);
  return { steps: [step] };
}

const notReady = (reason: string): AssayError<"NOT_READY"> =>
  new AssayError("NOT_READY", reason, { reasons: [reason] });

const row = <P extends Parameters>(
  name: string,
  about: string,
  parameters: P,
  call: (acting: Acting, values: ValuesOf<P>) => Promise<ContractTransaction>,
): Command =>
  command({
    ...{ name, group, about, parameters },
    plan: async (acting, values) => await restricted(acting, name, await call(acting, values)),
  });

export const GOVERNANCE_COMMANDS: readonly Command[] = [
  row("pause", "stops the market for at most three days: no new requests, its clock stands still", {}, (acting) =>
    acting.context.suite.market.pause.populateTransaction(),
  ),
  row("unpause", "ends a pause", {}, (acting) => acting.context.suite.market.unpause.populateTransaction()),
  row("rearm-pause", "lets the guardian pause once more", {}, (acting) =>
    acting.context.suite.market.rearmPause.populateTransaction(),
  ),
  row(
    ...(["freeze-mode", "freezes a mode of evidence for ever: its requests are answered no more"] as const),
    { mode: mode("name or selector of the mode") },
    (acting, values) => acting.context.suite.attestation.tombstoneRoute.populateTransaction(values.mode),
  ),
  row(
    ...(["freeze-source", "freezes a source of claims for ever: the court takes no new disputes of it"] as const),
    { source: address("contract whose claims are judged") },
    (acting, { source }) => acting.context.suite.court.tombstoneSource.populateTransaction(source),
  ),
  row(
    ...(["add-mode", "gives a mode of evidence its verifier"] as const),
    { mode: mode("name or selector of the mode"), verifier: address("contract that checks it") },
    (acting, values) => acting.context.suite.attestation.addRoute.populateTransaction(values.mode, values.verifier),
  ),
  row(
    ...(["add-source", "lets the court judge the claims of a contract"] as const),
    { source: address("contract whose claims are judged") },
    (acting, { source }) => acting.context.suite.court.addSource.populateTransaction(source),
  ),
  row(
    ...(["add-manager", "lets a contract lock stake, after a delay that is longer than unbonding"] as const),
    { manager: address("contract that locks and slashes") },
    (acting, { manager }) => acting.context.suite.staking.addManager.populateTransaction(manager),
  ),
];
