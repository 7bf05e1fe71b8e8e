import { AbiCoder, id, keccak256, ZeroAddress } from "ethers";

import type { Hash } from "../../../../runner/commitment/keccak.ts";
import { EPOCH_SECONDS } from "../protocol.ts";
import type { Character } from "./actors.ts";
import { actingFor, payingIn, SEED_BLOCKS, stateOf, withdrawing } from "./market.ts";
import {
  type Act,
  addressOf,
  AUDIT_STATES,
  AUDITED,
  CHALLENGED,
  CLAIMED,
  FINAL,
  type Move,
  present,
  type Refusal,
  short,
} from "./move.ts";
import { ANSWERS, outputOfAnswer } from "./toy.ts";
import type { AuditView } from "./view.ts";
import { AUDIT, type Audited, type Job, type Signer, type World } from "./world.ts";

/*
 * Moves of the audit desk: seeds of periods, auditors who execute, guess, copy or are silent, and operators who publish
 * what they have, something else, or nothing.
 */

const [PICK_TAG, AUDIT_TAG] = ["assay.audit.pick.v1", "assay.audit.v1"].map(id);
const abi = AbiCoder.defaultAbiCoder();
const CHAIN_ID = 31_337;
const AFTER_COMMIT = AUDIT.publishSeconds + AUDIT.marginSeconds;

/** Seconds that an auditor has. */
export const stageOf = ({ request }: Job): number => Math.max(Number(request.claimSeconds), AUDIT.commitSeconds);

/** The period in which a claim was made. */
export const periodOf = (world: World, job: Job): number =>
  Math.floor((stateOf(world, job).deadline - Number(job.request.windowSeconds)) / AUDIT.periodSeconds);

/** Whether a seed picks a claim. */
export const isPicked = (pickSeed: string, claimId: string): boolean =>
  BigInt(keccak256(abi.encode(["bytes32", "bytes32", "bytes32"], [PICK_TAG, pickSeed, claimId]))) % 10_000n <
  BigInt(AUDIT.rateBps);

/** What an auditor commits to; computed apart from the contract. */
export const auditCommitmentOf = (
  { contracts: { desk } }: World,
  claimId: string,
  traceRoot: string,
  outputRoot: string,
  auditor: string,
): string =>
  keccak256(
    abi.encode(
      ["bytes32", "uint256", "address", "bytes32", "bytes32", "bytes32", "address"],
      [AUDIT_TAG, CHAIN_ID, addressOf(desk), claimId, traceRoot, outputRoot, auditor],
    ),
  );

const NO_AUDIT: AuditView = {
  ...{ auditor: ZeroAddress, commitBy: 0, status: 0n, candidate: 0, spent: 0, payer: ZeroAddress, commitment: "" },
  ...{ lock: 0n, lockedOf: ZeroAddress },
};

/** The audit of a claim. */
export const auditOf = ({ view }: World, claimId: string): AuditView => view.audits.get(claimId) ?? NO_AUDIT;

/** What the seed of a period is in the next transaction. */
export function seedIn(world: World, period: number): "none" | "pending" | "usable" | "stale" {
  const { ticket, epoch } = world.view.periods.get(period) ?? { ticket: 0, epoch: 0 };
  if (epoch === 0) return "none";
  const block = world.chain.block + 1;
  if (block <= ticket) return "pending";
  return ticket < block - SEED_BLOCKS || epoch + 1 < Math.floor(world.next / EPOCH_SECONDS) ? "stale" : "usable";
}

/** The seed that picks claims of a period; the first that was read stays. */
function pickSeedOf({ view, seeds }: World, period: number): string | undefined {
  const { ticket = 0, pickSeed = "" } = view.periods.get(period) ?? {};
  return BigInt(pickSeed) === 0n ? seeds.get(ticket) : pickSeed;
}

const claimed = ({ jobs, view }: World): Job[] =>
  jobs.filter(({ id: job }) => view.requests.get(job)?.status === CLAIMED);

