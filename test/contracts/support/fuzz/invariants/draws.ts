import { AbiCoder, keccak256, ZeroAddress } from "ethers";

import { EPOCH_SECONDS, STAKING } from "../../protocol.ts";
import { ACTIVE, addressOf, short } from "../move.ts";
import { accepts, type Named, weightOf } from "../plain-pools.ts";
import type { World } from "../world.ts";
import { always, bigOf, changes, type Invariant, least, saidBy, sum, textOf } from "./base.ts";
import { wordOf } from "../words.ts";

/*
 * Places, weights by epoch, and whom a seed names.
 */

const abi = AbiCoder.defaultAbiCoder();
const OUTCOME = { nobody: 0n, busy: 2n, missed: 3n } as const;

/** Whom the plain model names for a request, and for what. */
async function namedBy(world: World, requestId: string, { ticket, epoch }: { ticket: number; epoch: number }) {
  const job = world.jobs.find(({ id }) => id === requestId);
  if (job === undefined) throw new Error(`no request ${requestId}`);
  const { request } = job;
  const wanted = {
    fee: BigInt(request.fee) - BigInt(request.royalty),
    ...{ collateral: BigInt(request.collateral), claimSeconds: BigInt(request.claimSeconds) },
    callbackGas: BigInt(request.callbackGas),
  };
  const seed = keccak256(abi.encode(["bytes32", "bytes32"], [await world.chain.hashOf(ticket), requestId]));
  const pool = world.ledger.pool(String(request.versionId));
  const named: Named = pool.draw(wanted, epoch, seed);
  return { named, wanted, pool };
}

