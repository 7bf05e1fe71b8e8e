import type { Place } from "../../../../runner/dispute/view.ts";
import { id, ZeroAddress, ZeroHash } from "ethers";

import {
  answerOf,
  commitmentOf,
  FORGED,
  kernelOpening,
  LEVEL_BYTES,
  openingOf,
  outputOf,
  TRACE_TREE,
  type Trace,
} from "../../../../testing/toy-court.ts";
import { payingIn, stateOf } from "./market.ts";
import {
  type Act,
  CLAIMED,
  DISPUTE,
  DISPUTE_STATES,
  type Move,
  present,
  type Refusal,
  REQUEST_STATES,
  short,
  TOMBSTONED,
} from "./move.ts";
import { ANSWERS, executionFor, manifestFor, progressOf } from "./toy.ts";
import type { DemandView, DisputeView } from "./view.ts";
import type { Case, Demand, Job, Signer, World } from "./world.ts";

/*
 * Moves of watchers and operators in court.
 */

const TREE_KERNELS = 18;
/** Steps that the replayed element takes, and where it is stored on the way. */
const [ALL_STEPS, SOME_STEPS] = [99, 4];

const disputeOf = ({ view }: World, { claimId }: Case): DisputeView => {
  const dispute = view.disputes.get(claimId);
  if (dispute === undefined) throw new Error(`no dispute of ${claimId}`);
  return dispute;
};
/** Somebody who watches, and has no scruples unless it must have none. */
const watcher = (world: World, isFair = false): Signer => {
  const { watchers } = world.people;
  const fits = ({ address }: Signer): boolean =>
    world.isLit("watchers", address) && (isFair || world.sideOf(address) !== "honest");
  return world.some(watchers, fits) ?? world.random.pick(watchers.slice(1));
};
/** Whether an answer is not what the model says. */
export const isWrong = ({ answer }: Job): boolean => answer === "wrong" || answer === "made up";
const traceOf = ({ job }: Case): Trace | undefined => ANSWERS[job.answer ?? "honest"].trace;

/** Whether an operator shows what it is asked for; who withholds does so now and then. */
const defends = (world: World, operator: string, chance: number): boolean =>
  world.isLit("operators", operator) &&
  (world.characterOf(operator) !== "withholding" || world.random.chance(chance));

/** A verdict against somebody is given while enough others are left to play. */
const bearable = ({ view }: World): boolean =>
  [...view.operators.values()].filter(({ status }) => status !== TOMBSTONED).length > 2;

type Send = (world: World, found: Case) => Promise<unknown>;

/** A move in a dispute: it needs one state and perhaps more; in every other state it is refused with that state. */
function inDispute(
  name: string,
  needs: {
    readonly weight: number;
    readonly state: bigint;
    readonly also?: (world: World, found: Case, dispute: DisputeView) => boolean;
    readonly send: Send;
    readonly refusals?: (
      world: World,
      here: readonly Case[],
      instead: (found: Case | undefined, error: string, send: Send) => Refusal | undefined,
    ) => readonly (Refusal | undefined)[];
  },
): Move {
  const act = (world: World, found: Case, how = "", send = needs.send): Act => ({
    text: `${name} ${short(found.claimId)}${how}`,
    send: () => send(world, found),
  });
  return {
    name: `court.${name}`,
    weight: needs.weight,
    valid: (world) => {
      const found = world.some(world.cases, (it) => {
        const dispute = disputeOf(world, it);
        return dispute.status === needs.state && (needs.also?.(world, it, dispute) ?? true);
      });
      return found && act(world, found);
    },
    refusals: (world) => {
      const wrongStates = DISPUTE_STATES.flatMap((state, status): Refusal[] => {
        if (BigInt(status) === needs.state) return [];
        const found =
          status === 0
            ? unopened(world)
            : world.some(world.cases, (it) => disputeOf(world, it).status === BigInt(status));
        if (found === undefined) return [];
        const args = [BigInt(status), needs.state];
        return [{ ...act(world, found, ` while ${state}`), error: "CourtStatus", args, state }];
      });
      const here = world.cases.filter((it) => disputeOf(world, it).status === needs.state);
      const more = needs.refusals?.(world, here, (found, error, send) =>
        found === undefined ? undefined : { ...act(world, found, ` (${error})`, send), error },
      );
      return [...wrongStates, ...present<Refusal>(...(more ?? []))];
    },
  };
}

