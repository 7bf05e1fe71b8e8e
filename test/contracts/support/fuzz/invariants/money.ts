import { CONSTANTS } from "../../../../../runner/protocol/constants.ts";
import { DATA_BOND, STAKING } from "../../protocol.ts";
import { addressOf, CHALLENGED, CONVICTED, FINAL, short, textOfAddress } from "../move.ts";
import { COURT_TERMS } from "../world.ts";
import { auditShareOf } from "../market.ts";
import { bondOf } from "./bonds.ts";
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
  ...["court.challenge", "court.demandTrace", "court.demandTensor", "market.requestFor", "relay.request"],
  ...["court.accuse", "court.deposit", "availability.deposit", "availability.demand"],
  ...["desk.deposit", "desk.commit"],
];

export const MONEY: readonly Invariant[] = [
  always("I-01", "staking holds exactly the tokens it owes: stake, exits and credits", function* ({ view, contracts }) {
    const stakes = sum(
      [...view.operators.values()].map(({ stake, exits }) => stake + sum(exits.map((it) => it.amount))),
    );
    const owed = stakes + sum(view.credits.staking.values());
    const held = view.balances.get(addressOf(contracts.staking));
    if (owed !== view.totalHeld || owed !== held) yield `owes ${owed}, says ${view.totalHeld}, holds ${held}`;
  }),

  always(
    "I-02",
    "the market holds exactly the fees of open requests, the credits and the fund of audits",
    function* ({ view, contracts, jobs }) {
      const open = jobs.filter(({ id }) => (view.requests.get(id)?.status ?? FINAL) < FINAL);
      const owed =
        sum(open.map(({ request }) => BigInt(request.fee))) + sum(view.credits.market.values()) + view.auditFund;
      const held = view.balances.get(addressOf(contracts.market));
      if (owed !== held) yield `owes ${owed}, holds ${held}`;
    },
  ),

  always(
    "I-05",
    "per penalty: accuser + requester + sink = taken; accuser and requester get at most a quarter each",
    function* (world) {
      const taken = sum(
        saidBy(world, ...PENALTIES).map((event) => {
          const parts = ["fromLock", "fromFree", "fromUnbonding", "penalty", "amount"];
          return sum(parts.filter((part) => part in event.args).map((part) => bigOf(event, part)));
        }),
      );
      const shares = saidBy(world, "staking.Credited");
      const paid = sum(shares.map((event) => bigOf(event, "amount")));
      if (paid !== taken) yield `paid ${paid} of ${taken}`;
      for (const event of shares) {
        const [account, amount] = [textOf(event, "account"), bigOf(event, "amount")];
        if (account !== world.people.sink.address && 4n * amount > taken) yield `${account} gets ${amount} of ${taken}`;
      }
    },
  ),

  always(
    "I-11",
    "no unit of the token is made or lost: the supply stays with its holders",
    function* ({ view }, { before }) {
      const held = sum(view.balances.values());
      if (held !== view.supply || view.supply !== before.supply) {
        yield `${held} of ${view.supply}, before ${before.supply}`;
      }
    },
  ),

  always(
    "I-13",
    "the court holds exactly its credits and the bonds of disputes and demands that are not settled",
    function* ({ view, contracts, terms }) {
      let owed = sum(view.credits.court.values());
      for (const [claimId, { status, termsId, demands, accusations, audit }] of view.disputes) {
        const { demandBond, accusationBond, ...rest } = terms[termsId] ?? COURT_TERMS;
        const challengeBond = audit ? 0n : rest.challengeBond;
        if (status === 1n || status === 2n) owed += challengeBond + demands * demandBond + accusations * accusationBond;
        const filed = (view.accusers.get(claimId) ?? []).filter((payer) => BigInt(payer) !== 0n).length;
        if (status === 4n) owed += BigInt(filed) * accusationBond;
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

  always(
    "I-19",
    "the whole fee of each request leaves with its end, and nothing before",
    function* ({ view, jobs, ledger }) {
      for (const { id, request } of jobs) {
        const { status = 0n } = view.requests.get(id) ?? {};
        const paid = sum(ledger.creditedFor("market", id).values());
        const share = status === FINAL ? auditShareOf(BigInt(request.fee)) : 0n;
        const due = status >= FINAL ? BigInt(request.fee) - share : 0n;
        if (paid !== due) yield `${short(id)}: ${paid} of ${due} with status ${status}`;
      }
    },
  ),

  always(
    "I-20",
    "a fee goes to operator and royalty when the answer is final, to the requester when there is none, and in part to the operator when the input was withheld",
    function* (world, step) {
      for (const { id, state, name } of transitions(world, step).requests) {
        const job = world.jobs.find((it) => it.id === id);
        if (state.status < FINAL || job === undefined) continue;
        const { request } = job;
        const [fee, royalty] = [BigInt(request.fee), BigInt(request.royalty)];
        const withheld = step.move === "availability.settle" ? (fee * BigInt(WITHHELD_BPS)) / 10_000n : 0n;
        // Before a claim to the operator, which waited; after it to who wanted to see the input.
        const demanders = world.ledger.data.filter((it) => it.requestId === id && !it.shown).map((it) => it.demander);
        const paid = world.ledger.creditedFor("market", id);
        const asked = demanders.find((it) => paid.has(it)) ?? "";
        const waited = name === "Claimed to Cancelled" ? asked : state.operator;
        const rows: readonly (readonly [string, bigint])[] =
          state.status === FINAL
            ? [
                [state.operator, fee - royalty - auditShareOf(fee)],
                [textOfAddress(request.royaltyRecipient), royalty],
              ]
            : [
                [waited, withheld],
                [textOfAddress(request.requester), fee - withheld],
              ];
        const due = new Map<string, bigint>();
        for (const [account, amount] of rows) if (amount > 0n) due.set(account, (due.get(account) ?? 0n) + amount);
        const shown = (row: ReadonlyMap<string, bigint>): string =>
          [...row]
            .map((it) => it.join(" "))
            .sort()
            .join();
        if (shown(due) !== shown(paid)) yield `${short(id)} ${name}: ${shown(paid)} instead of ${shown(due)}`;
      }
    },
  ),

  always(
    "I-21",
    "compensation is told where the input was withheld, damages where the answer was convicted, and nowhere else",
    function* (world, step) {
      for (const [id, now, then] of changes(world.view.requests, step.before.requests)) {
        const job = world.jobs.find((it) => it.id === id);
        const [ended, requester] = [now.status !== then?.status, textOfAddress(job?.request.requester)];
        const withheld = ended && step.move === "availability.settle";
        const fee = BigInt(job?.request.fee ?? 0);
        const due = withheld ? (fee * BigInt(WITHHELD_BPS)) / 10_000n : (then?.compensation ?? 0n);
        if (now.compensation !== due) yield `${short(id)}: ${now.compensation} instead of ${due}`;
        const shares = saidBy(world, "staking.Credited").filter(
          (event) => textOf(event, "cause") === id && textOf(event, "account") === requester,
        );
        const harm =
          ended && now.status === CONVICTED ? sum(shares.map((event) => bigOf(event, "amount"))) : then?.damages;
        // Who accused its own operator got the accuser's share besides.
        const own = shares.length > 1 ? (harm ?? 0n) / 2n : (harm ?? 0n);
        if (now.damages !== own) yield `${short(id)}: damages of ${now.damages} instead of ${own}`;
      }
    },
  ),

  always(
    "I-22",
    "credit grows only by a settlement or a payment, and falls only by a withdrawal of all of it or a fee of its own request",
    function* (world, { before }) {
      for (const of of ["market", "court", "staking", "availability", "desk"] as const) {
        for (const [account, now, then = 0n] of changes(world.view.credits[of], before.credits[of])) {
          const grown = saidBy(world, `${of}.Credited`, `${of}.CreditDeposited`).filter(
            (event) => textOf(event, "account") === account,
          );
          const out = saidBy(world, `${of}.CreditWithdrawn`).filter((event) => textOf(event, "account") === account);
          const fees = saidBy(world, `${of}.RequestOpened`).filter(() => world.payer === account);
          const fee = sum(fees.map(({ args }) => (args.request as { readonly fee: bigint }).fee));
          const bond = of === "market" ? fee : world.payer === account ? bondOf(world, of) : 0n;
          const due = then + sum(grown.map((event) => bigOf(event, "amount"))) - (then >= bond ? bond : 0n);
          const left = out.length === 0 ? due : 0n;
          if (now !== left) yield `${account} at the ${of}: ${then}, then ${now} instead of ${left}`;
        }
      }
    },
  ),

  always(
    "I-23",
    "a fee is taken once, from who pays: from credit that covers it, otherwise whole from tokens",
    function* (world, { before, move }) {
      const { view, payer } = world;
      for (const event of saidBy(world, "market.RequestOpened")) {
        // The relay pays with what it takes from the requester.
        const holder = move === "relay.request" ? textOf(event, "requester") : payer;
        const { fee } = event.args.request as { readonly fee: bigint };
        const credit = (at: typeof view): bigint => at.credits.market.get(payer) ?? 0n;
        const tokens = (at: typeof view): bigint => at.balances.get(holder) ?? 0n;
        const [fromCredit, fromTokens] = [credit(before) - credit(view), tokens(before) - tokens(view)];
        const covered = credit(before) >= fee;
        if (fromCredit !== (covered ? fee : 0n) || fromTokens !== (covered ? 0n : fee)) {
          yield `${holder}: ${fromCredit} of credit and ${fromTokens} of tokens for ${fee}`;
        }
      }
    },
  ),

  always("I-24", "a withdrawal pays the account that is owed, whoever sends it", function* (world, { before }) {
    for (const event of saidBy(
      world,
      "market.CreditWithdrawn",
      "court.CreditWithdrawn",
      "staking.CreditWithdrawn",
      "availability.CreditWithdrawn",
      "desk.CreditWithdrawn",
    )) {
      const account = textOf(event, "account");
      const got = (world.view.balances.get(account) ?? 0n) - (before.balances.get(account) ?? 0n);
      if (got !== bigOf(event, "amount")) yield `${account} got ${got}`;
    }
  }),

  always("I-25", "all stake is the sum of the operators' stakes", function* ({ view }) {
    const all = sum([...view.operators.values()].map(({ stake }) => stake));
    if (view.totalStake !== all) yield `${view.totalStake} instead of ${all}`;
  }),

  always(
    "I-26",
    "what was slashed lately is what verdicts took in this period and in the one before",
    function* ({ view, ledger: { slashedIn } }) {
      const period = Math.floor(view.time / STAKING.unbondingSeconds);
      const lately = (slashedIn.get(period) ?? 0n) + (slashedIn.get(period - 1) ?? 0n);
      if (view.slashedLately !== lately) yield `${view.slashedLately} instead of ${lately}`;
    },
  ),

  always("I-27", "the bonds of a dispute leave exactly once, with its verdict", function* ({ view, ledger, terms }) {
    for (const [claimId, { status, termsId, demands, accusations, audit }] of view.disputes) {
      const { demandBond, accusationBond, ...rest } = terms[termsId] ?? COURT_TERMS;
      const challengeBond = audit ? 0n : rest.challengeBond;
      const unfiled = (view.accusers.get(claimId) ?? []).filter((payer) => BigInt(payer) === 0n).length;
      const paid = sum(ledger.creditedFor("court", claimId).values());
      const reclaimed = (view.demands.get(claimId) ?? []).filter(({ demander }) => BigInt(demander) === 0n).length;
      const due = [
        ...[0n, 0n, 0n, challengeBond + demands * demandBond + accusations * accusationBond],
        challengeBond + BigInt(reclaimed) * demandBond + BigInt(unfiled) * accusationBond,
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
        const { demandBond, accusationBond, burnBps, ...rest } = terms[now.termsId] ?? COURT_TERMS;
        const challengeBond = now.audit ? 0n : rest.challengeBond;
        const burnt = (challengeBond * BigInt(burnBps) + 9_999n) / 10_000n;
        const upheld = challengeBond - burnt + now.demands * demandBond + now.accusations * accusationBond;
        const [who, due] = now.status === 3n ? [now.operator, upheld] : [now.challenger, challengeBond];
        const paid = ledger.creditedFor("court", claimId).get(who) ?? 0n;
        if (paid !== due) yield `${short(claimId)}: ${who} got ${paid} instead of ${due}`;
      }
    },
  ),

  always(
    "I-29",
    "while a dispute is open, neither its fee nor its lock nor its bond can leave",
    function* ({ view, jobs, ledger }) {
      for (const { id } of jobs) {
        const { status, lock = 0n, claimId = "" } = view.requests.get(id) ?? {};
        if (status !== CHALLENGED) continue;
        const { status: dispute = 0n } = view.disputes.get(claimId) ?? {};
        const paid = sum(ledger.creditedFor("market", id).values());
        if (lock === 0n || paid !== 0n || dispute === 0n || dispute > 2n) {
          yield `${short(id)}: lock ${lock}, paid ${paid}, dispute ${dispute}`;
        }
      }
    },
  ),

  always(
    "I-93",
    "the contract that asks for data holds exactly its credits and the bonds of demands that are not settled",
    function* ({ view, contracts, ledger }) {
      const open = ledger.data.filter(({ shown, returned }) => !shown && !returned).length;
      const owed = sum(view.credits.availability.values()) + BigInt(open) * DATA_BOND;
      const held = view.balances.get(addressOf(contracts.availability));
      if (owed !== held) yield `owes ${owed}, holds ${held}`;
    },
  ),

  always(
    "I-95",
    "the fund of audits is the share of each fee that was paid for an answer, less what auditors were paid: never more than it got",
    function* ({ view, jobs, ledger, audits }) {
      const shares = jobs
        .filter(({ id }) => view.requests.get(id)?.status === FINAL)
        .map(({ request }) => auditShareOf(BigInt(request.fee)));
      const paid = audits.map(({ claimId }) => sum(ledger.creditedFor("market", claimId).values()));
      const left = sum(shares) - sum(paid);
      if (view.auditFund !== left || left < 0n) yield `${view.auditFund} instead of ${left}`;
    },
  ),

  always(
    "I-94",
    "nobody is paid for an answer while demanded data are not shown",
    function* ({ view, ledger }, { before }) {
      for (const [id, now, then] of changes(view.requests, before.requests)) {
        const open = ledger.data.some((it) => it.requestId === id && !it.shown);
        if (open && now.status === FINAL && then?.status !== FINAL) yield `${short(id)} is final`;
      }
    },
  ),

  atLast(
    "I-30",
    "whoever sends no tokens has them all in the end: what it staked, what it was owed and what it earned",
    function* (world) {
      const { view } = world;
      for (const [account, tokens] of view.balances) {
        if (wealthOf(view, account) !== tokens) yield `${account} has ${tokens} of ${wealthOf(view, account)}`;
      }
    },
  ),
];