// ------------------------------------------------------------------------------------------------ picks

const commitPeriod = (world: World, period: number, how = ""): Act => ({
  text: `commitPeriod ${period}${how}`,
  send: async () => {
    await world.contracts.desk.commitPeriod(period);
    world.periods.add(period);
  },
});

/** Claims that may still be audited. */
export const awaited = (world: World): Job[] => standing(world, AUDITED.none).filter((job) => isInTime(world, job));

const periods: Move = {
  name: "desk.commitPeriod",
  weight: 24,
  valid: (world) => {
    const all = world.random.chance(0.9) ? awaited(world) : claimed(world);
    const due = all
      .map((job) => periodOf(world, job))
      .filter((period) => world.nextClock >= (period + 1) * AUDIT.periodSeconds)
      .filter((period) => ["none", "stale"].includes(seedIn(world, period)));
    const period = world.some(due);
    return period === undefined ? undefined : commitPeriod(world, period);
  },
  refusals: (world) => {
    const now = Math.floor(world.nextClock / AUDIT.periodSeconds);
    const of = (state: ReturnType<typeof seedIn>): number | undefined =>
      world.some(world.periods, (period) => seedIn(world, period) === state);
    const [pending, usable] = [of("pending"), of("usable")];
    return present<Refusal>(
      { ...commitPeriod(world, now, " (open)"), error: "AuditPeriodOpen" },
      pending !== undefined && { ...commitPeriod(world, pending, " (pending)"), error: "AuditSeedPending" },
      usable !== undefined && {
        ...commitPeriod(world, usable, " again"),
        ...{ error: "AuditPeriodCommitted", args: [usable] },
      },
    );
  },
};

/** Whether time is left for all stages of an audit. */
const isInTime = (world: World, job: Job): boolean => {
  const { deadline } = stateOf(world, job);
  return world.nextClock <= deadline - Math.min(deadline, stageOf(job) + AFTER_COMMIT);
};

const beginning = (world: World, job: Job, how = ""): Act => ({
  text: `begin the audit of ${short(job.id)}${how}`,
  send: async () => {
    const { claimId } = stateOf(world, job);
    await world.contracts.desk.begin(job.request);
    if (world.audits.every((it) => it.claimId !== claimId)) {
      world.audits.push({ claimId, job, outputRoot: outputOfAnswer(job.answer ?? "honest").root });
    }
  },
});

const begins: Move = {
  name: "desk.begin",
  weight: 40,
  valid: (world) => {
    const job = world.some(claimed(world), (it) => {
      const { claimId } = stateOf(world, it);
      const period = periodOf(world, it);
      const free = auditOf(world, claimId).status === AUDITED.none && isInTime(world, it);
      if (!free || seedIn(world, period) !== "usable") return false;
      const seed = pickSeedOf(world, period);
      return seed !== undefined && isPicked(seed, claimId);
    });
    return job && beginning(world, job);
  },
  refusals: (world) => {
    const unclaimed = world.some(world.jobs, (job) => stateOf(world, job).status !== CLAIMED);
    const all = claimed(world);
    const statusOf = (job: Job): bigint => auditOf(world, stateOf(world, job).claimId).status;
    const inStates = [AUDITED.begun, AUDITED.committed, AUDITED.settled].map((status) =>
      world.some(all, (job) => statusOf(job) === status),
    );
    const open = all.filter((job) => statusOf(job) === AUDITED.none);
    const late = world.some(open, (job) => !isInTime(world, job));
    const having = (...states: readonly ReturnType<typeof seedIn>[]): Job | undefined =>
      world.some(open, (job) => isInTime(world, job) && states.includes(seedIn(world, periodOf(world, job))));
    const [pending, stale] = [having("pending"), having("none", "stale")];
    const passed = world.some(open, (job) => {
      const period = periodOf(world, job);
      const seed = pickSeedOf(world, period);
      const usable = isInTime(world, job) && seedIn(world, period) === "usable";
      return usable && seed !== undefined && !isPicked(seed, stateOf(world, job).claimId);
    });
    return present<Refusal>(
      unclaimed && { ...beginning(world, unclaimed, " (absent)"), error: "AuditClaimAbsent", args: [unclaimed.id] },
      ...inStates.map((job) => job && forbidden(world, job, beginning(world, job, " (status)"), AUDITED.none)),
      late && { ...beginning(world, late, " (late)"), error: "AuditTooLate" },
      // Weights of an old epoch count first, whatever became of the seed.
      pending && fresh(world, pending) && { ...beginning(world, pending, " (pending)"), error: "AuditSeedPending" },
      stale && { ...beginning(world, stale, " (stale)"), error: "AuditPeriodStale", args: [periodOf(world, stale)] },
      passed && {
        ...beginning(world, passed, " (not picked)"),
        ...{ error: "AuditNotPicked", args: [stateOf(world, passed).claimId] },
      },
    );
  },
};