/** A claim that nobody disputed, as if somebody had. */
function unopened(world: World): Case | undefined {
  const job = world.some(world.jobs, (it) => {
    const { claimId } = stateOf(world, it);
    return claimId !== ZeroHash && world.cases.every((known) => known.claimId !== claimId);
  });
  return job && { claimId: stateOf(world, job).claimId, job, demands: [], accusations: [], replays: new Set() };
}

// ------------------------------------------------------------------------------------------------ challenge

const challenge = (world: World, job: Job, claimId: string, by: Signer, how = ""): Act => ({
  text: `challenge ${short(job.id)}${how}`,
  send: async () => {
    await world.contracts.court.connect(by).challenge(job.id, claimId);
    world.cases.push({ claimId, job, demands: [], accusations: [], replays: new Set() });
  },
});

const challengeMove: Move = {
  name: "court.challenge",
  weight: 12,
  valid: (world) => {
    const by = watcher(world, true);
    const side = world.sideOf(by.address);
    const job = world.some(world.jobs, (it) => {
      if (!challengeable(world, it)) return false;
      if (side === "honest") return isWrong(it);
      return side === "griefing" || world.characterOf(stateOf(world, it).operator) === "self-accusing";
    });
    return job && challenge(world, job, stateOf(world, job).claimId, by);
  },
  refusals: (world) => {
    const by = watcher(world);
    const elsewhere = REQUEST_STATES.flatMap((state, status): Refusal[] => {
      const job = world.some(world.jobs, (it) => stateOf(world, it).status === BigInt(status));
      if (job === undefined || BigInt(status) === CLAIMED) return [];
      const args = [job.id, BigInt(status)];
      return [{ ...challenge(world, job, id("x"), by, ` while ${state}`), error: "MarketStatusForbids", args, state }];
    });
    const unknown = { id: id("nobody's"), request: world.jobs[0]?.request, version: world.versions[0] } as Job;
    const known = world.some(world.cases);
    const job = world.some(world.jobs, (it) => challengeable(world, it));
    const late = world.some(
      world.jobs,
      (it) => stateOf(world, it).status === CLAIMED && fresh(world, it) && isLate(world, it),
    );
    const state = { state: "None" };
    return present<Refusal>(
      ...elsewhere,
      {
        ...challenge(world, unknown, id("x"), by, " nobody's"),
        error: world.view.court === ZeroAddress ? "MarketNotCourt" : "MarketRequestUnknown",
        ...state,
      },
      known && {
        ...challenge(world, known.job, known.claimId, by, " again"),
        ...{ error: "CourtStatus", args: [disputeOf(world, known).status, 0n] },
        state: `dispute ${DISPUTE_STATES[Number(disputeOf(world, known).status)] ?? ""}`,
      },
      job && { ...challenge(world, job, id("x"), by, " another claim"), error: "MarketClaimMismatch" },
      job && {
        ...challenge(world, job, stateOf(world, job).claimId, world.people.pauper, " without bond"),
        error: "ERC20InsufficientAllowance",
      },
      late && { ...challenge(world, late, stateOf(world, late).claimId, by, " late"), error: "MarketDeadlinePassed" },
    );
  },
};

const fresh = (world: World, job: Job): boolean =>
  world.cases.every(({ claimId }) => claimId !== stateOf(world, job).claimId);
const isLate = (world: World, job: Job): boolean => world.nextClock >= stateOf(world, job).deadline;
const challengeable = (world: World, job: Job): boolean =>
  stateOf(world, job).status === CLAIMED && !isLate(world, job) && fresh(world, job);

// ------------------------------------------------------------------------------------------------ trace

const commit =
  (
    changed: {
      readonly by?: "pauper";
      readonly count?: number;
      readonly root?: string;
      readonly manifest?: object;
    } = {},
  ): Send =>
  async (world, { claimId, job }) => {
    const trace = ANSWERS[job.answer ?? "honest"].trace ?? ANSWERS.honest.trace;
    const operator = world.signerOf(stateOf(world, job).operator);
    const court = world.contracts.court.connect(changed.by === undefined ? operator : world.people[changed.by]);
    const outputRoots = trace.outputRoots.slice(0, changed.count ?? 2);
    const manifest = { ...manifestFor(job.version.size), ...changed.manifest };
    const root = changed.root ?? trace.root;
    return court.commitTrace(claimId, job.request, manifest, root, outputRoots, trace.outputSiblings, "ipfs://trace");
  };

