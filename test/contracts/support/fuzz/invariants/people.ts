import { addressOf } from "../move.ts";
import { isWrong } from "../court.ts";
import { isWatched } from "../duties.ts";
import { PURSE } from "../world.ts";
import { always, atLast, bigOf, type Invariant, saidBy, sum, textOf, wealthOf } from "./base.ts";

/*
 * What the actors gain and lose. The honest do their duties in time, see duties.ts.
 */

const FINAL = 6n;

export const PEOPLE: readonly Invariant[] = [
  always("I-83", "an honest operator loses nothing, whoever attacks it: no penalty, no jail, no verdict", function* (world) {
    const honest = new Set(world.people.operators.map(({ address }) => address).filter((it) => world.characterOf(it) === "honest"));
    for (const event of saidBy(world, "staking.Slashed", "staking.DrawMissed", "staking.Jailed", "staking.Tombstoned")) {
      const operator = textOf(event, "operator");
      if (honest.has(operator)) yield `${operator}: ${event.name}`;
    }
  }),

  atLast("I-84", "an honest operator ends with at least all that it brought", function* (world) {
    for (const { address } of world.people.operators) {
      if (world.characterOf(address) !== "honest") continue;
      const wealth = wealthOf(world.view, address);
      if (wealth < PURSE) yield `${address} has ${wealth} of ${PURSE}`;
    }
  }),

  atLast("I-85", "the honest watcher ends with at least all that it brought, whoever else was in court", function* (world) {
    const { address = "" } = world.people.watchers[0] ?? {};
    const wealth = wealthOf(world.view, address);
    if (wealth < PURSE) yield `has ${wealth} of ${PURSE}`;
  }),

  always("I-86", "with one honest watcher no wrong answer that leaves time to look becomes final", function* ({ view, jobs }) {
    for (const job of jobs) {
      const { status } = view.requests.get(job.id) ?? {};
      if (status === FINAL && isWrong(job) && isWatched(job)) yield `${job.id} is ${job.answer ?? ""} and final`;
    }
  }),

  atLast("I-87", "every answer that an honest operator gave becomes final and is paid", function* (world) {
    for (const { id } of world.jobs) {
      const { claimedBy } = world.ledger.job(id);
      const { status } = world.view.requests.get(id) ?? {};
      if (world.characterOf(claimedBy) === "honest" && status !== FINAL) yield `${id} ended with ${status}`;
    }
  }),

  always("I-88", "whoever accuses itself loses at least half of what is taken, with its own request even", function* (world) {
    const marked = saidBy(world, "staking.PayoutMarked");
    for (const { args } of marked) {
      const amounts = args.amounts as readonly bigint[];
      const [accuser = 0n, harmed = 0n, sink = 0n] = amounts;
      if (sink < accuser + harmed) yield `${accuser} and ${harmed} come back, ${sink} is lost`;
    }
  }),

  always("I-89", "nobody has two places in a version, however often it leaves and comes back", function* ({ ledger }) {
    for (const [version, pool] of ledger.pools) {
      for (const operator of pool.doubled()) yield `${operator} in ${version}`;
    }
  }),

  always("I-90", "a consumer that calls back takes nothing: money goes to the accounts that are owed", function* ({ view, consumers }) {
    for (const consumer of consumers) {
      const wealth = wealthOf(view, consumer);
      if (wealth !== 0n) yield `${consumer} has ${wealth}`;
    }
  }),

  always("I-91", "an agent of an operator gets none of its money", function* ({ view, people }) {
    for (const { address } of people.agents) {
      const wealth = wealthOf(view, address);
      if (wealth !== 0n) yield `${address} has ${wealth}`;
    }
  }),

  always("I-92", "an accuser who is paid by a verdict of the court was named by it, and only the market's word is taken", function* (world) {
    const market = addressOf(world.contracts.market);
    const slashes = saidBy(world, "staking.Slashed").filter((event) => textOf(event, "manager") === market);
    const verdicts = saidBy(world, "market.ClaimConvicted");
    const fraud = slashes.filter((event) => bigOf(event, "fault") === 1n);
    if (fraud.length !== verdicts.length) yield `${fraud.length} slashes for ${verdicts.length} verdicts`;
    const accusers = verdicts.map((event) => textOf(event, "accuser"));
    const paid = saidBy(world, "staking.PayoutMarked").filter(({ args }) => sum([BigInt(String(args.accuser))]) !== 0n);
    for (const event of fraud.length === 0 ? [] : paid) {
      if (!accusers.includes(textOf(event, "accuser"))) yield `${textOf(event, "accuser")} is paid`;
    }
  }),
];
