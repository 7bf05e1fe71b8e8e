import { id, parseEther, ZeroAddress, ZeroHash } from "ethers";

import { STAKING } from "../protocol.ts";
import { type Act, ACTIVE, JAILED, type Move, present, type Refusal, short, TOMBSTONED } from "./move.ts";
import { withdrawing } from "./market.ts";
import { permitFor } from "./signatures.ts";
import type { OperatorView } from "./view.ts";
import type { Signer, World } from "./world.ts";

/*
 * Moves of operators, of a manager that is no market, and of keepers on staking.
 */

const QUEUE = 8;
const DAY = 86_400;
const ether = (world: World, low: number, high: number): bigint => parseEther(String(world.random.between(low, high)));

type Staking = World["contracts"]["staking"];

const stakeOf = ({ view }: World, { address }: Signer): OperatorView => {
  const operator = view.operators.get(address);
  if (operator === undefined) throw new Error(`no operator ${address}`);
  return operator;
};
const freeOf = (operator: OperatorView): bigint => operator.stake - operator.locked;
const hasKey = (world: World, { address }: Signer): boolean =>
  world.ledger.account(address).keys.some(({ activeFrom }) => activeFrom <= world.next);
const keyPending = (world: World, { address }: Signer): boolean =>
  (world.ledger.account(address).keys.at(-1)?.activeFrom ?? 0) > world.next;

/** What an operator does with an amount or a version. */
interface Plan<T> {
  readonly by: Signer;
  readonly what: T;
}

/** A move that an operator makes for itself. */
function own<T>(
  name: string,
  weight: number,
  send: (staking: Staking, what: T, world: World, by: Signer) => Promise<unknown>,
  plans: {
    readonly valid: (world: World) => Plan<T> | undefined;
    readonly refused: (world: World) => readonly ((Plan<T> & { readonly error: string }) | undefined | false)[];
  },
): Move {
  const act = (world: World, { by, what }: Plan<T>): Act => ({
    text: `${name} ${String(what).slice(0, 40)} by ${short(by.address)}`,
    send: () => send(world.contracts.staking.connect(by), what, world, by),
  });
  return {
    name: `staking.${name}`,
    weight,
    valid: (world) => {
      const plan = plans.valid(world);
      return plan && act(world, plan);
    },
    refusals: (world) =>
      present<Plan<T> & { error: string }>(...plans.refused(world)).map((plan) => ({
        ...act(world, plan),
        error: plan.error,
      })),
  };
}

const anyone = (world: World, condition?: (by: Signer, operator: OperatorView) => boolean): Signer | undefined =>
  world.some(
    world.people.operators,
    (by) => world.isLit("operators", by.address) && (condition?.(by, stakeOf(world, by)) ?? true),
  );
const isHonest = (world: World, { address }: Signer): boolean => world.characterOf(address) === "honest";

/** Those who have begun, and now and then somebody new. */
const beginner = (world: World): Signer | undefined =>
  anyone(world, (by, { status }) => status === 0n || (status !== TOMBSTONED && world.random.chance(0.5)));

const plan = <T>(by: Signer | undefined, what: T): Plan<T> | undefined => by && { by, what };
const refused = <T>(by: Signer | undefined, what: T, error: string) => by && { by, what, error };

/** Who swarms pays in what one place needs. */
const sumFor = (world: World, by: Signer | undefined): bigint =>
  by !== undefined && world.characterOf(by.address) === "sybil" && world.random.chance(0.7)
    ? STAKING.minimumStake
    : ether(world, 800, 2_500);

const deposits = {
  valid: (world: World) => {
    const by = beginner(world);
    return plan(by, sumFor(world, by));
  },
  refused: (world: World) => [
    refused(
      anyone(world, (_by, { status }) => status !== TOMBSTONED),
      0n,
      "StakingAmountZero",
    ),
    refused(
      anyone(world, (_by, { status }) => status === TOMBSTONED),
      1n,
      "StakingStatusForbids",
    ),
    refused(world.people.pauper, 1n, "ERC20InsufficientAllowance"),
  ],
};

// ------------------------------------------------------------------------------------------------ locks