const fresh = (world: World, job: Job): boolean => {
  const { epoch = 0 } = world.view.periods.get(periodOf(world, job)) ?? {};
  return epoch + 1 >= Math.floor(world.next / EPOCH_SECONDS);
};

/** What a move is refused with when the audit stands somewhere else. */
const forbidden = (world: World, job: Job, act: Act, expected: bigint): Refusal => {
  const { claimId } = stateOf(world, job);
  const { status } = auditOf(world, claimId);
  const state = AUDIT_STATES[Number(status)] ?? "";
  return { ...act, error: "AuditStatusForbids", args: [claimId, status, expected], state };
};

/** Claims that can still be challenged, by where their audits stand. */
const standing = (world: World, status: bigint): Job[] =>
  claimed(world).filter((job) => auditOf(world, stateOf(world, job).claimId).status === status);
const elsewhere = (world: World, needed: bigint, act: (job: Job, how: string) => Act): (Refusal | undefined)[] =>
  AUDIT_STATES.map((state, status) => {
    const job = BigInt(status) === needed ? undefined : world.some(standing(world, BigInt(status)));
    return job && forbidden(world, job, act(job, ` while ${state}`), needed);
  });

// ------------------------------------------------------------------------------------------------ auditors

/** What auditors do: compute, guess, agree with their friends, or copy what another one would commit to. */
type Work = "execute" | "guess" | "agree" | "copy" | "nothing";
const WORK_OF: Readonly<Record<Character, readonly Work[]>> = {
  honest: ["execute"],
  lazy: ["execute", "guess", "nothing"],
  forging: ["execute", "guess"],
  withholding: ["execute", "nothing"],
  steering: ["execute"],
  "self-accusing": ["agree"],
  sybil: ["execute", "agree"],
  dodging: ["guess", "copy", "nothing"],
};

function commitmentFor(world: World, { claimId, job, outputRoot }: Audited, work: Work): string {
  const { auditor } = auditOf(world, claimId);
  const right = [ANSWERS.honest.trace.root, outputOfAnswer("honest").root] as const;
  const { trace } = ANSWERS[job.answer ?? "honest"];
  switch (work) {
    case "agree":
      return auditCommitmentOf(world, claimId, trace?.root ?? id("made up"), outputRoot, auditor);
    case "copy":
      return auditCommitmentOf(world, claimId, ...right, world.people.pauper.address);
    case "guess":
      return id(`guess ${world.serial()}`);
    default:
      return auditCommitmentOf(world, claimId, ...right, auditor);
  }
}

const committing = (world: World, found: Audited, by: Signer, work: Work, how = ""): Act => ({
  text: `commit to the audit of ${short(found.job.id)} by ${short(by.address)}: ${work}${how}`,
  send: () => world.contracts.desk.connect(by).commit(found.claimId, commitmentFor(world, found, work)),
});