export const DRAWS: readonly Invariant[] = [
  always("I-07", "only active operators are drawn, with free stake for the collateral and within their capacity", async function* (
    world,
    { before, draws },
  ) {
    for (const event of saidBy(world, "market.RequestAssigned")) {
      const [id, operator] = [textOf(event, "requestId"), textOf(event, "operator")];
      const draw = draws.get(id);
      if (draw === undefined) continue;
      const { status, stake = 0n, locked = 0n, open = 0n } = before.operators.get(operator) ?? {};
      const { named, wanted } = await namedBy(world, id, draw);
      if (status !== ACTIVE || stake - locked < wanted.collateral || open >= named.capacity) {
        yield `${operator}: status ${status}, ${stake - locked} of ${wanted.collateral}, ${open} of ${named.capacity}`;
      }
    }
  }),

  always("I-17", "the number of a version's holders is that of the operators with weight from the next epoch on", function* ({
    view,
    ledger,
  }) {
    for (const [id, { holders }] of view.versions) {
      const counted = ledger.pool(id).holdersAt(Infinity);
      if (BigInt(counted) !== holders) yield `${short(id)}: ${holders}, events say ${counted}`;
    }
  }),

  always("I-43", "a draw names whom a plain model names: the place at the seed's point of all weights of its epoch", async function* (
    world,
    { draws },
  ) {
    for (const event of saidBy(world, "market.RequestAssigned", "market.DrawEnded")) {
      const [id, operator] = [textOf(event, "requestId"), textOf(event, "operator")];
      const draw = draws.get(id);
      if (draw === undefined) continue;
      const { named } = await namedBy(world, id, draw);
      if (named.operator !== operator) yield `${short(id)}: ${operator}, not ${named.operator}`;
    }
  }),

  always("I-44", "who is drawn accepts fee, time and callbacks by its terms of the draw's epoch, and weighs the collateral", async function* (
    world,
    { draws },
  ) {
    for (const event of saidBy(world, "market.RequestAssigned")) {
      const [id, operator] = [textOf(event, "requestId"), textOf(event, "operator")];
      const draw = draws.get(id);
      if (draw === undefined) continue;
      const { wanted, pool } = await namedBy(world, id, draw);
      const terms = pool.termsAt(operator, draw.epoch);
      const weight = pool.weightAt(operator, draw.epoch);
      if (terms === undefined || !accepts(terms, wanted) || weight < weightOf(wanted.collateral)) {
        yield `${short(id)}: ${operator} with ${weight}`;
      }
    }
  }),

  always("I-45", "whom any seed would name for a draw that is committed never changes", function* ({ view }, { before }) {
    for (const [draw, now, then] of changes(view.draws, before.draws)) {
      if (now !== "" && then !== undefined && then !== "") yield `${draw}: ${then} became ${now}`;
    }
  }),

  always("I-46", "a draw is committed before its seed can be known, with the weights of the epoch it is committed in", function* (world) {
    for (const event of saidBy(world, "market.DrawCommitted")) {
      const [ticket, epoch] = [Number(event.args.ticket), Number(event.args.epoch)];
      const present = Math.floor(world.view.time / EPOCH_SECONDS);
      if (ticket <= world.view.block || epoch !== present) yield `ticket ${ticket}, epoch ${epoch} of ${present}`;
    }
  }),

  always("I-47", "a seed that can be read is used: only a draw that ended or expired is followed by another one", function* (
    world,
    { draws, move },
  ) {
    if (move !== "market.assign") return;
    const ended = saidBy(world, "market.DrawEnded", "market.RequestAssigned").length > 0;
    for (const event of saidBy(world, "market.DrawCommitted")) {
      const draw = draws.get(textOf(event, "requestId"));
      const [seedGone, epochGone] = [
        draw !== undefined && draw.ticket < world.view.block - 256,
        draw !== undefined && draw.epoch + 1 < world.view.epoch,
      ];
      if (!ended && !seedGone && !epochGone) yield `${textOf(event, "requestId")} was drawn anew`;
    }
  }),

  always("I-48", "a draw that ends without an operator locks nothing; only who made itself unable pays, at most the small penalty", function* (
    world,
    { before },
  ) {
    for (const event of saidBy(world, "market.DrawEnded")) {
      const [id, operator, outcome] = [textOf(event, "requestId"), textOf(event, "operator"), bigOf(event, "outcome")];
      const then = before.operators.get(operator);
      const now = world.view.operators.get(operator);
      const lost = (then?.stake ?? 0n) - (now?.stake ?? 0n);
      const free = (then?.stake ?? 0n) - (then?.locked ?? 0n);
      const due = outcome === OUTCOME.missed ? least(STAKING.livenessPenalty, free) : 0n;
      if (lost !== due || (world.view.requests.get(id)?.lock ?? 0n) !== 0n) yield `${operator}: ${lost} of ${due}`;
      if (outcome === OUTCOME.nobody && operator !== ZeroAddress) yield `${operator} is nobody`;
    }
  }),

  always("I-49", "the weight that is set is the stake in millionths of the minimum, for an active operator with at least that", function* (
    world,
  ) {
    for (const event of saidBy(world, "pools.Weighed")) {
      const operator = textOf(event, "operator");
      const { stake = 0n, status } = world.view.operators.get(operator) ?? {};
      const member = world.ledger.account(operator).memberships.has(textOf(event, "versionId"));
      const counts = member && status === ACTIVE && stake >= STAKING.minimumStake;
      const due = counts ? weightOf(stake) : 0n;
      if (bigOf(event, "weight") !== due) yield `${operator}: ${bigOf(event, "weight")} instead of ${due}`;
      if (Number(event.args.fromEpoch) !== world.view.epoch + 1) yield `${operator}: from ${String(event.args.fromEpoch)}`;
    }
  }),

  always("I-50", "weights and sums of two epochs are those of a plain model", function* ({ view, ledger }, { before }) {
    for (const [id, { epoch, total, totalBefore }] of changes(view.versions, before.versions)) {
      const pool = ledger.pool(id);
      const [now, then] = [pool.totalAt(epoch), pool.totalAt(epoch - 1)];
      if (total !== now || totalBefore !== then) yield `${short(id)}: ${total}, ${totalBefore} not ${now}, ${then}`;
    }
    for (const [key, { epoch, weight, weightBefore }] of changes(view.places, before.places)) {
      const [operator = "", version = ""] = key.split(" ");
      const pool = ledger.pool(version);
      const [now, then] = [pool.weightAt(operator, epoch), pool.weightAt(operator, epoch - 1)];
      if (weight !== now || weightBefore !== then) yield `${key}: ${weight}, ${weightBefore} not ${now}, ${then}`;
    }
  }),

  always("I-51", "the sum of a version is that of its operators' weights", function* ({ view }, { before }) {
    if (view.places === before.places && view.versions === before.versions) return;
    const [sums, sumsBefore] = [new Map<string, bigint>(), new Map<string, bigint>()];
    for (const [key, { epoch, weight, weightBefore }] of view.places) {
      const [, version = ""] = key.split(" ");
      const at = `${version} ${epoch}`;
      sums.set(at, (sums.get(at) ?? 0n) + weight);
      sumsBefore.set(at, (sumsBefore.get(at) ?? 0n) + weightBefore);
    }
    for (const [id, { epoch, total, totalBefore }] of view.versions) {
      // Not all were read in this epoch yet.
      if ([...view.places].some(([key, place]) => key.endsWith(id) && place.epoch !== epoch)) continue;
      const [now, then] = [sums.get(`${id} ${epoch}`) ?? 0n, sumsBefore.get(`${id} ${epoch}`) ?? 0n];
      if (total !== now || totalBefore !== then) yield `${short(id)}: ${total}, ${totalBefore} not ${now}, ${then}`;
    }
  }),

  always("I-52", "weights and terms of an epoch that has begun never change", function* ({ view }, { before }) {
    for (const [key, now, then] of changes(view.places, before.places)) {
      if (then === undefined) continue;
      const same = now.epoch === then.epoch;
      const pairs = same
        ? ([
            [now.weight, then.weight],
            [now.weightBefore, then.weightBefore],
            [now.terms, then.terms],
            [now.termsBefore, then.termsBefore],
          ] as const)
        : now.epoch === then.epoch + 1
          ? ([
              [now.weightBefore, then.weight],
              [now.termsBefore, then.terms],
            ] as const)
          : [];
      // A place of nobody, which another one takes: no draw can use its terms.
      const unused = then.weight === 0n && then.weightBefore === 0n;
      for (const [i, [is, was]] of pairs.entries()) {
        if (is !== was && !(unused && (i > 1 || !same))) yield `${key}: ${was} became ${is}`;
      }
    }
  }),

  always("I-53", "terms of two epochs are those that the operator gave for them", function* (
    { view, ledger },
    { before },
  ) {
    for (const [key, { epoch: read, terms, termsBefore }] of changes(view.places, before.places)) {
      const [operator = "", version = ""] = key.split(" ");
      const pool = ledger.pool(version);
      for (const [epoch, words] of [
        [read, terms],
        [read - 1, termsBefore],
      ] as const) {
        const due = words === "" ? undefined : pool.termsAt(operator, epoch);
        const text = due === undefined ? "" : Object.values(due).map((it) => wordOf(it as bigint)).join("");
        if (words !== text) yield `${key} in ${epoch}: ${words} instead of ${text}`;
      }
    }
  }),

  always("I-54", "an operator answers for a version from its opt-in until it leaves, and for no other", function* (
    { view, ledger },
    { before },
  ) {
    for (const [key, { optedIn }] of changes(view.places, before.places)) {
      const [operator = "", version = ""] = key.split(" ");
      if (optedIn !== ledger.account(operator).memberships.has(version)) yield `${key}: ${optedIn}`;
    }
  }),

  always("I-55", "nobody has weight for less than the least stake: splitting it gains no place and no weight", function* (
    { view },
    { before },
  ) {
    for (const [key, { weight, weightBefore }] of changes(view.places, before.places)) {
      const small = [weight, weightBefore].some((it) => it > 0n && it < weightOf(STAKING.minimumStake));
      if (small) yield `${key}: ${weight}, ${weightBefore}`;
    }
  }),

  always("I-56", "a lock of a request is made by the market alone, when it was drawn", function* (world, { move }) {
    for (const event of saidBy(world, "staking.Locked")) {
      const byMarket = textOf(event, "manager") === addressOf(world.contracts.market);
      if (byMarket !== (move === "market.assign")) yield `${textOf(event, "lockId")} by ${move}`;
    }
  }),
];