const byManager = (
  name: "lockDrawn" | "release" | "slash",
  weight: number,
  send: (staking: Staking, lockId: string, world: World) => Promise<unknown>,
  refusals: (world: World, act: (lockId: string, by?: Signer) => Act) => readonly (Refusal | undefined)[],
): Move => {
  const act = (world: World, lockId: string, by = world.people.manager): Act => ({
    text: `${name} ${short(lockId)} by ${by === world.people.manager ? "the manager" : short(by.address)}`,
    send: () => send(world.contracts.staking.connect(by), lockId, world),
  });
  return {
    name: `staking.${name}`,
    weight,
    valid: (world) => {
      if (name === "lockDrawn") return act(world, id(`lock ${world.serial()}`));
      // It is no judge of those who are honest: it may be wrong, and a manager's word is final.
      const spared = ({ operator }: { readonly operator: string }): boolean =>
        name === "slash" && world.characterOf(operator) === "honest";
      const held = world.some(world.view.locks, ([, lock]) => lock.operator !== ZeroAddress && !spared(lock))?.[0];
      return held === undefined ? undefined : act(world, held);
    },
    refusals: (world) => present<Refusal>(...refusals(world, (lockId, by) => act(world, lockId, by))),
  };
};

/** Locks stake of somebody who may be able or not; `stake` is what its weight may have stood for. */
async function lockDrawn(staking: Staking, lockId: string, world: World): Promise<void> {
  const { random, people } = world;
  const drawn =
    anyone(world, (_by, { status }) => status === ACTIVE && random.chance(0.9)) ?? random.pick(people.operators);
  const stake = stakeOf(world, drawn).stake + (random.chance(0.3) && !isHonest(world, drawn) ? 1n : 0n);
  const capacity = random.chance(0.2) ? random.below(3) : 1_000;
  // Whoever expects a penalty hides its stake behind a lock.
  const free = freeOf(stakeOf(world, drawn));
  const hides = world.characterOf(drawn.address) === "self-accusing" && free > 0n && random.chance(0.6);
  await staking.lockDrawn(drawn.address, stake, capacity, hides ? free : ether(world, 1, 800), lockId);
  if (!world.locks.includes(lockId)) world.locks.push(lockId);
}

/** Fraud is rare, or no operator would be left to play. */
async function slash(staking: Staking, lockId: string, { people, random, next }: World): Promise<void> {
  const fault = random.chance(0.15) ? 1 : 0;
  const [accuser, harmed] = [people.watchers[0], people.requesters[0]].map((account) =>
    random.chance(0.5) ? (account?.address ?? ZeroAddress) : ZeroAddress,
  );
  await staking.slash(lockId, fault, next - random.below(2 * DAY), accuser ?? ZeroAddress, harmed ?? ZeroAddress);
}

const unknownLock = (_world: World, act: (lockId: string, by?: Signer) => Act): Refusal[] => [
  { ...act(id("no such lock")), error: "StakingLockUnknown", args: [id("no such lock")] },
];

// ------------------------------------------------------------------------------------------------ exits

interface Exit {
  readonly by: Signer;
  readonly slot: number;
}
const exit = (world: World, condition: (amount: bigint, releaseAt: number) => boolean): Exit | undefined =>
  world.some(
    world.people.operators.flatMap((by) =>
      stakeOf(world, by).exits.flatMap(({ amount, releaseAt }, slot) =>
        condition(amount, releaseAt) ? [{ by, slot }] : [],
      ),
    ),
  );
const leave = (world: World, { by, slot }: Exit): Act => ({
  text: `completeUnbonding ${short(by.address)} ${slot}`,
  send: () => world.contracts.staking.completeUnbonding(by, slot),
});

// ------------------------------------------------------------------------------------------------ moves

