import type { Event } from "../ledger.ts";
import type { View } from "../view.ts";
import type { World } from "../world.ts";

/** What was true before a move, and the move. */
export interface Step {
  readonly before: View;
  /** `contract.function`. */
  readonly move: string;
  /** Draws that requests waited for, by request. */
  readonly draws: ReadonlyMap<string, { readonly ticket: number; readonly epoch: number }>;
}

/** Something that must hold after every move, or when a walk is over and everything was ended. */
export interface Invariant {
  readonly id: string;
  /** One line that says what holds. */
  readonly text: string;
  readonly when: "move" | "end";
  /** What is wrong. */
  readonly check: (world: World, step: Step) => Iterable<string> | AsyncIterable<string>;
}

type Check = Invariant["check"];

/** An invariant that is checked after every move. */
export const always = (id: string, text: string, check: Check): Invariant => ({ id, text, when: "move", check });

/** An invariant that is checked when a walk is over. */
export const atLast = (id: string, text: string, check: Check): Invariant => ({ id, text, when: "end", check });

export const sum = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((total, amount) => total + amount, 0n);

/** Entries that are not what they were, with what they were. */
export function* changes<T>(
  now: ReadonlyMap<string, T>,
  then: ReadonlyMap<string, T>,
): Iterable<readonly [key: string, now: T, then: T | undefined]> {
  if (now === then) return;
  for (const [key, value] of now) {
    const was = then.get(key);
    if (was !== value) yield [key, value, was];
  }
}

/** Fields that must be the same as before. */
export function* moved<T extends object>(
  name: string,
  now: T,
  then: T,
  fields: readonly (keyof T)[],
): Iterable<string> {
  for (const field of fields) {
    if (now[field] !== then[field]) yield `${name}: ${String(field)} ${String(then[field])}, now ${String(now[field])}`;
  }
}

/** Events of the last transaction, of one kind. */
export const saidBy = ({ ledger: { latest } }: World, ...names: readonly string[]): readonly Event[] =>
  latest.filter(({ name }) => names.includes(name));

export const textOf = ({ args }: Event, key: string): string => String(args[key]);
export const bigOf = ({ args }: Event, key: string): bigint => BigInt(String(args[key]));
export const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Everything that an account has: tokens, stake, exits and credits. */
export function wealthOf(view: View, address: string): bigint {
  const { stake = 0n, exits = [] } = view.operators.get(address) ?? {};
  const owed = sum(Object.values(view.credits).map((row) => row.get(address) ?? 0n));
  return (view.balances.get(address) ?? 0n) + stake + sum(exits.map(({ amount }) => amount)) + owed;
}