const verdictRequest = (world: World, { job }: Case): Job["request"] =>
  world.some(world.jobs, ({ id: other }) => other !== job.id)?.request ?? job.request;

// ------------------------------------------------------------------------------------------------ demands

const placesFor = ({ random }: World, kernel: number): Place[] => {
  if (kernel === TRACE_TREE) return [{ level: 0, index: random.chance(0.5) ? 0 : 16 }];
  const leaf = { level: LEVEL_BYTES, index: 0 };
  return random.chance(0.5) ? [{ level: 0, index: 0 }] : [leaf, { level: 0, index: 0 }];
};

const demand =
  (kernelOf: (world: World) => number, places = placesFor): Send =>
  async (world, { claimId, demands }) => {
    const court = world.contracts.court.connect(watcher(world));
    const kernel = kernelOf(world);
    const wanted = places(world, kernel);
    if (kernel === TRACE_TREE) await court.demandTrace(claimId, wanted);
    else await court.demandTensor(claimId, kernelOpening(kernel), wanted);
    for (const place of wanted) {
      const opening = openingOf(kernel, place);
      const known = demands.some((it) => JSON.stringify(it.opening) === JSON.stringify(opening));
      if (!known) demands.push({ claimId, opening });
    }
  };
const someKernel = ({ random }: World): number => random.below(3);
const theTree = (): number => TRACE_TREE;

const demandMove = (name: string, kernelOf: (world: World) => number): Move =>
  inDispute(name, {
    ...{ weight: 2.5, state: DISPUTE.traced },
    also: (world, { demands }, { demandUntil }) => world.next <= demandUntil && demands.length < 6,
    send: demand(kernelOf),
    refusals: (world, here, instead) => {
      const open = world.some(here, (it) => world.next <= disputeOf(world, it).demandUntil);
      const late = world.some(here, (it) => world.next > disputeOf(world, it).demandUntil);
      const nowhere = (): Place[] => [{ level: 0, index: 8 }];
      return [
        instead(open, "CourtPlaceOutside", demand(kernelOf, nowhere)),
        instead(late, "CourtTooLate", demand(kernelOf)),
        name === "demandTensor"
          ? instead(open, "CourtKernelMismatch", ({ contracts }, { claimId }) =>
              contracts.court.demandTensor(claimId, { ...kernelOpening(0), index: 1 }, [{ level: 0, index: 0 }]),
            )
          : undefined,
      ];
    },
  });

interface Asked {
  readonly demand: Demand;
  readonly record: DemandView;
}
const asked = (world: World, found: Case, condition: (record: DemandView) => boolean): Asked | undefined =>
  world.some(
    found.demands.flatMap((it, i) => {
      const record = world.view.demands.get(found.claimId)?.[i];
      return record === undefined ? [] : [{ demand: it, record }];
    }),
    ({ record }) => condition(record),
  );

const answerable = (world: World, { answered, answerUntil }: DemandView): boolean =>
  !answered && world.next <= answerUntil;
const defaulted = (world: World, { answered, answerUntil }: DemandView): boolean =>
  !answered && world.next > answerUntil;

const answer =
  (condition: (world: World, record: DemandView) => boolean, changed?: "data"): Send =>
  async (world, found) => {
    const { opening } = asked(world, found, (record) => condition(world, record))?.demand ?? {};
    const trace = traceOf(found) ?? ANSWERS.honest.trace;
    const given = answerOf(trace, opening?.kernelIndex ?? 0, opening?.place ?? { level: 0, index: 0 });
    // One more sibling leads to another root, or to none.
    const nodes = changed === undefined ? given.nodes : given.nodes.map(() => id("other"));
    const data = changed === undefined || given.data === "0x" ? given.data : `${given.data.slice(0, -2)}fe`;
    return world.contracts.court.answer(found.claimId, [{ ...given, nodes, data }]);
  };

const unknownOpening = { ...openingOf(17, { level: 0, index: 0 }), length: 4_000 };

const convictUnanswered =
  (condition: (world: World, record: DemandView) => boolean): Send =>
  async (world, found) => {
    const opening = asked(world, found, (record) => condition(world, record))?.demand.opening ?? unknownOpening;
    return world.contracts.court.convictUnanswered(found.claimId, found.job.request, opening);
  };

