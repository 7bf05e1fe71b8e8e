import { expect } from "chai";

import { AUDIT_DIAGRAM, DISPUTE_DIAGRAM, INVARIANTS, REQUEST_DIAGRAM, titleOf } from "./support/fuzz/invariants.ts";
import { DISPUTE_STATES, REQUEST_STATES } from "./support/fuzz/move.ts";
import { ACTORS } from "./support/fuzz/actors.ts";
import { DRAINED, openStages, type Outcome, plansFrom, walkAll } from "./support/fuzz/runs.ts";
import { MOVES, NO_SURPRISE, Tally } from "./support/fuzz/walk.ts";

/**
 * Walks and their length; more walks with ASSAY_FUZZ; the seed of the first is ASSAY_SEED. When some move, transition or
 * refusal is still missing then, a few walks more hunt for it.
 */
const WALKS = Number(process.env.ASSAY_FUZZ ?? 96);
const STEPS = 128;
const HUNTS = 6;
const HUNTERS = 16;
const FIRST_SEED = Number(process.env.ASSAY_SEED ?? 1);
/** How often each move must succeed in all walks together. */
const OFTEN = WALKS < 256 ? 1 : 3;

/** Walks with a token that lies. */
const LIED_WALKS = Math.max(8, Math.floor(WALKS / 16));
const LIAR = "lying token";

/** Moves that nobody is refused. */
const FREE: readonly string[] = ["staking.setAgent", "relay.cancel"];

/** Moves on a request, and the one state that each needs. */
const NEEDS = {
  ...{ assign: "Open", refund: "Open", claim: "Assigned", timeOut: "Assigned" },
  ...{ finalise: "Claimed", expireDispute: "Challenged" },
} as const;

/** Moves in a dispute, and the one state that each needs. */
const NEEDS_IN_COURT = {
  ...{ commitTrace: "Challenged", convictWithoutTrace: "Challenged", reclaim: "Convicted" },
  ...{ reclaimAccusation: "Convicted" },
  ...{ resolve: "TraceCommitted", demandTrace: "TraceCommitted", demandTensor: "TraceCommitted" },
  ...{ answer: "TraceCommitted", convictUnanswered: "TraceCommitted", accuse: "TraceCommitted" },
  ...{ replay: "TraceCommitted", proveFraud: "TraceCommitted" },
} as const;

/** Every move in every state that forbids it. */
const FORBIDDEN: readonly string[] = [
  ...Object.entries(NEEDS).flatMap(([move, need]) =>
    REQUEST_STATES.filter((state) => state !== need).map((state) => `market.${move} while ${state}`),
  ),
  ...REQUEST_STATES.slice(0, 6).map((state) => `market.notifyFailure while ${state}`),
  ...REQUEST_STATES.filter((state) => state !== "Claimed").map((state) => `court.challenge while ${state}`),
  ...DISPUTE_STATES.slice(1).map((state) => `court.challenge while dispute ${state}`),
  ...Object.entries(NEEDS_IN_COURT).flatMap(([move, need]) =>
    DISPUTE_STATES.filter((state) => state !== need).map((state) => `court.${move} while ${state}`),
  ),
];

const TRANSITIONS: readonly string[] = [
  ...Object.keys(REQUEST_DIAGRAM).map((name) => `request ${name}`),
  ...Object.keys(DISPUTE_DIAGRAM).map((name) => `dispute ${name}`),
  ...Object.keys(AUDIT_DIAGRAM).map((name) => `audit ${name}`),
];

const rare = ({ succeeded }: Tally): string[] =>
  MOVES.map(({ name }) => name).filter((name) => (succeeded.get(name) ?? 0) < OFTEN);

function unrefused({ refused }: Tally): string[] {
  const moves = new Set([...refused.keys()].map((kind) => kind.split(/:| while /)[0]));
  return MOVES.map(({ name }) => name).filter((name) => !moves.has(name) && !FREE.includes(name));
}

const unmade = ({ transitions }: Tally): string[] => TRANSITIONS.filter((name) => !transitions.has(name));

/** Moves that make each transition. */
const MAKING: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  (
    [
      ["request", REQUEST_DIAGRAM],
      ["dispute", DISPUTE_DIAGRAM],
      ["audit", AUDIT_DIAGRAM],
    ] as const
  ).flatMap(([what, diagram]) => Object.entries(diagram).map(([name, moves]) => [`${what} ${name}`, moves] as const)),
);

