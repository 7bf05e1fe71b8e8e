import { expect } from "chai";

import { drain } from "./support/fuzz/drain.ts";
import { DISPUTE_DIAGRAM, INVARIANTS, REQUEST_DIAGRAM } from "./support/fuzz/invariants.ts";
import { DISPUTE_STATES, REQUEST_STATES } from "./support/fuzz/move.ts";
import { MOVES, NO_SURPRISE, Tally, Walk } from "./support/fuzz/walk.ts";
import { openStage, World } from "./support/fuzz/world.ts";

/** Walks and their length: 5 of 240 moves by default, more walks with ASSAY_FUZZ; the seed of the first is ASSAY_SEED. */
const WALKS = Math.max(5, Number(process.env.ASSAY_FUZZ ?? 0));
const STEPS = 240;
const FIRST_SEED = Number(process.env.ASSAY_SEED ?? 1);
/** How often each move must succeed in all walks together. */
const OFTEN = 3;

/** Functions that only the court may call on the market: their events tell that they succeeded. */
const BY_COURT = {
  "market.markChallenged": "market.ClaimChallenged",
  "market.upheld": "market.ClaimUpheld",
  "market.convict": "market.ClaimConvicted",
} as const;

/** Moves on a request, and the one state that each needs. */
const NEEDS = {
  ...{ assign: "Open", recommit: "Open", refund: "Open", demandInput: "Assigned", claim: "Assigned" },
  ...{ timeOut: "Assigned", answerInput: "InputDemanded", cancelWithheld: "InputDemanded" },
  ...{ finalise: "Claimed", expireDispute: "Challenged" },
} as const;

/** Moves in a dispute, and the one state that each needs. */
const NEEDS_IN_COURT = {
  ...{ commitTrace: "Challenged", convictWithoutTrace: "Challenged", reclaim: "Convicted" },
  ...{ resolve: "TraceCommitted", demandTrace: "TraceCommitted", demandTensor: "TraceCommitted" },
  ...{ answer: "TraceCommitted", convictUnanswered: "TraceCommitted", accuse: "TraceCommitted" },
  ...{ replay: "TraceCommitted", proveFraud: "TraceCommitted" },
} as const;

/** Every move in every state that forbids it. */
const FORBIDDEN: readonly string[] = [
  ...Object.entries(NEEDS).flatMap(([move, need]) =>
    REQUEST_STATES.filter((state) => state !== need).map((state) => `market.${move} while ${state}`),
  ),
  ...REQUEST_STATES.filter((state) => state !== "Claimed").map((state) => `court.challenge while ${state}`),
  ...DISPUTE_STATES.slice(1).map((state) => `court.challenge while dispute ${state}`),
  ...Object.entries(NEEDS_IN_COURT).flatMap(([move, need]) =>
    DISPUTE_STATES.filter((state) => state !== need).map((state) => `court.${move} while ${state}`),
  ),
];

describe("Market, staking, court, registry and attestation, moved at random", () => {
  describe(`given ${WALKS} walks of ${STEPS} moves by operators, requesters, watchers, publishers, governance and keepers (seed ${FIRST_SEED})`, () => {
    const tally = new Tally();
    const walks: Walk[] = [];
    const undrained: string[] = [];
    let functions: readonly string[] = [];

    before(async () => {
      const stage = await openStage();
      const { market, staking, court, registry, attestation } = stage.contracts;
      functions = Object.entries({ market, staking, court, registry, attestation }).flatMap(([name, contract]) => {
        const names: string[] = [];
        contract.interface.forEachFunction((it) => {
          if (!it.constant) names.push(`${name}.${it.name}`);
        });
        return names;
      });
      for (let seed = FIRST_SEED; seed < FIRST_SEED + WALKS; seed++) {
        const walk = new Walk(await World.on(stage, seed), seed, tally);
        walks.push(walk);
        await walk.play(STEPS);
        if (walk.violation !== undefined) continue;
        for (const [move, event] of Object.entries(BY_COURT)) {
          const times = walk.world.ledger.counts.get(event) ?? 0;
          tally.succeeded.set(move, (tally.succeeded.get(move) ?? 0) + times);
        }
        const left = Object.entries(await drain(walk.world)).filter(([, amount]) => amount !== 0n);
        if (left.length > 0) undrained.push(`seed ${seed}: ${left.map((entry) => entry.join(": ")).join(", ")}`);
      }
    });

    /** What went wrong: seed and moves of each walk that broke it. */
    const broken = (invariant: string): string =>
      walks
        .filter(({ violation }) => violation?.invariant === invariant)
        .map((walk) => walk.report())
        .join("\n\n");

    it(NO_SURPRISE, () => {
      expect(broken(NO_SURPRISE)).to.equal("");
    });
    for (const invariant of Object.keys(INVARIANTS)) {
      it(`${invariant} (after every move)`, () => {
        expect(broken(invariant)).to.equal("");
      });
    }
    it("I-10 every request and dispute reaches an end by time, and the last one out empties all contracts", () => {
      expect(undrained).to.deep.equal([]);
    });

    it("every function that changes state is a move, and every move is such a function", () => {
      expect(MOVES.map(({ name }) => name).sort()).to.deep.equal([...functions].sort());
    });
    it(`every move succeeded at least ${OFTEN} times`, () => {
      expect(MOVES.filter(({ name }) => (tally.succeeded.get(name) ?? 0) < OFTEN).map(({ name }) => name)).to.deep.equal([]);
    });
    it("every move was refused at least once", () => {
      const refused = [...tally.refused.keys()];
      const never = MOVES.filter(({ name }) => !refused.some((key) => key.startsWith(`${name}:`) || key.startsWith(`${name} `)));
      expect(never.map(({ name }) => name)).to.deep.equal([]);
    });
    it("every transition of a request and of a dispute was made", () => {
      const made = [
        ...Object.keys(REQUEST_DIAGRAM).map((name) => `request ${name}`),
        ...Object.keys(DISPUTE_DIAGRAM).map((name) => `dispute ${name}`),
      ];
      expect(made.filter((name) => !tally.transitions.has(name))).to.deep.equal([]);
    });
    it("every move was tried in every state of a request and of a dispute that forbids it", () => {
      expect(FORBIDDEN.filter((name) => !tally.refused.has(name))).to.deep.equal([]);
    });

    after(() => {
      const least = [...tally.succeeded].sort(([, a], [, b]) => a - b).slice(0, 3);
      const errors = [...tally.refused.values()].reduce((total, times) => total + times, 0);
      console.log(`      least often: ${least.map(([name, times]) => `${name} ${times}`).join(", ")}`);
      console.log(`      ${errors} refusals of ${tally.refused.size} kinds, ${tally.transitions.size} transitions`);
      if (process.env.DUMP) { console.log(walks.map(w=>w.story.length)); console.log([...tally.succeeded].sort((a,b)=>a[1]-b[1]), [...tally.transitions]); }
    });
  });
});