/** An honest auditor's commitment. */
export const auditing = (world: World, found: Audited): Act =>
  committing(world, found, world.signerOf(auditOf(world, found.claimId).auditor), "execute", " in duty");

const affords = ({ view }: World, auditor: string): boolean =>
  (view.credits.desk.get(auditor) ?? 0n) >= AUDIT.bond || (view.balances.get(auditor) ?? 0n) >= AUDIT.bond;

const at = (world: World, status: bigint, condition: (audit: AuditView, found: Audited) => boolean) =>
  world.some(world.audits, (found) => {
    const audit = auditOf(world, found.claimId);
    return audit.status === status && condition(audit, found);
  });

const commits: Move = {
  name: "desk.commit",
  weight: 24,
  valid: (world) => {
    const found = at(
      world,
      AUDITED.begun,
      ({ auditor, commitBy }) =>
        world.nextClock < commitBy && affords(world, auditor) && world.isLit("operators", auditor),
    );
    if (found === undefined) return undefined;
    const { auditor } = auditOf(world, found.claimId);
    const work = world.random.pick(WORK_OF[world.characterOf(auditor)]);
    return work === "nothing" ? undefined : committing(world, found, world.signerOf(auditor), work);
  },
  refusals: (world) => {
    const begun = at(world, AUDITED.begun, ({ commitBy }) => world.nextClock < commitBy);
    const late = at(world, AUDITED.begun, ({ commitBy }) => world.nextClock >= commitBy);
    const { pauper } = world.people;
    const auditor = ({ claimId }: Audited): Signer => world.signerOf(auditOf(world, claimId).auditor);
    const asAudited = (job: Job): Audited => ({ claimId: stateOf(world, job).claimId, job, outputRoot: id("none") });
    return present<Refusal>(
      ...elsewhere(world, AUDITED.begun, (job, how) => committing(world, asAudited(job), pauper, "guess", how)),
      begun && { ...committing(world, begun, pauper, "copy", " (stranger)"), error: "AuditNotFor" },
      late && { ...committing(world, late, auditor(late), "execute", " (late)"), error: "AuditTooLate" },
    );
  },
};

// ------------------------------------------------------------------------------------------------ operators

/** The root that an operator publishes: that of its trace, unless it has reasons to show another one. */
function rootFor(world: World, job: Job): Hash {
  const character = world.characterOf(stateOf(world, job).operator);
  const { trace } = ANSWERS[job.answer ?? "honest"];
  const dodges = character === "dodging" || character === "forging" || character === "withholding";
  const other =
    dodges && world.random.chance(0.6) ? ANSWERS[world.random.pick(["honest", "wrong"] as const)].trace : trace;
  return (other ?? ANSWERS.wrong.trace).root;
}

/** Whether the auditor has the trace of that root. */
const agrees = (world: World, claimId: string, root: string, outputRoot: string): boolean => {
  const { commitment, auditor } = auditOf(world, claimId);
  return commitment === auditCommitmentOf(world, claimId, root, outputRoot, auditor);
};

/** Whether the court had a dispute of the claim: it has at most one. */
const disputed = ({ view }: World, claimId: string): boolean => (view.disputes.get(claimId)?.status ?? 0n) !== 0n;

const publishing = (world: World, job: Job, by: Signer, root: Hash, how = ""): Act => ({
  text: `publish ${short(root)} for ${short(job.id)}${how}`,
  send: async () => {
    const { claimId, outputRoot } = stateOf(world, job);
    await world.contracts.desk.connect(by).publish(job.request, root);
    if (!agrees(world, claimId, root, outputRoot)) openCase(world, claimId, job);
  },
});

/** Remembers the dispute that an audit opened. */
function openCase(world: World, claimId: string, job: Job): void {
  world.cases.push({ claimId, job, demands: [], accusations: [], replays: new Set() });
}