/** What leads to moves that only contracts make, or that few states allow. */
const LEADING: Readonly<Record<string, readonly string[]>> = {
  "market.payAudit": ["desk.commit", "desk.publish", "desk.settle"],
  "market.challengeFor": ["desk.commit", "desk.publish", "desk.escalate"],
  "court.challengeFor": ["desk.commit", "desk.publish", "desk.escalate"],
  "market.noteWithheld": ["availability.demand", "availability.settle"],
  "availability.settle": ["availability.demand"],
};

/** What no walk did yet, by name, and what leads to it. */
function missing(tally: Tally): readonly string[] {
  const [moves, transitions] = [[...rare(tally), ...unrefused(tally)], unmade(tally)];
  const forbidden = FORBIDDEN.filter((name) => !tally.refused.has(name));
  const making = transitions.flatMap((name) => MAKING[name] ?? []);
  const leading = [...moves, ...making].flatMap((name) => LEADING[name] ?? []);
  return [...new Set([...moves, ...transitions, ...forbidden, ...making, ...leading])];
}

describe("Market, staking, pools, court, audit desk, registry and attestation, moved at random", () => {
  describe(`given ${WALKS} walks of ${STEPS} moves by ${ACTORS.length} actors and a lying token (seed ${FIRST_SEED})`, () => {
    const tally = new Tally();
    const broken: Outcome[] = [];
    let functions: readonly string[] = [];
    let [walks, calls] = [0, 0];

    before(async () => {
      const stages = await openStages();
      const { market, staking, pools, court, relay, availability, registry, attestation, desk } =
        stages[0]?.contracts ?? {};
      const played = { market, staking, pools, court, relay, availability, registry, attestation, desk };
      functions = Object.entries(played).flatMap(([name, contract]) => {
        const names: string[] = [];
        contract?.interface.forEachFunction((it) => {
          if (!it.constant) names.push(`${name}.${it.name}`);
        });
        return names;
      });
      const tell = (outcome: Outcome): void => {
        walks++;
        calls += outcome.calls;
        tally.include(outcome.tally);
        if (outcome.invariant !== undefined) broken.push(outcome);
      };
      await walkAll(stages, plansFrom(FIRST_SEED, WALKS, STEPS), tell);
      if (broken.length === 0) {
        const lied = await openStages(stages.length, { lies: true });
        await walkAll(lied, plansFrom(FIRST_SEED, LIED_WALKS, STEPS), tell);
      }
      for (let hunt = 0; hunt < HUNTS && broken.length === 0; hunt++) {
        const hunted = missing(tally);
        if (hunted.length === 0) break;
        const first = FIRST_SEED + WALKS + hunt * HUNTERS;
        await walkAll(stages, plansFrom(first, HUNTERS, STEPS, hunted), tell);
      }
    });

    /** What went wrong: seed and moves of each walk that broke it. */
    const reports = (invariant: string): string =>
      broken
        .filter((outcome) => outcome.invariant === invariant)
        .map(({ report }) => report)
        .join("\n\n");

    for (const invariant of [NO_SURPRISE, DRAINED, ...INVARIANTS.map(titleOf)]) {
      it(invariant, () => {
        expect(reports(invariant)).to.equal("");
      });
    }

    it("every function that changes state is a move, and every move is such a function", () => {
      expect(MOVES.map(({ name }) => name).sort()).to.deep.equal([...functions].sort());
    });
    it(`every move succeeded at least ${OFTEN} times`, () => {
      expect(rare(tally)).to.deep.equal([]);
    });
    it("every move was refused at least once", () => {
      expect(unrefused(tally)).to.deep.equal([]);
    });
    it("every actor had its turns", () => {
      const names = [...ACTORS.map(({ name }) => name), LIAR];
      expect(names.filter((name) => !tally.turns.has(name))).to.deep.equal([]);
    });
    it("every transition of a request, of a dispute and of an audit was made", () => {
      expect(unmade(tally)).to.deep.equal([]);
    });
    it("every move was tried in every state of a request and of a dispute that forbids it", () => {
      expect(FORBIDDEN.filter((name) => !tally.refused.has(name))).to.deep.equal([]);
    });

    after(() => {
      const least = [...tally.succeeded].sort(([, a], [, b]) => a - b).slice(0, 3);
      const errors = [...tally.refused.values()].reduce((total, times) => total + times, 0);
      console.log(`      least often: ${least.map(([name, times]) => `${name} ${times}`).join(", ")}`);
      console.log(
        `      turns: ${[...tally.turns].map(([name, times]) => `${name} ${times}`).join(", ")}\n` +
          `      ${walks} walks, ${calls} calls, ${errors} refusals of ${tally.refused.size} kinds, ${tally.transitions.size} transitions`,
      );
    });
  });
});