const reclaim =
  (known: boolean): Send =>
  async (world, found) => {
    const settled = ({ demander }: DemandView): boolean => BigInt(demander) !== 0n;
    const opening = (known ? asked(world, found, settled)?.demand.opening : undefined) ?? unknownOpening;
    return world.contracts.court.reclaim(found.claimId, opening);
  };

// ------------------------------------------------------------------------------------------------ fraud

const inProof = (world: World, _found: Case, { end }: DisputeView): boolean => world.next <= end;

/** Where the trace is wrong, or else a place where it is right. */
const faultOf = ({ job }: Case) => ANSWERS[job.answer ?? "honest"].fault ?? FORGED;
/** Whether a trace was committed to that shows the fault. */
export const isFraud = ({ job }: Case): boolean => ANSWERS[job.answer ?? "honest"].fault !== undefined;

/** The accusation of an element, made before. */
const accusationOf = (
  { accusations }: Case,
  { kernel, element }: { readonly kernel: number; readonly element: number },
) => accusations.find((it) => it.kernel === kernel && it.element === element);

const accuse =
  (again = false, duty?: Signer): Send =>
  async (world, { claimId, accusations, ...rest }) => {
    const found = { claimId, accusations, ...rest };
    const by = duty ?? watcher(world, isFraud(found));
    const fair = world.sideOf(by.address) === "honest";
    const { kernel, element } = !fair && world.random.chance(0.2) ? FORGED : faultOf(found);
    const made = { accuser: by.address, salt: id(`salt ${world.serial()}`), kernel, element };
    const accusation = (again ? accusations[0] : undefined) ?? made;
    await world.contracts.court
      .connect(by)
      .accuse(claimId, commitmentOf(claimId, accusation.kernel, accusation.element, accusation));
    accusations.push(made);
  };

const replayed = FORGED.kernel;
const replay =
  (steps: number, salt?: string): Send =>
  async (world, found) => {
    const trace = traceOf(found) ?? ANSWERS.honest.trace;
    const known = accusationOf(found, FORGED) ?? { accuser: watcher(world).address, salt: ZeroHash };
    const accusation = { accuser: known.accuser, salt: salt ?? known.salt };
    const execution = executionFor(found.job.version.size, trace, replayed, FORGED.element);
    await world.contracts.court.connect(watcher(world)).replay(found.claimId, accusation, execution, steps);
    found.replays.add(steps);
  };

const prove =
  (changed?: "salt" | "state"): Send =>
  async (world, found) => {
    const trace = traceOf(found) ?? ANSWERS.honest.trace;
    const fault = faultOf(found);
    const known = accusationOf(found, fault) ?? { accuser: watcher(world).address, salt: ZeroHash };
    const accusation = { accuser: known.accuser, salt: changed === "salt" ? id("wrong salt") : known.salt };
    // From a stored state where there is one, from the beginning otherwise.
    const stored = fault.kernel === replayed && found.replays.has(SOME_STEPS);
    const progress =
      changed === "state"
        ? progressOf(trace, fault.kernel, SOME_STEPS + 1)
        : stored
          ? progressOf(trace, fault.kernel, SOME_STEPS)
          : undefined;
    const execution = executionFor(found.job.version.size, trace, fault.kernel, fault.element, progress);
    const output = outputOf(trace, fault.kernel, fault.leaf);
    return world.contracts.court.proveFraud(found.claimId, found.job.request, accusation, execution, output);
  };

/** What an honest operator does in court. */
export const committing = Object.assign(
  (world: World, found: Case): Act => ({
    text: `commitTrace ${short(found.claimId)} in duty`,
    send: () => commit()(world, found),
  }),
  {
    resolve: (world: World, { claimId }: Case): Act => ({
      text: `resolve ${short(claimId)} in duty`,
      send: () => world.contracts.court.resolve(claimId),
    }),
  },
);
export const answering = (world: World, found: Case): Act => ({
  text: `answer ${short(found.claimId)} in duty`,
  send: () => answer(answerable)(world, found),
});

/** What the honest watcher does. */
const honestWatcher = ({ people }: World): Signer => people.watchers[0] ?? people.pauper;
export const accusing = {
  challenge: (world: World, job: Job): Act =>
    challenge(world, job, stateOf(world, job).claimId, honestWatcher(world), " in duty"),
  convict: (world: World, { claimId, job }: Case): Act => ({
    text: `convictWithoutTrace ${short(claimId)} in duty`,
    send: () => world.contracts.court.convictWithoutTrace(claimId, job.request),
  }),
  accuse: (world: World, found: Case): Act => ({
    text: `accuse ${short(found.claimId)} in duty`,
    send: () => accuse(false, honestWatcher(world))(world, found),
  }),
};