/** What an honest operator publishes, if it can: after a dispute only what ends the audit. */
export function publication(world: World, { claimId, job }: Audited): Act | undefined {
  const { outputRoot, operator } = stateOf(world, job);
  const { root } = ANSWERS.honest.trace;
  if (disputed(world, claimId) && !agrees(world, claimId, root, outputRoot)) return undefined;
  return publishing(world, job, world.signerOf(operator), root, " in duty");
}

const publishes: Move = {
  name: "desk.publish",
  weight: 20,
  valid: (world) => {
    const job = world.some(standing(world, AUDITED.committed), (it) => {
      const { operator, deadline, claimId } = stateOf(world, it);
      return (
        world.isLit("operators", operator) &&
        world.nextClock < deadline &&
        !disputed(world, claimId) &&
        (world.characterOf(operator) !== "dodging" || world.random.chance(0.4))
      );
    });
    if (job === undefined) return undefined;
    return publishing(world, job, actingFor(world, stateOf(world, job).operator), rootFor(world, job));
  },
  refusals: (world) => {
    const own = (job: Job, how: string): Act =>
      publishing(world, job, world.signerOf(stateOf(world, job).operator), id("any") as Hash, how);
    const job = world.some(standing(world, AUDITED.committed));
    const absent = world.some(world.jobs, (it) => stateOf(world, it).status !== CLAIMED);
    return present<Refusal>(
      ...elsewhere(world, AUDITED.committed, own),
      absent && { ...own(absent, " (absent)"), error: "AuditClaimAbsent", args: [absent.id] },
      job && {
        ...publishing(world, job, world.people.pauper, id("any") as Hash, " (stranger)"),
        ...{ error: "AuditNotFor", args: [world.people.pauper.address, stateOf(world, job).operator] },
      },
    );
  },
};

const escalating = (world: World, job: Job, how = ""): Act => ({
  text: `escalate the audit of ${short(job.id)}${how}`,
  send: async () => {
    const { claimId } = stateOf(world, job);
    await world.contracts.desk.escalate(job.request);
    openCase(world, claimId, job);
  },
});

const escalates: Move = {
  name: "desk.escalate",
  weight: 8,
  valid: (world) => {
    const job = world.some(standing(world, AUDITED.committed), (it) => {
      const { claimId, deadline } = stateOf(world, it);
      return isOverdue(world, it) && world.nextClock < deadline && !disputed(world, claimId);
    });
    return job && escalating(world, job);
  },
  refusals: (world) => {
    const here = standing(world, AUDITED.committed);
    const early = world.some(here, (job) => !isOverdue(world, job));
    const late = world.some(here, (job) => {
      const { claimId, deadline } = stateOf(world, job);
      return isOverdue(world, job) && world.nextClock >= deadline && !disputed(world, claimId);
    });
    const absent = world.some(world.jobs, (it) => stateOf(world, it).status !== CLAIMED);
    return present<Refusal>(
      ...elsewhere(world, AUDITED.committed, (job, how) => escalating(world, job, how)),
      absent && { ...escalating(world, absent, " (absent)"), error: "AuditClaimAbsent", args: [absent.id] },
      early && { ...escalating(world, early, " (early)"), error: "AuditTooEarly" },
      late && { ...escalating(world, late, " (late)"), error: "MarketDeadlinePassed" },
    );
  },
};

/** Whether the time in which the operator publishes is over. */
const isOverdue = (world: World, job: Job): boolean =>
  world.nextClock >= auditOf(world, stateOf(world, job).claimId).commitBy + AUDIT.publishSeconds;

// ------------------------------------------------------------------------------------------------ ends

const lapsing = (world: World, { job }: Pick<Audited, "job">, how = ""): Act => ({
  text: `lapse the audit of ${short(job.id)}${how}`,
  send: () => world.contracts.desk.lapse(job.request),
});

const settling = (world: World, { job, outputRoot }: Omit<Audited, "claimId">, how = ""): Act => ({
  text: `settle the audit of ${short(job.id)}${how}`,
  send: () => world.contracts.desk.settle(job.request, outputRoot),
});