export const STAKING_MOVES: readonly Move[] = [
  own<bigint>("deposit", 3, (staking, amount) => staking.deposit(amount), deposits),
  own<bigint>(
    "depositWithPermit",
    1,
    async (staking, amount, { contracts, people, liar }, by) => {
      // A pauper's permit is worth nothing.
      if (by === people.pauper) {
        await staking.depositWithPermit(amount, 0, 27, ZeroHash, ZeroHash);
        return;
      }
      if (liar !== undefined) {
        // A permit that fails is ignored: the allowance is there.
        await staking.depositWithPermit(amount, 0, 27, ZeroHash, ZeroHash);
        return;
      }
      const { deadline, v, r, s } = await permitFor(contracts, by, staking, amount);
      try {
        await staking.depositWithPermit(amount, deadline, v, r, s);
      } finally {
        await contracts.token.connect(by).approve(staking, 2n ** 256n - 1n);
      }
    },
    deposits,
  ),
  own<bigint>("unbond", 1.5, (staking, amount) => staking.unbond(amount), {
    valid: (world) => {
      const by = anyone(
        world,
        // Whoever is honest stays for what it may be drawn for.
        (it, operator) =>
          !isHonest(world, it) && freeOf(operator) > 0n && operator.exits.some(({ amount }) => amount === 0n),
      );
      if (by === undefined) return undefined;
      const free = freeOf(stakeOf(world, by));
      const some = ether(world, 1, 400);
      return { by, what: some < free && world.random.chance(0.9) ? some : free };
    },
    refused: (world) => {
      const full = anyone(
        world,
        (_by, operator) => freeOf(operator) > 0n && operator.exits.every(({ amount }) => amount > 0n),
      );
      // Where there are locks, it is they that the refusal protects.
      const poor = anyone(world, (_by, { locked }) => locked > 0n) ?? anyone(world);
      return [
        refused(poor, 0n, "StakingAmountZero"),
        refused(poor, poor === undefined ? 0n : freeOf(stakeOf(world, poor)) + 1n, "StakingFreeInsufficient"),
        refused(full, 1n, "StakingUnbondingQueueFull"),
      ];
    },
  }),
  {
    name: "staking.completeUnbonding",
    weight: 4,
    valid: (world) => {
      const ripe = exit(world, (amount, releaseAt) => amount > 0n && world.next >= releaseAt);
      return ripe && leave(world, ripe);
    },
    refusals: (world) => {
      const green = exit(world, (amount, releaseAt) => amount > 0n && world.next < releaseAt);
      const none = exit(world, (amount) => amount === 0n);
      const by = anyone(world);
      return present<Refusal>(
        green && { ...leave(world, green), error: "StakingUnbondingPending" },
        none && { ...leave(world, none), error: "StakingUnbondingUnknown" },
        by && {
          ...leave(world, { by, slot: QUEUE }),
          error: "StakingUnbondingUnknown",
          args: [by.address, BigInt(QUEUE)],
        },
      );
    },
  },
  own<string>("setEndpoint", 1, (staking, endpoint) => staking.setEndpoint(endpoint), {
    valid: (world) => plan(anyone(world), "x".repeat(world.random.between(0, 256))),
    refused: (world) => [refused(anyone(world), "x".repeat(257), "StakingTextLength")],
  }),
  own<string>("rotateSigningKey", 3, (staking, key) => staking.rotateSigningKey(key), {
    valid: (world) => {
      const keyless = anyone(world, (by) => !hasKey(world, by));
      const by = keyless && world.random.chance(0.7) ? keyless : anyone(world, (it) => !keyPending(world, it));
      return plan(by && !keyPending(world, by) ? by : undefined, (anyone(world) ?? world.people.manager).address);
    },
    refused: (world) => [
      refused(anyone(world), ZeroAddress, "StakingKeyInvalid"),
      refused(
        anyone(world, (by) => keyPending(world, by)),
        world.people.manager.address,
        "StakingKeyPending",
      ),
    ],
  }),
  own<string>("unjail", 4, (staking) => staking.unjail(), {
    valid: (world) =>
      plan(
        anyone(world, (by, { status, stake }) => {
          const over = world.next >= world.ledger.account(by.address).jailedUntil;
          return status === JAILED && stake >= STAKING.minimumStake && over;
        }),
        "",
      ),
    refused: (world) => {
      const over = (by: Signer): boolean => world.next >= world.ledger.account(by.address).jailedUntil;
      return [
        refused(
          anyone(world, (_by, { status }) => status !== JAILED),
          "",
          "StakingNotJailed",
        ),
        refused(
          anyone(world, (by, { status }) => status === JAILED && !over(by)),
          "",
          "StakingJailPending",
        ),
        refused(
          anyone(world, (by, { status, stake }) => status === JAILED && over(by) && stake < STAKING.minimumStake),
          "",
          "StakingBelowMinimum",
        ),
      ];
    },
  }),
  own<string>("setAgent", 1.5, (staking, agent) => staking.setAgent(agent), {
    valid: (world) => {
      const agents = [...world.people.agents.map(({ address }) => address), ZeroAddress];
      return plan(anyone(world), world.random.pick(agents));
    },
    // Everybody may name an agent of its own.
    refused: () => [],
  }),
  byManager("lockDrawn", 2, lockDrawn, (world, act) => {
    const held = world.some(world.view.locks, ([, { operator }]) => operator !== ZeroAddress)?.[0];
    return [
      { ...act(id("x"), world.people.pauper), error: "StakingNotManager", args: [world.people.pauper.address] },
      held === undefined ? undefined : { ...act(held), error: "StakingLockExists", args: [held] },
      {
        text: "lockDrawn of nothing",
        send: () => world.contracts.staking.connect(world.people.manager).lockDrawn(ZeroAddress, 0, 0, 0, id("x")),
        error: "StakingAmountZero",
      },
    ];
  }),
  byManager("release", 2, (staking, lockId) => staking.release(lockId), unknownLock),
  byManager("slash", 2, slash, unknownLock),
  withdrawing("staking"),
];
