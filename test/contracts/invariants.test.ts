import { expect } from "chai";

import { drain } from "./support/fuzz/drain.ts";
import { DISPUTE_DIAGRAM, INVARIANTS, REQUEST_DIAGRAM } from "./support/fuzz/invariants.ts";
import { DISPUTE_STATES, REQUEST_STATES } from "./support/fuzz/move.ts";
import { MOVES, NO_SURPRISE, Tally, Walk } from "./support/fuzz/walk.ts";
import { openStage, World } from "./support/fuzz/world.ts";

/**
 * Walks and their length: 5 of 320 moves, more walks with ASSAY_FUZZ; the seed of the first is ASSAY_SEED. When some
 * move, transition or refusal is still missing then, a few walks more are made for it.
 */
const WALKS = Math.max(5, Number(process.env.ASSAY_FUZZ ?? 0));
const MOST_WALKS = WALKS + 10;
const STEPS = 320;
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
  ...REQUEST_STATES.filter((state) => state !== "Claimed").map((state) => `court.challenge while ${state}`),
  ...DISPUTE_STATES.slice(1).map((state) => `court.challenge while dispute ${state}`),
  ...Object.entries(NEEDS_IN_COURT).flatMap(([move, need]) =>
    DISPUTE_STATES.filter((state) => state !== need).map((state) => `court.${move} while ${state}`),
  ),
];

const TRANSITIONS: readonly string[] = [
  ...Object.keys(REQUEST_DIAGRAM).map((name) => `request ${name}`),
  ...Object.keys(DISPUTE_DIAGRAM).map((name) => `dispute ${name}`),
];

const rare = ({ succeeded }: Tally): string[] =>
  MOVES.map(({ name }) => name).filter((name) => (succeeded.get(name) ?? 0) < OFTEN);

function unrefused({ refused }: Tally): string[] {
  const moves = new Set([...refused.keys()].map((kind) => kind.split(/:| while /)[0]));
  return MOVES.map(({ name }) => name).filter((name) => !moves.has(name));
}

/** What no walk did yet, by name. */
const missing = (tally: Tally): string[] => [
  ...rare(tally),
  ...unrefused(tally),
  ...TRANSITIONS.filter((name) => !tally.transitions.has(name)),
  ...FORBIDDEN.filter((name) => !tally.refused.has(name)),
];
/** What the contracts still hold, or what refused to end, when everything has been ended after a walk. */
async function leftAfter({ world, seed, story }: Walk): Promise<string[]> {
  try {
    const left = Object.entries(await drain(world)).filter(([, amount]) => amount !== 0n);
    return left.map(([contract, amount]) => `seed ${seed}: ${contract} keeps ${amount}`);
  } catch (error) {
    return [`seed ${seed}: ${String(error)}\n${story.join("\n")}`];
  }
}

const broke = (walks: readonly Walk[]): boolean => walks.some(({ violation }) => violation !== undefined);

describe("Market, staking, court, registry and attestation, moved at random", () => {
  describe(`given ${WALKS} walks or more, of ${STEPS} moves by operators, requesters, watchers, publishers, governance and keepers (seed ${FIRST_SEED})`, () => {
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
      const enough = (count: number): boolean => count >= WALKS && (count >= MOST_WALKS || missing(tally).length === 0);
      for (let seed = FIRST_SEED; !enough(seed - FIRST_SEED) && !broke(walks); seed++) {
        const walk = new Walk(await World.on(stage, seed), seed, tally);
        walks.push(walk);
        await walk.play(STEPS);
        if (walk.violation !== undefined) continue;
        for (const [move, event] of Object.entries(BY_COURT)) {
          const times = walk.world.ledger.counts.get(event) ?? 0;
          tally.succeeded.set(move, (tally.succeeded.get(move) ?? 0) + times);
        }
        undrained.push(...(await leftAfter(walk)));
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
      expect(rare(tally)).to.deep.equal([]);
    });
    it("every move was refused at least once", () => {
      expect(unrefused(tally)).to.deep.equal([]);
    });
    it("every transition of a request and of a dispute was made", () => {
      expect(TRANSITIONS.filter((name) => !tally.transitions.has(name))).to.deep.equal([]);
    });
    it("every move was tried in every state of a request and of a dispute that forbids it", () => {
      expect(FORBIDDEN.filter((name) => !tally.refused.has(name))).to.deep.equal([]);
    });

    after(() => {
      const least = [...tally.succeeded].sort(([, a], [, b]) => a - b).slice(0, 3);
      const errors = [...tally.refused.values()].reduce((total, times) => total + times, 0);
      console.log(`      least often: ${least.map(([name, times]) => `${name} ${times}`).join(", ")}`);
      console.log(
        `      ${walks.length} walks, ${errors} refusals of ${tally.refused.size} kinds, ${tally.transitions.size} transitions`,
      );
    });
  });
});
