import { type ErrorDescription, Interface } from "ethers";

import { COURT_MOVES } from "./court.ts";
import { GOVERNANCE_MOVES } from "./governance.ts";
import { INVARIANTS, type Step, transitions } from "./invariants.ts";
import { Refused } from "./chain.ts";
import { MARKET_MOVES } from "./market.ts";
import type { Act, Move, Refusal } from "./move.ts";
import { POOL_MOVES } from "./pools.ts";
import { STAKING_MOVES } from "./staking.ts";
import { TIME_MOVES, type TimeMove } from "./time.ts";
import type { World } from "./world.ts";

export const MOVES: readonly Move[] = [
  ...MARKET_MOVES,
  ...STAKING_MOVES,
  ...POOL_MOVES,
  ...COURT_MOVES,
  ...GOVERNANCE_MOVES,
];

/** What walks did, by name. */
export class Tally {
  readonly succeeded = new Map<string, number>();
  /** `move: Error` or `move while State`. */
  readonly refused = new Map<string, number>();
  /** `request Open to Assigned`, `dispute …`, `late dispute …`. */
  readonly transitions = new Map<string, number>();

  static add(row: Map<string, number>, name: string, times = 1): void {
    row.set(name, (row.get(name) ?? 0) + times);
  }

  /** Adds what another one counted. */
  include(other: Tally): void {
    for (const row of ["succeeded", "refused", "transitions"] as const) {
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
  violation: Violation | undefined;
  /** Moves and refusals that are played whenever they can be. */
  readonly #hunted: ReadonlySet<string>;
  readonly #errors: Interface;

  constructor(world: World, seed: number, hunted: readonly string[] = []) {
    this.world = world;
    this.seed = seed;
    this.#hunted = new Set(hunted);
    this.#errors = errorsOf(world);
  }

  /** Plays `steps` moves. */
  async play(steps: number): Promise<void> {
    for (let i = 0; i < steps && this.violation === undefined; i++) await this.#step();
  }

  /** The failure as somebody needs it to repeat it. */
  report(): string {
    const { invariant, what } = this.violation ?? { invariant: "", what: "" };
    const story = this.story.map((line, i) => `  ${i + 1}. ${line}`).join("\n");
    return `${invariant}\n${what}\nseed ${this.seed}, ${this.story.length} moves:\n${story}`;
  }

  async #step(): Promise<void> {
    const { world, tally } = this;
    const choice = this.#choose();
    const step: Step = { before: world.view, move: choice.move.name };
    this.story.push(choice.act.text);
    try {
      await this.#send(choice);
    } catch (error) {
      if (!(error instanceof Surprise)) throw new Error(`${String(error)}\n${this.report()}`, { cause: error });
      this.violation = { invariant: NO_SURPRISE, what: error.message };
      return;
    }
    if (choice.refusal) {
      // What was refused changed nothing but the time.
      Tally.add(tally.refused, refusalName(choice.move.name, choice.refusal));
      return;
    }
    Tally.add(tally.succeeded, choice.move.name);
    await world.look(this.story.length % FULL_LOOK === 0);
    const { requests, disputes } = transitions(world, step);
    for (const { name } of requests) Tally.add(tally.transitions, `request ${name}`);
    for (const { name, late } of disputes) Tally.add(tally.transitions, `${late ? "late dispute" : "dispute"} ${name}`);
    await this.#check(step);
  }

  async #check(step: Step): Promise<void> {
    for (const [invariant, check] of Object.entries(INVARIANTS)) {
      for await (const what of check(this.world, step)) {
        this.violation ??= { invariant, what };
        return;
      }
    }
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
    const kind = random.below(10);
    if (this.#hunted.size > 0 && kind < 6) {
      const hunted = this.#hunt();
      if (hunted !== undefined) return hunted;
    }
    return (kind < 3 ? this.#refusal() : kind < 5 ? this.#rarest() : undefined) ?? this.#weighted();
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

  #weighted(): Choice {
    const { world } = this;
    const moves: (Move | TimeMove)[] = [...MOVES, ...TIME_MOVES];
    for (;;) {
      const total = moves.reduce((sum, { weight }) => sum + weight, 0);
      let at = (world.random.u32() / 2 ** 32) * total;
      const index = moves.findIndex(({ weight }) => (at -= weight) < 0);
      const [move] = moves.splice(index, 1);
      const act = move?.valid(world);
      if (move !== undefined && act !== undefined) return { move, act };
    }
  }
}

const ABI_ERRORS = ["error TensorListBytes(uint256,uint256)"];
let known: Interface | undefined;

/** All errors with which a transaction of a walk may be refused. */
function errorsOf({ contracts }: World): Interface {
  if (known !== undefined) return known;
  const { market, staking, pools, court, registry, attestation, optimistic, token, authority } = contracts;
  const all = [market, staking, pools, court, registry, attestation, optimistic, token, authority];
  const errors = all.flatMap(({ interface: { fragments } }) => fragments.filter(({ type }) => type === "error"));
  known = new Interface([...errors, ...ABI_ERRORS]);
  return known;
}
