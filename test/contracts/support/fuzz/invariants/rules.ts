import { ZeroAddress } from "ethers";

import { STAKING } from "../../protocol.ts";
import { FINAL, short, TOMBSTONED } from "../move.ts";
import type { View } from "../view.ts";
import { always, changes, type Invariant, moved, saidBy, textOf } from "./base.ts";

/*
 * What governance, a pause and a publisher can and cannot do.
 */

const PAUSE_SECONDS = 3 * 86_400;
/** What a pause stops. */
const STOPPED: readonly string[] = [
  ...["market.request", "market.requestWithPermit", "market.requestFor", "relay.request"],
  ...["market.assign", "market.claim", "availability.demand"],
];
/** Moves of governance. */
const GOVERNING: readonly string[] = [
  ...["market.setCourt", "market.pause", "market.unpause", "market.rearmPause", "staking.addManager"],
  ...[
    "court.addTerms",
    "court.addSource",
    "court.tombstoneSource",
    "attestation.addRoute",
    "attestation.tombstoneRoute",
  ],
  ...["market.setAuthority", "staking.setAuthority", "attestation.setAuthority", "court.setAuthority"],
];

export const RULES: readonly Invariant[] = [
  always("I-09", "events alone rebuild stakes, locks, exits, credits and states", function* ({ view, ledger, cases }) {
    const compare = function* (what: string, actual: bigint, rebuilt = 0n) {
      if (actual !== rebuilt) yield `${what}: ${actual}, events say ${rebuilt}`;
    };
    for (const [address, operator] of view.operators) {
      const account = ledger.account(address);
      yield* compare(`stake of ${address}`, operator.stake, account.stake);
      yield* compare(`locks of ${address}`, operator.locked, account.locked);
      yield* compare(`number of locks of ${address}`, operator.open, account.open);
      yield* compare(`penalties owed by ${address}`, operator.owed, account.owed);
      yield* compare(`status of ${address}`, operator.status, account.status);
      yield* compare(`jail of ${address}`, BigInt(operator.jailedUntil), BigInt(account.jailedUntil));
      for (const [slot, { amount }] of operator.exits.entries()) {
        yield* compare(`exit ${slot} of ${address}`, amount, account.exits[slot]?.amount);
      }
    }
    for (const [claimId, { status }] of view.audits) {
      yield* compare(`audit of ${claimId}`, status, ledger.audit(claimId).status);
    }
    for (const name of ["market", "court", "staking", "availability", "desk"] as const) {
      for (const [address, credit] of view.credits[name]) {
        yield* compare(`credit of ${address} at the ${name}`, credit, ledger.credits[name].get(address));
      }
    }
    for (const [id, { status }] of view.requests) yield* compare(`state of ${id}`, status, ledger.job(id).status);
    for (const { claimId } of cases) {
      const { status = 0n, demands = 0n, openDemands = 0n } = view.disputes.get(claimId) ?? {};
      const rebuilt = ledger.case(claimId);
      yield* compare(`dispute of ${claimId}`, status, rebuilt.status);
      yield* compare(`demands on ${claimId}`, demands, rebuilt.demands);
      yield* compare(`open demands on ${claimId}`, openDemands, rebuilt.demands - rebuilt.answers);
    }
  }),

  always(
    "I-15",
    "the market's clock never runs back, never faster than time, and stands still in a pause",
    function* ({ view }, { before }) {
      const [seconds, passed] = [view.clock - before.clock, view.time - before.time];
      if (seconds < 0 || seconds > passed) yield `${seconds} in ${passed} seconds`;
      if (before.paused && view.paused && seconds !== 0) yield `${seconds} in a pause`;
    },
  ),

  always("I-16", "what a version is never changes, and its standing only falls", function* ({ view }, { before }) {
    for (const [id, now, then] of changes(view.versions, before.versions)) {
      if (then !== undefined && (now.facts !== then.facts || now.status < then.status)) {
        yield `${id}: ${then.status} to ${now.status}`;
      }
    }
  }),

  always(
    "I-75",
    "a pause lasts three days at most, and another one needs an act of its own",
    function* (world, { before }) {
      const { view } = world;
      const stood = view.time - before.time - (view.clock - before.clock);
      if (stood > PAUSE_SECONDS) yield `the clock stood for ${stood}`;
      if (view.paused && !before.paused && saidBy(world, "market.Paused").length === 0) yield "paused by nobody";
      if (view.paused && view.time >= world.pausedUntil) yield `still paused at ${world.pausedUntil}`;
    },
  ),

  always(
    "I-76",
    "while the market is paused nothing begins, and everything can end",
    function* ({ view }, { before, move }) {
      if (before.paused && view.paused && STOPPED.includes(move)) yield `${move} in a pause`;
    },
  ),

  always(
    "I-77",
    "governance moves nothing that belongs to somebody: no stake, credit, token, lock, request or dispute",
    function* ({ view }, { before, move }) {
      if (!GOVERNING.includes(move)) return;
      const rows = ["operators", "requests", "disputes", "demands", "locks", "balances", "places", "audits"] as const;
      for (const row of rows) {
        for (const [key] of changes<unknown>(view[row], before[row])) {
          // Weights are of the epoch in which they are read.
          const aged = row === "places" && before.places.get(key)?.epoch !== view.epoch;
          if (!aged) yield `${move} changed ${row} ${key}`;
        }
      }
      for (const of of ["market", "court", "staking", "availability", "desk"] as const) {
        for (const [key] of changes(view.credits[of], before.credits[of])) yield `${move} changed credit of ${key}`;
      }
    },
  ),

  always("I-78", "the court of a market is named once", function* ({ view }, { before }) {
    if (before.court !== ZeroAddress && view.court !== before.court) yield `${before.court} became ${view.court}`;
  }),

  always(
    "I-79",
    "a manager counts from a moment that never changes, after unbonding when it comes later",
    function* (world, { before }) {
      const { view } = world;
      for (const [manager, now, then] of changes(view.managers, before.managers)) {
        if (then !== undefined && then !== 0) yield `${manager}: ${then} became ${now}`;
      }
      for (const event of saidBy(world, "staking.ManagerAdded")) {
        const early = Number(event.args.activeFrom) - view.time;
        const setUp = view.time < world.setUpUntil;
        if (early !== (setUp ? 0 : STAKING.unbondingSeconds + 86_400)) yield `${textOf(event, "manager")} in ${early}`;
      }
      for (const event of saidBy(world, "staking.Locked", "staking.Released", "staking.Slashed")) {
        const manager = textOf(event, "manager");
        const from = view.managers.get(manager) ?? Infinity;
        if (from === 0 || from > view.time) yield `${manager} acts from ${from} on`;
      }
    },
  ),

  always(
    "I-80",
    "the verifier behind a selector is never another one, and a dead route stays dead",
    function* ({ view }, { before }) {
      for (const [selector, now, then] of changes(view.routes, before.routes)) {
        if (then === undefined) continue;
        const [verifier, was] = [now.slice(0, 64), then.slice(0, 64)];
        if (verifier !== was || now.slice(64) < then.slice(64)) yield `${selector}: ${then} became ${now}`;
      }
    },
  ),

  always(
    "I-81",
    "who was convicted is drawn no more, and its other answers still count",
    function* (world, { before }) {
      for (const event of saidBy(world, "market.RequestAssigned")) {
        const operator = textOf(event, "operator");
        if (before.operators.get(operator)?.status === TOMBSTONED) yield `${operator} was drawn`;
      }
      for (const event of saidBy(world, "staking.Tombstoned")) {
        const operator = textOf(event, "operator");
        const others = (at: View): string =>
          [...at.requests]
            .filter(([id, it]) => it.lockedOf === operator && world.view.requests.get(id)?.lock !== 0n)
            .map(([id, it]) => `${id} ${it.status} ${it.lock}`)
            .join();
        if (others(world.view) !== others(before)) yield `${operator}: other requests changed`;
      }
    },
  ),

  always(
    "I-82",
    "a dispute that the market gave up on changes nothing at the market any more",
    function* (world, { before }) {
      for (const [claimId, now, then] of changes(world.view.disputes, before.disputes)) {
        const [request, was] = [world.view, before].map((view) => view.requests.get(now.requestId));
        if (then === undefined || was === undefined || request === undefined || was.status < FINAL) continue;
        yield* moved(short(claimId), request, was, ["status", "lock", "compensation"]);
      }
    },
  ),
];
