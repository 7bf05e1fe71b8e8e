import { type ErrorDescription, Interface } from "ethers";

import { AUDIT_MOVES } from "./audits.ts";
import { COURT_MOVES } from "./court.ts";
import { GOVERNANCE_MOVES } from "./governance.ts";
import { type Actor, featured } from "./actors.ts";
import { dueBy, duties, type Duty } from "./duties.ts";
import { INVARIANTS, type Step, titleOf, transitions } from "./invariants.ts";
import { Refused } from "./chain.ts";
import { DATA_MOVES } from "./data.ts";
import { lie } from "./lies.ts";
import { MARKET_MOVES } from "./market.ts";
import type { Act, Move, Refusal } from "./move.ts";
import { POOL_MOVES } from "./pools.ts";
import { STAKING_MOVES } from "./staking.ts";
import { passingTo, TIME_MOVES, type TimeMove } from "./time.ts";
import type { World } from "./world.ts";

export const MOVES: readonly Move[] = [
  ...MARKET_MOVES,
  ...STAKING_MOVES,
  ...POOL_MOVES,
  ...COURT_MOVES,
  ...DATA_MOVES,
  ...AUDIT_MOVES,
  ...GOVERNANCE_MOVES,
];

const MOVES_AND_TIME: readonly (Move | TimeMove)[] = [...MOVES, ...TIME_MOVES];

/** What walks did, by name. */
export class Tally {
  readonly succeeded = new Map<string, number>();
  /** `move: Error` or `move while State`. */
  readonly refused = new Map<string, number>();
  /** `request Open to Assigned`, `dispute …`, `late dispute …`. */
  readonly transitions = new Map<string, number>();
  /** Turns of each actor. */
  readonly turns = new Map<string, number>();

  static add(row: Map<string, number>, name: string, times = 1): void {
    row.set(name, (row.get(name) ?? 0) + times);
  }

  /** Adds what another one counted. */
  include(other: Tally): void {
    for (const row of ["succeeded", "refused", "transitions", "turns"] as const) {
      for (const [name, times] of other[row]) Tally.add(this[row], name, times);
    }
  }
}

/** A move that went otherwise than the rules say. */
export class Surprise extends Error {}

/** The first thing that went wrong in a walk: which invariant, and what. */
export interface Violation {
  readonly invariant: string;
  readonly what: string;
}

export const NO_SURPRISE =
  "I-00 every move that must succeed succeeds, and every other is refused with the error it must be";

/** What a refusal is counted as. */
export const refusalName = (move: string, { error, state }: Pick<Refusal, "error" | "state">): string =>
  state === undefined ? `${move}: ${error}` : `${move} while ${state}`;

interface Choice {
  readonly move: Move | TimeMove;
  readonly act: Act;
  readonly refusal?: Refusal;
}

/** More than can be left when a walk is over. */
const MOST_DUTIES = 200;

/** After how many steps everything is read again, whether an event spoke of it or not. */
const FULL_LOOK = 16;

/**
 * Random moves on a world, each followed by all invariants; ends at the first that does not hold. Seed and `hunted` alone
 * decide what is played.
 */
export class Walk {
  readonly world: World;
  readonly seed: number;
  readonly story: string[] = [];
  readonly tally = new Tally();
  /** Who has turns in this walk. */
  readonly actors: readonly Actor[];
  violation: Violation | undefined;
  /** Moves and refusals that are played whenever they can be. */
  readonly #hunted: ReadonlySet<string>;
  readonly #errors: Interface;

  constructor(world: World, seed: number, hunted: readonly string[] = []) {
    this.world = world;
    this.seed = seed;
    this.#hunted = new Set(hunted);
    this.#errors = errorsOf(world);
    this.actors = featured(world.random);
  }

  /** Plays `steps` moves. */
  async play(steps: number): Promise<void> {
    // Without a court there is little to do: few walks begin without one.
    if (this.world.random.chance(0.9)) await this.#step(this.#named("market.setCourt"));
    for (let i = 0; i < steps && this.violation === undefined; i++) await this.#step(this.#choose());
  }

  /** Plays what the honest must still do, until nothing is left. */
  async settle(): Promise<void> {
    for (let i = 0; i < MOST_DUTIES && this.violation === undefined; i++) {
      const [duty] = duties(this.world);
      if (duty === undefined) return;
      await this.#step(this.#fulfil(duty));
    }
    if (this.violation === undefined) this.violation = { invariant: NO_SURPRISE, what: "duties have no end" };
  }

