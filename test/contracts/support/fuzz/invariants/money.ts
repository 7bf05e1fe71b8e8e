import { CONSTANTS } from "../../../../../runner/protocol/constants.ts";
import { addressOf, CHALLENGED, FINAL, short } from "../move.ts";
import { COURT_TERMS } from "../world.ts";
import { always, atLast, bigOf, changes, type Invariant, saidBy, sum, textOf, wealthOf } from "./base.ts";
import { transitions } from "./diagrams.ts";

/*
 * Where the money is, and that each unit of it leaves once.
 */

const { WITHHELD_BPS } = CONSTANTS.RequestIntake;
const PENALTIES = ["staking.Slashed", "staking.DrawMissed", "staking.OwedTaken"] as const;
/** Moves by which somebody pays. */
const PAYING: readonly string[] = [
  ...["market.request", "market.requestWithPermit", "staking.deposit", "staking.depositWithPermit", "market.deposit"],
  ...["court.challenge", "court.demandTrace", "court.demandTensor", "court.deposit"],
];

export const MONEY: readonly Invariant[] = [
  always("I-01", "staking holds exactly the tokens it owes: stake, exits and unpaid shares", function* ({ view, contracts }) {
    const stakes = sum(
      [...view.operators.values()].map(({ stake, exits }) => stake + sum(exits.map((it) => it.amount))),
    );
    const owed = stakes + sum(view.payouts.flatMap(({ amounts }) => amounts));
    const held = view.balances.get(addressOf(contracts.staking));
    if (owed !== view.totalHeld || owed !== held) yield `owes ${owed}, says ${view.totalHeld}, holds ${held}`;
  }),

  always("I-02", "the market holds exactly the fees of open requests and the credits", function* ({ view, contracts, jobs }) {
    const open = jobs.filter(({ id }) => (view.requests.get(id)?.status ?? FINAL) < FINAL);
    const owed = sum(open.map(({ request }) => BigInt(request.fee))) + sum(view.credits.market.values());
    const held = view.balances.get(addressOf(contracts.market));
    if (owed !== held) yield `owes ${owed}, holds ${held}`;
  }),

  always(
    "I-05",
    "per penalty: accuser + requester + sink = taken; accuser and requester get at most a quarter each",
    function* (world) {
      const taken = saidBy(world, ...PENALTIES)
        .map(({ args }) => {
          const parts = ["fromLock", "fromFree", "fromUnbonding", "penalty", "amount"];
          return sum(parts.map((part) => BigInt(String(args[part] ?? 0))));
        })
        .filter((amount) => amount > 0n);
      const marked = saidBy(world, "staking.PayoutMarked").map(({ args }) => args.amounts as bigint[]);
      const sums = marked.map((amounts) => sum(amounts));
      if (sums.join() !== taken.join()) yield `paid out ${sums.join()} of ${taken.join()}`;
      for (const [i, [accuser = 0n, harmed = 0n]] of marked.entries()) {
        const whole = sums[i] ?? 0n;
        if (4n * accuser > whole || 4n * harmed > whole) yield `accuser ${accuser}, requester ${harmed} of ${whole}`;
      }
    },
  ),

  always("I-11", "no unit of the token is made or lost: the supply stays with its holders", function* ({ view }, { before }) {
    const held = sum(view.balances.values());
    if (held !== view.supply || view.supply !== before.supply) {
      yield `${held} of ${view.supply}, before ${before.supply}`;
    }
  }),

  always(
    "I-13",
    "the court holds exactly its credits and the bonds of disputes and demands that are not settled",
    function* ({ view, contracts, terms }) {
      let owed = sum(view.credits.court.values());
      for (const [claimId, { status, termsId, demands }] of view.disputes) {
        const { challengeBond, demandBond } = terms[termsId] ?? COURT_TERMS;
        if (status === 1n || status === 2n) owed += challengeBond + demands * demandBond;
        const kept = (view.demands.get(claimId) ?? []).filter(({ demander }) => BigInt(demander) !== 0n).length;
        if (status === 4n) owed += BigInt(kept) * demandBond;
      }
      const held = view.balances.get(addressOf(contracts.court));
      if (owed !== held) yield `owes ${owed}, holds ${held}`;
    },
  ),

  always(
    "I-18",
    "nobody loses tokens, stake or credit but by a payment of its own or a penalty",
    function* (world, { before, move }) {
      const { view } = world;
      if (PAYING.includes(move)) return;
      const slashed = new Set(saidBy(world, ...PENALTIES).map((event) => textOf(event, "operator")));
      for (const address of before.credits.market.keys()) {
        const lost = wealthOf(before, address) - wealthOf(view, address);
        if (lost > 0n && !slashed.has(address)) yield `${address} lost ${lost} by ${move}`;
      }
    },
  ),

  always("I-19", "the whole fee of each request leaves with its end, and nothing before", function* ({ view, jobs, ledger }) {
    for (const { id, request } of jobs) {
      const { status = 0n } = view.requests.get(id) ?? {};
      const paid = sum(ledger.creditedFor(id).values());
      const due = status >= FINAL ? BigInt(request.fee) : 0n;
      if (paid !== due) yield `${short(id)}: ${paid} of ${due} with status ${status}`;
    }
  }),

  always(
    "I-20",
    "a fee goes to operator and royalty when the answer is final, to the requester when there is none, and in part to the operator when the input was withheld",
    function* (world, step) {
      for (const { id, state, name } of transitions(world, step).requests) {
        const job = world.jobs.find((it) => it.id === id);
        if (state.status < FINAL || job === undefined) continue;
        const { request } = job;
        const [fee, royalty] = [BigInt(request.fee), BigInt(request.royalty)];
        const withheld = name === "InputDemanded to Cancelled" ? (fee * BigInt(WITHHELD_BPS)) / 10_000n : 0n;
        const rows: readonly (readonly [string, bigint])[] =
          state.status === FINAL
            ? [
                [state.operator, fee - royalty],
                [String(request.royaltyRecipient), royalty],
              ]
            : [
                [state.operator, withheld],
                [String(request.requester), fee - withheld],
              ];
        const due = new Map<string, bigint>();
        for (const [account, amount] of rows) if (amount > 0n) due.set(account, (due.get(account) ?? 0n) + amount);
        const paid = world.ledger.creditedFor(id);
        const shown = (row: ReadonlyMap<string, bigint>): string => [...row].map((it) => it.join(" ")).sort().join();
        if (shown(due) !== shown(paid)) yield `${short(id)} ${name}: ${shown(paid)} instead of ${shown(due)}`;
      }
    },
  ),

  always("I-21", "compensation is told for a request whose input was withheld, and for no other", function* (world, step) {
    for (const [id, now, then] of changes(world.view.requests, step.before.requests)) {
      const job = world.jobs.find((it) => it.id === id);
      const withheld = then?.status === 3n && now.status === 9n;
      const due = withheld ? (BigInt(job?.request.fee ?? 0) * BigInt(WITHHELD_BPS)) / 10_000n : (then?.compensation ?? 0n);
      if (now.compensation !== due) yield `${short(id)}: ${now.compensation} instead of ${due}`;
    }
  }),

  always(
    "I-22",
    "credit grows only by a settlement or a payment, and falls only by a withdrawal of all of it or a fee of its own request",
    function* (world, { before }) {
      for (const of of ["market", "court"] as const) {
        for (const [account, now, then = 0n] of changes(world.view.credits[of], before.credits[of])) {
          const grown = saidBy(world, `${of}.Credited`, `${of}.CreditDeposited`).filter(
            (event) => textOf(event, "account") === account,
          );
          const out = saidBy(world, `${of}.CreditWithdrawn`).filter((event) => textOf(event, "account") === account);
          const fees = saidBy(world, `${of}.RequestOpened`).filter((event) => textOf(event, "requester") === account);
          const fee = sum(fees.map(({ args }) => (args.request as { readonly fee: bigint }).fee));
          const due = then + sum(grown.map((event) => bigOf(event, "amount"))) - (then >= fee ? fee : 0n);
          const left = out.length === 0 ? due : 0n;
          if (now !== left) yield `${account} at the ${of}: ${then}, then ${now} instead of ${left}`;
        }
      }
    },
  ),

  always("I-23", "a fee is taken once: from credit that covers it, otherwise whole from tokens", function* (world, { before }) {
    const { view } = world;
    for (const event of saidBy(world, "market.RequestOpened")) {
      const account = textOf(event, "requester");
      const { fee } = event.args.request as { readonly fee: bigint };
      const credit = (at: typeof view): bigint => at.credits.market.get(account) ?? 0n;
      const tokens = (at: typeof view): bigint => at.balances.get(account) ?? 0n;
      const [fromCredit, fromTokens] = [credit(before) - credit(view), tokens(before) - tokens(view)];
      const covered = credit(before) >= fee;
      if (fromCredit !== (covered ? fee : 0n) || fromTokens !== (covered ? 0n : fee)) {
        yield `${account}: ${fromCredit} of credit and ${fromTokens} of tokens for ${fee}`;
      }
    }
  }),

  always("I-24", "a withdrawal pays the account that is owed, whoever sends it", function* (world, { before }) {
    for (const event of saidBy(world, "market.CreditWithdrawn", "court.CreditWithdrawn")) {
      const account = textOf(event, "account");
      const got = (world.view.balances.get(account) ?? 0n) - (before.balances.get(account) ?? 0n);
      if (got !== bigOf(event, "amount")) yield `${account} got ${got}`;
    }
  }),

  always("I-25", "a share of a penalty is paid once, to the recipient that the verdict named", function* (world, { before }) {
    for (const event of saidBy(world, "staking.PayoutPaid")) {
      const payout = before.payouts[Number(event.args.payoutId) - 1];
      const share = Number(event.args.share);
      const named = [payout?.accuser, payout?.harmed, world.people.sink.address][share];
      const recipient = textOf(event, "recipient");
      const [amount, due] = [bigOf(event, "amount"), payout?.amounts[share] ?? 0n];
      const got = (world.view.balances.get(recipient) ?? 0n) - (before.balances.get(recipient) ?? 0n);
      if (recipient !== named || amount !== due || amount === 0n || got !== amount) {
        yield `${recipient} got ${got} of ${due}, named was ${named}`;
      }
    }
  }),

  always("I-26", "what a payout says changes only by payment, and its time only by one freeze", function* ({ view }, { before }) {
    if (view.payouts.length < before.payouts.length) yield "a payout is gone";
    for (const [i, then] of before.payouts.entries()) {
      const now = view.payouts[i];
      if (now === undefined || now === then) continue;
      if (now.accuser !== then.accuser || now.harmed !== then.harmed) yield `payout ${i + 1}: other recipients`;
      if (now.amounts.some((amount, share) => amount !== then.amounts[share] && amount !== 0n)) {
        yield `payout ${i + 1}: ${then.amounts.join()} became ${now.amounts.join()}`;
      }
      const frozen = now.frozen && !then.frozen;
      if (then.frozen && !now.frozen) yield `payout ${i + 1}: thawed`;
      if (now.payableAt - then.payableAt !== (frozen ? 7 * 86_400 : 0)) yield `payout ${i + 1}: other time`;
    }
  }),

  always("I-27", "the bonds of a dispute leave exactly once, with its verdict", function* ({ view, ledger, terms }) {
    for (const [claimId, { status, termsId, demands }] of view.disputes) {
      const { challengeBond, demandBond } = terms[termsId] ?? COURT_TERMS;
      const paid = sum(ledger.creditedFor(claimId).values());
      const reclaimed = (view.demands.get(claimId) ?? []).filter(({ demander }) => BigInt(demander) === 0n).length;
      const due = [
        ...[0n, 0n, 0n, challengeBond + demands * demandBond],
        challengeBond + (status === 4n ? BigInt(reclaimed) * demandBond : 0n),
      ][Number(status)];
      if (paid !== due) yield `${short(claimId)}: ${paid} instead of ${due ?? "?"} with status ${status}`;
    }
  }),

  always(
    "I-28",
    "an upheld operator gets the bonds less the burn, a convicted one none; challenger and demanders get theirs back",
    function* ({ view, ledger, terms }, { before }) {
      for (const [claimId, now, then] of changes(view.disputes, before.disputes)) {
        if (now.status < 3n || now.status === then?.status) continue;
        const { challengeBond, demandBond, burnBps } = terms[now.termsId] ?? COURT_TERMS;
        const burnt = (challengeBond * BigInt(burnBps) + 9_999n) / 10_000n;
        const upheld = challengeBond - burnt + now.demands * demandBond;
        const [who, due] = now.status === 3n ? [now.operator, upheld] : [now.challenger, challengeBond];
        const paid = ledger.creditedFor(claimId).get(who) ?? 0n;
        if (paid !== due) yield `${short(claimId)}: ${who} got ${paid} instead of ${due}`;
      }
    },
  ),

  always("I-29", "while a dispute is open, neither its fee nor its lock nor its bond can leave", function* ({ view, jobs, ledger }) {
    for (const { id } of jobs) {
      const { status, lock = 0n, claimId = "" } = view.requests.get(id) ?? {};
      if (status !== CHALLENGED) continue;
      const { status: dispute = 0n } = view.disputes.get(claimId) ?? {};
      const paid = sum(ledger.creditedFor(id).values());
      if (lock === 0n || paid !== 0n || dispute === 0n || dispute > 2n) {
        yield `${short(id)}: lock ${lock}, paid ${paid}, dispute ${dispute}`;
      }
    }
  }),

  atLast("I-30", "whoever sends no tokens has them all in the end: what it staked, what it was owed and what it earned", function* (world) {
    const { view } = world;
    for (const [account, tokens] of view.balances) {
      if (wealthOf(view, account) !== tokens) yield `${account} has ${tokens} of ${wealthOf(view, account)}`;
    }
  }),
];