/** Whether the market still tells the id of the claim. */
const isTold = (world: World, { claimId, job }: Audited): boolean => stateOf(world, job).claimId === claimId;
/** Whether the claim came to its end without an answer. */
const isGone = (world: World, { job }: Audited): boolean => stateOf(world, job).status > FINAL;

const lapses: Move = {
  name: "desk.lapse",
  weight: 6,
  valid: (world) => {
    const found = at(world, AUDITED.begun, ({ commitBy }, it) => {
      return world.nextClock >= commitBy && isTold(world, it) && !disputed(world, it.claimId);
    });
    return found && lapsing(world, found);
  },
  refusals: (world) => {
    const early = at(world, AUDITED.begun, ({ commitBy }, it) => world.nextClock < commitBy && isTold(world, it));
    const late = at(world, AUDITED.begun, ({ commitBy }, it) => {
      return world.nextClock >= commitBy && isTold(world, it) && disputed(world, it.claimId);
    });
    return present<Refusal>(
      ...elsewhere(world, AUDITED.begun, (job, how) => lapsing(world, { job }, how)),
      early && { ...lapsing(world, early, " (early)"), error: "AuditTooEarly" },
      late && { ...lapsing(world, late, " (disputed)"), error: "AuditDisputed", args: [late.claimId] },
    );
  },
};

/** What `settle` waits for; undefined when it waits for nothing. */
function waitsFor(world: World, found: Audited): "dispute" | "verdict" | "window" | undefined {
  const { status } = auditOf(world, found.claimId);
  const { deadline, status: claim } = stateOf(world, found.job);
  const known = disputed(world, found.claimId);
  if (status === AUDITED.begun) return known || isGone(world, found) ? undefined : "dispute";
  if (known) return claim === CHALLENGED ? "verdict" : undefined;
  return world.nextClock >= deadline ? undefined : "window";
}

const settles: Move = {
  name: "desk.settle",
  weight: 8,
  valid: (world) => {
    const found = world.some(world.audits, (it) => {
      const { status } = auditOf(world, it.claimId);
      return (status === AUDITED.begun || status === AUDITED.committed) && waitsFor(world, it) === undefined;
    });
    return found && settling(world, found);
  },
  refusals: (world) => {
    const waiting = (status: bigint, what: ReturnType<typeof waitsFor>): Audited | undefined =>
      at(world, status, (_audit, found) => waitsFor(world, found) === what);
    const [begun, open, early] = [
      waiting(AUDITED.begun, "dispute"),
      waiting(AUDITED.committed, "verdict"),
      waiting(AUDITED.committed, "window"),
    ];
    const others = [AUDITED.none, AUDITED.settled].map((status) => world.some(standing(world, status)));
    return present<Refusal>(
      ...others.map((job) => {
        const { outputRoot = "" } = job === undefined ? {} : stateOf(world, job);
        return job && forbidden(world, job, settling(world, { job, outputRoot }, " again"), AUDITED.committed);
      }),
      begun && { ...settling(world, begun, " (undisputed)"), error: "AuditUndisputed", args: [begun.claimId] },
      open && { ...settling(world, open, " (open)"), error: "AuditDisputed", args: [open.claimId] },
      early && { ...settling(world, early, " (early)"), error: "AuditTooEarly" },
    );
  },
};

export const AUDIT_MOVES: readonly Move[] = [
  ...[periods, begins, commits, publishes, escalates, lapses, settles],
  payingIn("desk"),
  withdrawing("desk"),
];

/** Ends every audit, when the time of all claims is over. */
export async function endAudits(world: World): Promise<void> {
  for (const found of world.audits) {
    const { status } = auditOf(world, found.claimId);
    if (status !== AUDITED.begun && status !== AUDITED.committed) continue;
    const waits = status === AUDITED.begun && waitsFor(world, found) === "dispute";
    await (waits ? lapsing(world, found) : settling(world, found)).send();
  }
  await world.look(true);
}
