import { parseEther } from "ethers";

import { EPOCH_SECONDS, OPEN_TERMS, STAKING } from "../protocol.ts";
import { type Act, ACTIVE, type Move, present, type Refusal, short } from "./move.ts";
import type { Signer, World } from "./world.ts";

/*
 * Moves of operators and keepers on the pools: places, terms, weights.
 */

/** Terms as they are given. */
type Terms = Parameters<World["contracts"]["pools"]["optIn"]>[1];

/** An operator and a version. */
interface Place {
  readonly by: Signer;
  readonly version: string;
}

const epochNext = ({ next }: World): number => Math.floor(next / EPOCH_SECONDS);

/** Terms that take most requests, few, or none. */
function someTerms({ random }: World): Terms {
  if (random.chance(0.6)) return OPEN_TERMS;
  return {
    minimumFee: random.chance(0.5) ? 0n : parseEther(String(random.below(12))),
    callbackPrice: random.chance(0.6) ? 0n : BigInt(random.below(10)) * 10n ** 13n,
    minimumClaimSeconds: random.chance(0.6) ? 0 : random.below(43_200),
    maximumCallbackGas: random.pick([0, 99_999, 100_000, 1_000_000]),
    capacity: random.pick([0, 1, 2, 3, 1_000]),
  };
}

const litOperators = (world: World): Signer[] =>
  world.people.operators.filter(({ address }) => world.isLit("operators", address));

const some = (world: World, condition: (place: Place) => boolean): Place | undefined =>
  world.some(
    litOperators(world).flatMap((by) => world.versions.map(({ id: version }) => ({ by, version }))),
    condition,
  );

const isMember = ({ ledger }: World, { by, version }: Place): boolean =>
  ledger.account(by.address).memberships.has(version);
const hasKey = (world: World, { by }: Place): boolean =>
  world.ledger.account(by.address).keys.some(({ activeFrom }) => activeFrom <= world.next);
/** Whether it has weight by its stake. */
const counts = ({ view }: World, { by }: Place): boolean => {
  const { status = 0n, stake = 0n } = view.operators.get(by.address) ?? {};
  return status === ACTIVE && stake >= STAKING.minimumStake;
};
const usable = ({ view }: World, { version }: Place): boolean => (view.versions.get(version)?.status ?? 3n) < 3n;
/** Whether the terms that were set last count in every epoch that a draw can use. */
const settled = (world: World, { by, version }: Place): boolean =>
  epochNext(world) > world.ledger.pool(version).changedFrom(by.address);

/** A move of an operator on a place: `valid` and `refused` say of which. */
function onPlace(
  name: string,
  weight: number,
  send: (world: World, place: Place) => Promise<unknown>,
  valid: (world: World, place: Place) => boolean,
  refused: Readonly<Record<string, (world: World, place: Place) => boolean>>,
): Move {
  const act = (world: World, place: Place, how = ""): Act => ({
    text: `${name} ${short(place.version)} by ${short(place.by.address)}${how}`,
    send: () => send(world, place),
  });
  return {
    name: `pools.${name}`,
    weight,
    valid: (world) => {
      const place = some(world, (it) => valid(world, it));
      return place && act(world, place);
    },
    refusals: (world) =>
      present<Refusal>(
        ...Object.entries(refused).map(([error, condition]) => {
          const place = some(world, (it) => condition(world, it));
          return place && { ...act(world, place, ` (${error})`), error };
        }),
      ),
  };
}

const joins = (world: World, place: Place): boolean =>
  counts(world, place) && hasKey(world, place) && usable(world, place) && !isMember(world, place);

export const POOL_MOVES: readonly Move[] = [
  onPlace(
    "optIn",
    12,
    (world, { by, version }) => world.contracts.pools.connect(by).optIn(version, someTerms(world)),
    (world, place) => joins(world, place) && settled(world, place),
    {
      PoolOperatorUnable: (world, place) => !counts(world, place),
      PoolKeyMissing: (world, place) => counts(world, place) && !hasKey(world, place),
      PoolVersionUnusable: (world, place) => counts(world, place) && hasKey(world, place) && !usable(world, place),
      PoolOptedIn: (world, place) =>
        counts(world, place) && hasKey(world, place) && usable(world, place) && isMember(world, place),
      PoolTermsPending: (world, place) => joins(world, place) && !settled(world, place),
    },
  ),
  onPlace(
    "setTerms",
    3,
    (world, { by, version }) => world.contracts.pools.connect(by).setTerms(version, someTerms(world)),
    (world, place) => isMember(world, place) && settled(world, place),
    {
      PoolNotOptedIn: (world, place) => !isMember(world, place),
      PoolTermsPending: (world, place) => isMember(world, place) && !settled(world, place),
    },
  ),
  onPlace(
    "optOut",
    0.7,
    (world, { by, version }) => world.contracts.pools.connect(by).optOut(version),
    isMember,
    { PoolNotOptedIn: (world, place) => !isMember(world, place) },
  ),
  {
    name: "pools.weigh",
    weight: 4,
    valid: (world) => {
      const by = world.some(
        litOperators(world),
        ({ address }) => world.ledger.account(address).memberships.size > 0,
      );
      if (by === undefined) return undefined;
      const versions = [...world.ledger.account(by.address).memberships].filter(() => world.random.chance(0.7));
      return {
        text: `weigh ${short(by.address)} in ${versions.map(short).join()}`,
        send: () => world.contracts.pools.weigh(by.address, versions),
      };
    },
    refusals: (world) => {
      const place = some(world, (it) => !isMember(world, it));
      return present<Refusal>(
        place && {
          text: `weigh ${short(place.by.address)} where it is not`,
          send: () => world.contracts.pools.weigh(place.by.address, [place.version]),
          ...{ error: "PoolNotOptedIn", args: [place.by.address, place.version] },
        },
      );
    },
  },
];
