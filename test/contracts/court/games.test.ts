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

  /** How often each name occurs. */
  const tallyOf = (names: readonly string[]): Record<string, number> => {
    const row: Record<string, number> = {};
    for (const name of names) row[name] = (row[name] ?? 0) + 1;
    return row;
  };
  /** Those of the names that never occur. */
  const never = (expected: readonly string[], row: Readonly<Record<string, number>>): string[] =>
    expected.filter((name) => row[name] === undefined);
  const endOf = ({ end, status }: Outcome): string => end || status;

  it(`plays ${GAMES} games or more, of every character with every kind of publication`, () => {
    expect(outcomes.length).to.equal(GAMES);
    const played = tallyOf(outcomes.map(({ setting }) => `${setting.character}, ${setting.publication}`));
    const pairs = CHARACTERS.flatMap((character) => PUBLICATIONS.map((shown) => `${character}, ${shown}`));
    expect(never(pairs, played)).to.deep.equal([]);
  });

  it("plays with and without each kind of stranger, and with operators that fall silent after none to three answers", () => {
    const settings = outcomes.map(({ setting }) => setting);
    const kinds = settings.flatMap(({ griefingChallenger, griefingDemander, answers }) => [
      `challenger ${griefingChallenger}`,
      `demander ${griefingDemander}`,
      `answers ${answers}`,
    ]);
    const strangers = ["challenger true", "challenger false", "demander true", "demander false"];
    const silences = ["answers 0", "answers 1", "answers 2", "answers 3", "answers Infinity"];
    expect(never([...strangers, ...silences], tallyOf(kinds))).to.deep.equal([]);
  });

  it("comes to every ending, and every character to those that are its own", () => {
    const ends = tallyOf(outcomes.map(endOf));
    const gas = outcomes.reduce((most, { proofGas }) => (proofGas > most ? proofGas : most), 0n);
    console.log(`      ends ${JSON.stringify(ends)}, gas of a proof at most ${String(gas)}`);
    expect(never(["proveFraud", "convictUnanswered", "convictWithoutTrace", "resolve", "none"], ends)).to.deep.equal(
      [],
    );
    const own = tallyOf(outcomes.map((outcome) => `${outcome.setting.character}: ${endOf(outcome)}`));
    const expected = [
      ...["honest: resolve", "honest: none", "lazy: convictWithoutTrace", "hollow: convictUnanswered"],
      ...["forging", "patching", "wrong weight", "wrong output"].map((character) => `${character}: proveFraud`),
    ];
    expect(never(expected, own)).to.deep.equal([]);
  });

  it("plays every move of watcher, operator and strangers", () => {
    const moves = outcomes.flatMap((outcome) => [...outcome.moves].flatMap(([name, n]) => Array<string>(n).fill(name)));
    console.log(`      moves ${JSON.stringify(tallyOf(moves))}`);
    const watcher = [
      "challenge",
      "demand",
      "accuse",
      "replay",
      "proveFraud",
      "convictUnanswered",
      "convictWithoutTrace",
    ];
    const others = ["commitTrace", "answer", "resolve", "griefing challenge", "griefing demand"];
    expect(never([...watcher, ...others], tallyOf(moves))).to.deep.equal([]);
  });

  it("every game comes to an end", () => {
    expect(which(({ status }) => status === "challenged" || status === "traceCommitted")).to.deep.equal([]);
  });

  it("every wrong answer is challenged and convicted", () => {
    expect(outcomes.filter(({ wrongAnswer }) => wrongAnswer).length).to.be.greaterThan(0);
    expect(which(({ wrongAnswer, status }) => wrongAnswer && status !== "convicted")).to.deep.equal([]);
  });

  it("every forgery that came to court is convicted", () => {
    expect(outcomes.filter(({ forged, status }) => forged && status !== "none").length).to.be.greaterThan(0);
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
