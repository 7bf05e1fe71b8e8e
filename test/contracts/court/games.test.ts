import { expect } from "chai";

import { createRandom } from "../../../runner/machine/prng.ts";
import { CHARACTERS, type Game, openGame, type Outcome, play, PUBLICATIONS, type Setting } from "../support/game.ts";

/** Games: 210 by default, more with ASSAY_FUZZ. */
const GAMES = Math.max(210, Number(process.env.ASSAY_FUZZ ?? 0));
const SEED = Number(process.env.ASSAY_SEED ?? 1);

describe("Games of an honest watcher against operators of every character", () => {
  const outcomes: (Outcome & { readonly setting: Setting; readonly seed: number })[] = [];
  const which = (of: (outcome: (typeof outcomes)[number]) => boolean): string[] =>
    outcomes.filter(of).map(({ setting, seed, status, end }) => JSON.stringify({ ...setting, seed, status, end }));

  before(async () => {
    const game: Game = await openGame();
    for (let i = 0; i < GAMES; i++) {
      const seed = SEED * 1_000_000 + i;
      const random = createRandom(seed);
      const setting: Setting = {
        character: CHARACTERS[i % CHARACTERS.length] ?? "honest",
        publication: random.pick(PUBLICATIONS),
        answers: random.chance(0.7) || i % CHARACTERS.length === 0 ? Infinity : random.below(4),
        griefingChallenger: random.chance(0.7),
        griefingDemander: random.chance(0.4),
      };
      outcomes.push({ ...(await play(game, random, i + 1, setting)), setting, seed });
    }
  });

  it("plays enough of each", () => {
    expect(outcomes.length).to.equal(GAMES);
    for (const character of CHARACTERS) {
      expect(outcomes.filter(({ setting }) => setting.character === character).length).to.be.greaterThan(0);
    }
    const [ends, moves]: Record<string, number>[] = [{}, {}];
    const count = (row: Record<string, number> = {}, name: string, times = 1): number =>
      (row[name] = (row[name] ?? 0) + times);
    for (const outcome of outcomes) {
      count(ends, outcome.end || outcome.status);
      outcome.moves.forEach((times, name) => count(moves, name, times));
    }
    const gas = outcomes.reduce((most, { proofGas }) => (proofGas > most ? proofGas : most), 0n);
    console.log(`      ends ${JSON.stringify(ends)}`);
    console.log(`      moves ${JSON.stringify(moves)}, gas of a proof at most ${String(gas)}`);
    for (const end of ["proveFraud", "convictUnanswered", "convictWithoutTrace", "resolve"]) {
      expect(ends?.[end], end).to.be.greaterThan(0);
    }
    for (const move of ["demand", "answer", "accuse", "replay"]) expect(moves?.[move], move).to.be.greaterThan(0);
  });

  it("every game comes to an end", () => {
    expect(which(({ status }) => status === "challenged" || status === "traceCommitted")).to.deep.equal([]);
  });

  it("every wrong answer is challenged and convicted", () => {
    expect(which(({ wrongAnswer, status }) => wrongAnswer && status !== "convicted")).to.deep.equal([]);
  });

  it("every forgery that came to court is convicted", () => {
    const escaped = which(({ forged, status }) => forged && status !== "convicted" && status !== "none");
    expect(escaped).to.deep.equal([]);
  });

  it("no honest operator is convicted, whoever attacks it", () => {
    expect(
      which(({ forged, setting, status }) => !forged && setting.character === "honest" && status === "convicted"),
    ).to.deep.equal([]);
  });

  it("the honest side never loses its bond", () => {
    expect(which(({ watcherLoss }) => watcherLoss > 0n)).to.deep.equal([]);
    expect(which(({ setting, operatorLoss }) => setting.character === "honest" && operatorLoss > 0n)).to.deep.equal([]);
  });

  it("who attacks an honest operator pays it", () => {
    const paid = outcomes.filter(({ setting, status }) => setting.character === "honest" && status === "upheld");
    expect(paid.length).to.be.greaterThan(0);
    expect(paid.every(({ operatorLoss, strangerLoss }) => operatorLoss < 0n && strangerLoss > 0n)).to.equal(true);
  });

  it("no wei stays in the court and none is lost", () => {
    expect(which(({ left }) => left !== 0n)).to.deep.equal([]);
  });
});
