import type { Random } from "../../../../runner/machine/prng.ts";
import type { Answer } from "./toy.ts";

/*
 * Who plays. Each account has a character that it keeps; in a walk some of the actors have their turns, in which they make
 * moves of their own, and everybody else moves as it comes.
 */

/** What an operator is like. */
export type Character =
  "honest" | "lazy" | "forging" | "withholding" | "steering" | "self-accusing" | "dodging" | "sybil";

/** Characters of the operators, in their order. */
export const CHARACTERS: readonly Character[] = [
  ...(["honest", "honest", "lazy", "forging", "withholding", "steering", "self-accusing"] as const),
  ...(["dodging", "sybil", "sybil", "sybil"] as const),
];

/** Characters of the requesters, and of the watchers, in their order. */
export const SIDES = ["honest", "griefing", "colluding"] as const;

/** What an operator of each character may answer. */
export const ANSWERS_OF: Readonly<Record<Character, readonly Answer[]>> = {
  honest: ["honest"],
  lazy: ["honest", "made up"],
  forging: ["wrong", "patched"],
  withholding: ["honest", "wrong", "patched"],
  steering: ["honest"],
  "self-accusing": ["wrong"],
  dodging: ["honest", "wrong", "patched"],
  sybil: ["honest", "wrong", "made up"],
};

/** Somebody with an intention: which accounts it has, and what it does in its turns, by weight. */
export interface Actor {
  readonly name: string;
  readonly operators: readonly number[];
  readonly requesters: readonly number[];
  readonly watchers: readonly number[];
  readonly moves: Readonly<Record<string, number>>;
}

/** What brings audits on their way: whoever operates may also be the auditor. */
const AUDITING = {
  ...{ "time.toPeriodEnd": 4, "desk.commitPeriod": 8, "time.toSeed": 2, "desk.begin": 12, "desk.commit": 8 },
  ...{ "desk.publish": 5, "desk.settle": 4, "desk.lapse": 3, "desk.escalate": 4 },
};

const everyone = { operators: [], requesters: [], watchers: [] };

/** The actors. */
export const ACTORS: readonly Actor[] = [
  {
    name: "honest",
    ...{ operators: [0, 1], requesters: [0], watchers: [0] },
    moves: {
      ...{ "market.request": 4, "market.claim": 8, "market.finalise": 6, "court.challenge": 8, "court.commitTrace": 6 },
      ...{ "court.answer": 6, "court.accuse": 5, "court.proveFraud": 8, "court.resolve": 4, "pools.optIn": 2 },
      ...{ "staking.deposit": 1, "market.assign": 6, "court.replay": 1 },
      ...AUDITING,
    },
  },
  {
    name: "lazy",
    ...{ ...everyone, operators: [2] },
    moves: {
      ...AUDITING,
      ...{ "market.claim": 3, "market.timeOut": 3, "staking.unjail": 4, "pools.weigh": 1, "staking.deposit": 2 },
    },
  },
  {
    name: "forging",
    ...{ ...everyone, operators: [3] },
    moves: { "market.claim": 8, "court.commitTrace": 6, "court.answer": 4, "staking.unbond": 2, "pools.optOut": 1 },
  },
  {
    name: "withholding",
    ...{ ...everyone, operators: [4] },
    moves: {
      ...{ "market.claim": 8, "availability.demand": 4, "court.commitTrace": 4, "staking.setEndpoint": 1 },
      ...{ "court.demandTensor": 3, "court.convictUnanswered": 8, "time.toDeadline": 3 },
      ...AUDITING,
    },
  },
  {
    name: "griefing",
    ...{ operators: [], requesters: [1], watchers: [1] },
    moves: {
      ...{ "market.request": 8, "court.challenge": 8, "court.demandTrace": 4, "court.demandTensor": 4 },
      ...{
        "court.accuse": 3,
        "market.timeOut": 2,
        "market.deposit": 1,
        "availability.demand": 5,
        "availability.settle": 3,
      },
      ...{ "court.convictUnanswered": 8, "market.expireDispute": 12, "time.pastDisputes": 2 },
    },
  },
  {
    // Moves when a seed can be read, to change whom it names.
    name: "steering",
    ...{ ...everyone, operators: [5] },
    moves: {
      ...{ "pools.optOut": 3, "pools.optIn": 4, "pools.setTerms": 4, "pools.weigh": 4, "staking.unbond": 4 },
      ...{ "staking.deposit": 2, "staking.unjail": 1, "market.assign": 6, "market.request": 2 },
    },
  },
  {
    name: "colluding pair",
    ...{ operators: [6], requesters: [2], watchers: [2] },
    moves: {
      ...{ "market.request": 5, "market.claim": 6, "court.challenge": 6, "court.commitTrace": 3, "market.assign": 4 },
      ...{ "court.convictWithoutTrace": 4, "court.demandTensor": 2, "staking.unbond": 3, "pools.optOut": 1 },
      ...AUDITING,
    },
  },
  {
    // Accuses itself first, to get the accuser's share of its own stake.
    name: "self-accuser",
    ...{ operators: [6], requesters: [2], watchers: [2] },
    moves: {
      ...{ "market.claim": 6, "court.challenge": 8, "court.commitTrace": 8, "court.accuse": 8, "court.replay": 2 },
      ...{ "court.proveFraud": 10, "court.withdraw": 2, "staking.withdraw": 2, "market.assign": 4 },
      ...{ "staking.lockDrawn": 5, "staking.release": 5 },
    },
  },
  {
    // Answers without work, and is silent, guesses or publishes something else when it is asked to show it.
    name: "audit-dodger",
    ...{ ...everyone, operators: [7] },
    moves: {
      ...AUDITING,
      ...{ "market.claim": 8, "time.toDeadline": 3, "staking.unbond": 2, "staking.unjail": 2, "desk.withdraw": 1 },
      ...{ "court.commitTrace": 2, "market.finalise": 2 },
    },
  },
  {
    name: "sybil swarm",
    ...{ ...everyone, operators: [8, 9, 10] },
    moves: {
      ...{ "staking.deposit": 6, "staking.rotateSigningKey": 4, "pools.optIn": 8, "pools.optOut": 4 },
      ...{
        "pools.weigh": 5,
        "staking.unbond": 4,
        "staking.completeUnbonding": 2,
        "market.claim": 3,
        "staking.unjail": 2,
        ...AUDITING,
      },
    },
  },
  {
    name: "malicious governor",
    ...everyone,
    moves: {
      ...{ "market.pause": 6, "market.unpause": 3, "market.rearmPause": 6, "court.addTerms": 3 },
      ...{ "attestation.tombstoneRoute": 4, "attestation.addRoute": 2, "staking.setAuthority": 2 },
      ...{ "staking.addManager": 2, "staking.lockDrawn": 3, "staking.slash": 3, "staking.release": 2 },
    },
  },
  {
    name: "reentrant callback",
    ...{ operators: [], requesters: [1], watchers: [] },
    moves: {
      "market.request": 8,
      "market.assign": 6,
      "market.claim": 4,
      "market.finalise": 4,
      "market.notifyFailure": 4,
    },
  },
];

/** How many actors have turns in a walk. */
const FEATURED = 4;

/** The actors of a walk. */
export function featured(random: Random): readonly Actor[] {
  const rest = [...ACTORS];
  return Array.from({ length: FEATURED }, () => rest.splice(random.below(rest.length), 1)[0] as Actor);
}