  /** The failure as somebody needs it to repeat it. */
  report(): string {
    const { invariant, what } = this.violation ?? { invariant: "", what: "" };
    const actors = this.actors.map(({ name }) => name).join(", ");
    const story = this.story.map((line, i) => `  ${i + 1}. ${line}`).join("\n");
    return `${invariant}\n${what}\nseed ${this.seed} (${actors}), ${this.story.length} moves:\n${story}`;
  }

  async #step(choice: Choice): Promise<void> {
    const { world, tally } = this;
    const [before, draws] = [world.view, drawsOf(world)];
    this.story.push(choice.act.text);
    try {
      await this.#send(choice);
    } catch (error) {
      if (!(error instanceof Surprise)) throw new Error(`${String(error)}\n${this.report()}`, { cause: error });
      this.violation = { invariant: NO_SURPRISE, what: error.message };
      return;
    }
    world.spotlight = undefined;
    if (choice.refusal) {
      // What was refused changed nothing but the time.
      Tally.add(tally.refused, refusalName(choice.move.name, choice.refusal));
      return;
    }
    const step: Step = { before, draws, move: world.nameOf(choice.move.name) };
    Tally.add(tally.succeeded, step.move);
    await world.look(this.story.length % FULL_LOOK === 0);
    const { requests, disputes, audits } = transitions(world, step);
    for (const { name } of audits) Tally.add(tally.transitions, `audit ${name}`);
    for (const { name } of requests) Tally.add(tally.transitions, `request ${name}`);
    for (const { name, late } of disputes) Tally.add(tally.transitions, `${late ? "late dispute" : "dispute"} ${name}`);
    await this.#check(step);
  }

  async #check(step: Step, when: "move" | "end" = "move"): Promise<void> {
    for (const invariant of INVARIANTS) {
      if (invariant.when !== when) continue;
      for await (const what of invariant.check(this.world, step)) {
        this.violation ??= { invariant: titleOf(invariant), what };
        return;
      }
    }
  }

  /** Checks what must hold when everything was ended. */
  async conclude(): Promise<void> {
    const { world } = this;
    const step: Step = { before: world.view, move: "the end", draws: new Map() };
    if (this.violation === undefined) await this.#check(step, "end");
  }

  /** Sends; what must succeed and does not, and what must be refused and is not, is a surprise. */
  async #send({ act, refusal }: Choice): Promise<void> {
    let error: ErrorDescription | string | undefined;
    try {
      await act.send();
    } catch (thrown) {
      error = this.#errorOf(thrown);
    }
    const name = typeof error === "object" ? error.name : error;
    if (name !== refusal?.error)
      throw new Surprise(`${act.text}: ${name ?? "succeeded"}, not ${refusal?.error ?? "success"}`);
    if (typeof error !== "object" || refusal?.args === undefined) return;
    const [actual, expected] = [[...(error.args as readonly unknown[])], refusal.args].map((args) =>
      args.map(String).join(),
    );
    if (actual !== expected) throw new Surprise(`${act.text}: ${error.name}(${actual}), not (${expected})`);
  }

  /** The typed error of a refused transaction, or what it said instead. */
  #errorOf(thrown: unknown): ErrorDescription | string {
    // What is no refusal is a mistake of the test.
    if (!(thrown instanceof Refused)) throw thrown;
    return this.#errors.parseError(thrown.data) ?? `revert ${thrown.data}`;
  }

  /**
   * One move in three must be refused; the others must succeed: mostly by weight, now and then the one that succeeded
   * least in this walk.
   */
  #choose(): Choice {
    const { random } = this.world;
    const duty = dueBy(this.world, this.world.next);
    if (duty !== undefined) return this.#fulfil(duty);
    const choice = this.#free(random.below(10));
    // Time passes no further than what somebody honest must do before.
    const to = "to" in choice.act ? Number(choice.act.to) : 0;
    const before = to === 0 ? undefined : dueBy(this.world, to);
    return before === undefined ? choice : this.#fulfil(before);
  }

  #named(name: string): Choice {
    const move = MOVES.find((it) => it.name === name) as Move;
    return { move, act: move.valid(this.world) as Act };
  }

  /** What brings a duty nearer to its end: the act, or the time in which it can be done. */
  #fulfil({ move, from, pausable, act }: Duty): Choice {
    const { world } = this;
    const at = pausable && world.pausedNext ? world.pausedUntil : from > world.next ? from - 1 : 0;
    if (at > 0) {
      const time = passingTo(at);
      return { move: time, act: time.valid(world) as Act };
    }
    return { move: MOVES.find(({ name }) => name === move) as Move, act: act() };
  }

  #free(kind: number): Choice {
    if (this.#hunted.size > 0 && kind < 6) {
      const hunted = this.#hunt();
      if (hunted !== undefined) return hunted;
    }
    const lied = kind > 5 ? lie(this.world, MOVES) : undefined;
    if (lied !== undefined) {
      Tally.add(this.tally.turns, "lying token");
      return { ...lied, act: lied.refusal };
    }
    const choice = kind < 3 ? this.#refusal() : kind < 4 ? this.#rarest() : kind < 8 ? this.#turn() : undefined;
    // Time can always pass.
    return choice ?? (this.#weighted(MOVES_AND_TIME) as Choice);
  }

  /** The turn of one of the walk's actors. */
  #turn(): Choice | undefined {
    const { world, tally } = this;
    const actor = world.random.pick(this.actors);
    world.spotlight = actor;
    const moves = MOVES_AND_TIME.flatMap((move): (Move | TimeMove)[] => {
      const weight = actor.moves[move.name] ?? 0;
      return weight === 0 ? [] : [{ ...move, weight }];
    });
    const choice = this.#weighted(moves);
    if (choice === undefined) world.spotlight = undefined;
    else Tally.add(tally.turns, actor.name);
    return choice;
  }

  /** Of the refusals of a few moves, the one that was tried least. */
  #refusal(): Choice | undefined {
    const { world, tally } = this;
    const moves = Array.from({ length: 3 }, () => world.random.pick(MOVES));
    const all = moves.flatMap((move) => move.refusals(world).map((refusal) => ({ move, refusal })));
    const times = all.map(({ move, refusal }) => tally.refused.get(refusalName(move.name, refusal)) ?? 0);
    const least = Math.min(...times);
    const found = world.some(all.filter((_, i) => times[i] === least));
    return found && { ...found, act: found.refusal };
  }

  #rarest(): Choice | undefined {
    const { world, tally } = this;
    const times = ({ name }: Move): number => tally.succeeded.get(name) ?? 0;
    const order = MOVES.filter(({ weight }) => weight > 0)
      .map((move) => ({ move, at: times(move) + world.random.u32() / 2 ** 32 }))
      .sort((a, b) => a.at - b.at);
    for (const { move } of order) {
      const act = move.valid(world);
      if (act !== undefined) return { move, act };
    }
    return undefined;
  }

  /** Something that is hunted and can be played now. */
  #hunt(): Choice | undefined {
    const { world, tally } = this;
    for (const move of MOVES) {
      const act = this.#hunted.has(move.name) && !tally.succeeded.has(move.name) ? move.valid(world) : undefined;
      if (act !== undefined) return { move, act };
      for (const refusal of this.#isHunted(move) ? move.refusals(world) : []) {
        const name = refusalName(move.name, refusal);
        if (this.#hunted.has(name) && !tally.refused.has(name)) return { move, refusal, act: refusal };
      }
    }
    return undefined;
  }

  #isHunted({ name }: Move): boolean {
    return [...this.#hunted].some((hunted) => hunted.startsWith(`${name} `) || hunted.startsWith(`${name}:`));
  }

  /** One of the moves that can be made, by weight. */
  #weighted(all: readonly (Move | TimeMove)[]): Choice | undefined {
    const { world } = this;
    const moves = [...all];
    while (moves.length > 0) {
      const total = moves.reduce((sum, { weight }) => sum + weight, 0);
      let at = (world.random.u32() / 2 ** 32) * total;
      const index = moves.findIndex(({ weight }) => (at -= weight) < 0);
      const [move] = moves.splice(index, 1);
      const act = move?.valid(world);
      if (move !== undefined && act !== undefined) return { move, act };
    }
    return undefined;
  }
}

/** The draws that requests wait for. */
const drawsOf = ({ jobs, ledger }: World): Step["draws"] =>
  new Map(
    jobs.flatMap(({ id }) => {
      const { ticket, epoch, committed } = ledger.job(id);
      return committed ? [[id, { ticket, epoch }] as const] : [];
    }),
  );

/** Errors of libraries, which no contract's ABI names. */
const MORE_ERRORS = ["error TensorListBytes(uint256,uint256)"];
let known: Interface | undefined;

/** All errors with which a transaction of a walk may be refused. */
function errorsOf({ contracts }: World): Interface {
  if (known !== undefined) return known;
  const { availability, market, staking, pools, court, relay, registry, attestation, optimistic, token, authority } =
    contracts;
  const parts = [availability, market, staking, pools, court, relay, registry, attestation, optimistic, token];
  const all = [...parts, authority, contracts.desk];
  const errors = all.flatMap(({ interface: { fragments } }) => fragments.filter(({ type }) => type === "error"));
  known = new Interface([...errors, ...MORE_ERRORS]);
  return known;
}