/** The proof of a fault that was accused; nothing when it was not. */
export const proving = (world: World, found: Case): Act | undefined =>
  accusationOf(found, faultOf(found)) && {
    text: `proveFraud ${short(found.claimId)} in duty`,
    send: () => prove()(world, found),
  };

const money = (world: World, account: string): Act => ({
  text: `court.withdraw ${short(account)}`,
  send: () => world.contracts.court.withdraw(account),
});

// ------------------------------------------------------------------------------------------------ moves

export const COURT_MOVES: readonly Move[] = [
  challengeMove,
  inDispute("commitTrace", {
    ...{ weight: 12, state: DISPUTE.challenged },
    also: (world, found, { traceUntil, operator }) =>
      traceOf(found) !== undefined && world.next <= traceUntil && defends(world, operator, 0.6),
    send: commit(),
    refusals: (world, here, instead) => {
      const open = world.some(here, (it) => traceOf(it) !== undefined && world.next <= disputeOf(world, it).traceUntil);
      const late = world.some(here, (it) => world.next > disputeOf(world, it).traceUntil);
      const lying = world.some(
        here,
        (it) => traceOf(it) === undefined && world.next <= disputeOf(world, it).traceUntil,
      );
      return [
        instead(open, "CourtOperatorOnly", commit({ by: "pauper" })),
        instead(open, "CourtOutputCount", commit({ count: 1 })),
        instead(open, "CourtTraceMismatch", commit({ root: id("x") })),
        instead(open, "CourtManifestMismatch", commit({ manifest: { kernelCount: TREE_KERNELS + 1 } })),
        instead(lying, "CourtOutputRootMismatch", commit()),
        instead(late, "CourtTooLate", commit()),
      ];
    },
  }),
  inDispute("convictWithoutTrace", {
    ...{ weight: 6, state: DISPUTE.challenged },
    also: (world, _found, { traceUntil }) => world.next > traceUntil && bearable(world),
    send: ({ contracts }, { claimId, job }) => contracts.court.convictWithoutTrace(claimId, job.request),
    refusals: (world, here, instead) => {
      const early = world.some(here, (it) => world.next <= disputeOf(world, it).traceUntil);
      const due = world.some(here, (it) => world.next > disputeOf(world, it).traceUntil);
      return [
        instead(early, "CourtTooEarly", ({ contracts }, { claimId, job }) =>
          contracts.court.convictWithoutTrace(claimId, job.request),
        ),
        instead(world.jobs.length > 1 ? due : undefined, "CourtRequestMismatch", (_world, found) =>
          world.contracts.court.convictWithoutTrace(found.claimId, verdictRequest(world, found)),
        ),
      ];
    },
  }),
  inDispute("resolve", {
    ...{ weight: 20, state: DISPUTE.traced },
    also: (world, _found, { end, openDemands }) => world.next > end && openDemands === 0n,
    send: ({ contracts }, { claimId }) => contracts.court.resolve(claimId),
    refusals: (world, here, instead) => {
      const resolve: Send = ({ contracts }, { claimId }) => contracts.court.resolve(claimId);
      const early = world.some(here, (it) => world.next <= disputeOf(world, it).end);
      const late = (it: Case): boolean => world.next > disputeOf(world, it).end;
      const open = world.some(here, (it) => late(it) && disputeOf(world, it).openDemands > 0n);
      return [instead(early, "CourtTooEarly", resolve), instead(open, "CourtDemandsOpen", resolve)];
    },
  }),
  demandMove("demandTrace", theTree),
  demandMove("demandTensor", someKernel),
  inDispute("answer", {
    ...{ weight: 20, state: DISPUTE.traced },
    also: (world, found, { operator }) =>
      defends(world, operator, 0) && asked(world, found, (record) => answerable(world, record)) !== undefined,
    send: answer(answerable),
    refusals: (world, here, instead) => {
      const open = world.some(here, (it) => asked(world, it, (record) => answerable(world, record)) !== undefined);
      const late = world.some(here, (it) => asked(world, it, (record) => defaulted(world, record)) !== undefined);
      const none = world.some(here, ({ demands }) => demands.length === 0);
      return [
        instead(open, "CourtTraceMismatch", answer(answerable, "data")),
        instead(late, "CourtTooLate", answer(defaulted)),
        instead(none, "CourtDemandUnknown", answer(answerable)),
      ];
    },
  }),
  inDispute("convictUnanswered", {
    ...{ weight: 6, state: DISPUTE.traced },
    also: (world, found) => bearable(world) && asked(world, found, (record) => defaulted(world, record)) !== undefined,
    send: convictUnanswered(defaulted),
    refusals: (world, here, instead) => {
      const early = world.some(here, (it) => asked(world, it, (record) => answerable(world, record)) !== undefined);
      const done = world.some(here, (it) => asked(world, it, ({ answered }) => answered) !== undefined);
      return [
        instead(early, "CourtTooEarly", convictUnanswered(answerable)),
        instead(
          done,
          "CourtDemandAnswered",
          convictUnanswered((_world, { answered }) => answered),
        ),
        instead(
          world.some(here),
          "CourtDemandUnknown",
          convictUnanswered(() => false),
        ),
      ];
    },
  }),
  inDispute("reclaim", {
    ...{ weight: 4, state: DISPUTE.convicted },
    also: (world, found) => asked(world, found, ({ demander }) => BigInt(demander) !== 0n) !== undefined,
    send: reclaim(true),
    refusals: (world, here, instead) => [instead(world.some(here), "CourtDemandUnknown", reclaim(false))],
  }),
  inDispute("accuse", {
    ...{ weight: 20, state: DISPUTE.traced },
    also: inProof,
    send: accuse(),
    refusals: (world, here, instead) => {
      const known = world.some(here, (it) => inProof(world, it, disputeOf(world, it)) && it.accusations.length > 0);
      const late = world.some(here, (it) => !inProof(world, it, disputeOf(world, it)));
      return [instead(known, "CourtAccusationKnown", accuse(true)), instead(late, "CourtTooLate", accuse())];
    },
  }),
  inDispute("replay", {
    ...{ weight: 5, state: DISPUTE.traced },
    also: (world, found, dispute) => inProof(world, found, dispute) && accusationOf(found, FORGED) !== undefined,
    send: replay(SOME_STEPS),
    refusals: (world, here, instead) => {
      const open = world.some(here, (it) => inProof(world, it, disputeOf(world, it)));
      const known = world.some(
        here,
        (it) => inProof(world, it, disputeOf(world, it)) && accusationOf(it, FORGED) !== undefined,
      );
      const late = world.some(here, (it) => !inProof(world, it, disputeOf(world, it)));
      return [
        instead(open, "CourtAccusationUnknown", replay(SOME_STEPS, id("wrong salt"))),
        instead(known, "CourtReplayFinished", replay(ALL_STEPS)),
        instead(late, "CourtTooLate", replay(SOME_STEPS)),
      ];
    },
  }),
  inDispute("proveFraud", {
    ...{ weight: 20, state: DISPUTE.traced },
    also: (world, found, dispute) => {
      const ready = isFraud(found) && accusationOf(found, faultOf(found)) !== undefined;
      return ready && inProof(world, found, dispute) && bearable(world);
    },
    send: prove(),
    refusals: (world, here, instead) => {
      const open = (it: Case): boolean =>
        inProof(world, it, disputeOf(world, it)) && accusationOf(it, faultOf(it)) !== undefined;
      const right = world.some(here, (it) => open(it) && !isFraud(it));
      const known = world.some(here, (it) => open(it) && faultOf(it).kernel === replayed);
      const late = world.some(here, (it) => !inProof(world, it, disputeOf(world, it)));
      return [
        instead(right, "CourtNoFraud", prove()),
        instead(known, "CourtAccusationUnknown", prove("salt")),
        instead(known, "CourtReplayUnknown", prove("state")),
        instead(late, "CourtTooLate", prove()),
      ];
    },
  }),
  payingIn("court"),
  {
    name: "court.withdraw",
    weight: 3,
    valid: (world) => {
      const owed = world.some(world.view.credits.court, ([, amount]) => amount > 0n)?.[0];
      return owed === undefined ? undefined : money(world, owed);
    },
    refusals: (world) => {
      const { address } = world.people.pauper;
      return [{ ...money(world, address), error: "CreditZero", args: [address] }];
    },
  },
];
