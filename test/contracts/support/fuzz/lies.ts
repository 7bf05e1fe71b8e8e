import { ZeroAddress } from "ethers";

import type { TokenMock } from "../../../../typechain-types/index.ts";
import { type Act, addressOf, type Move, type Refusal } from "./move.ts";
import { moments } from "./time.ts";
import type { World } from "./world.ts";

/*
 * A token that lies: it keeps a part of what it moves, says that it moved what it did not, refuses an account, or calls
 * back while it moves. It does so in one transaction of somebody else; what must be refused then is refused, and what is
 * not refused changes nothing that the invariants do not allow.
 */

/** Moves that take tokens in: the error for an amount that is not whole, and for a call back. */
const TAKING: Readonly<Record<string, { readonly part: string; readonly back: string }>> = {
  "staking.deposit": { part: "CreditTokenMismatch", back: "CreditTokenMismatch" },
  "market.deposit": { part: "CreditTokenMismatch", back: "CreditTokenMismatch" },
  "court.deposit": { part: "CreditTokenMismatch", back: "CreditTokenMismatch" },
  "availability.deposit": { part: "CreditTokenMismatch", back: "CreditTokenMismatch" },
  "desk.deposit": { part: "CreditTokenMismatch", back: "CreditTokenMismatch" },
  "court.challenge": { part: "CreditTokenMismatch", back: "ReentrancyGuardReentrantCall" },
};
/** Moves that give tokens out. */
const GIVING: readonly string[] = [
  "market.withdraw",
  "court.withdraw",
  "desk.withdraw",
  "staking.withdraw",
  "staking.completeUnbonding",
];
/** Transactions that a lie takes besides; a second each. */
const AROUND = 8;

/** The token of a walk in which it lies. */
function liar({ liar: token }: World): TokenMock {
  if (token === undefined) throw new Error("a token that does not lie");
  return token;
}

const lied = (world: World, act: Act, how: string, lie: (token: TokenMock) => Promise<unknown>): Act => ({
  text: `${act.text} while the token ${how}`,
  send: async () => {
    const token = liar(world);
    await lie(token);
    try {
      await act.send();
    } finally {
      await token.setFee(0);
      await token.setLying(false);
      await token.setHook(ZeroAddress, "0x");
    }
  },
});

/** Where the token calls back to: the contract that asks it to move something. */
function callBack({ contracts, people }: World, move: string): readonly [string, string] {
  const { staking, market, court, availability, desk } = contracts;
  if (move === "staking.deposit") return [addressOf(staking), staking.interface.encodeFunctionData("deposit", [1])];
  const { address } = people.pauper;
  if (move === "court.deposit") return [addressOf(court), court.interface.encodeFunctionData("deposit", [address, 1])];
  if (move === "desk.deposit") return [addressOf(desk), desk.interface.encodeFunctionData("deposit", [address, 1])];
  if (move === "availability.deposit") {
    return [addressOf(availability), availability.interface.encodeFunctionData("deposit", [address, 1])];
  }
  if (move === "market.deposit")
    return [addressOf(market), market.interface.encodeFunctionData("deposit", [address, 1])];
  return [addressOf(court), court.interface.encodeFunctionData("withdraw", [address])];
}

/** Something that must be refused because the token lies; nothing when it is not that kind of token. */
export function lie(
  world: World,
  moves: readonly Move[],
): { readonly move: Move; readonly refusal: Refusal } | undefined {
  if (world.liar === undefined || moments(world).some((time) => Math.abs(time - world.next) < AROUND)) return undefined;
  const able = moves.filter(({ name }) => name in TAKING || GIVING.includes(name));
  const move = world.some(able);
  const act = move?.valid(world);
  if (move === undefined || act === undefined) return undefined;
  const taking = TAKING[move.name];
  const [callee, payload] = callBack(world, move.name);
  const refusals: Refusal[] = [
    { ...lied(world, act, "moves nothing", (token) => token.setLying(true)), error: "SafeERC20FailedOperation" },
    ...(taking === undefined
      ? []
      : [
          { ...lied(world, act, "keeps a part", (token) => token.setFee(100)), error: taking.part },
          { ...lied(world, act, "calls back", (token) => token.setHook(callee, payload)), error: taking.back },
        ]),
  ];
  return { move, refusal: world.random.pick(refusals) };
}
