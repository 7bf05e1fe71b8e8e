import { AbiCoder, id, keccak256, parseEther, ZeroAddress } from "ethers";
import { network } from "hardhat";

import { claim, DAY, deployProtocol, filled, nextEpoch, open, OPEN_TERMS, termsOf } from "./protocol.ts";
import { eventsOf, type RequestStruct, STAKING } from "./protocol.ts";

/*
 * One party among equal operators that wants more than its share of the draws, by locking the stake of the others with
 * requests of its own ("decoys"). It always acts first: before anybody else sends anything, it has seen the seed.
 */

/** How many honest operators there are, and for each its stake and how many answers it takes at once. */
export interface Crowd {
  readonly honest: number;
  readonly stake: bigint;
  readonly capacity?: number;
}

/** A request that was opened. */
interface Opened {
  readonly id: string;
  readonly request: RequestStruct;
}

/** A decoy or a victim's request, and what it asks for. */
type Terms = Readonly<Record<string, unknown>>;

/** Draws that one call makes: EIP-7825 allows 16,777,216 gas. */
const DRAWS_OF_A_CALL = 250;

export type Stage = Awaited<ReturnType<typeof openCrowd>>;

/** A market with honest operators and one attacker, all with the same stake, on a chain of its own. */
export async function openCrowd({ honest: count, stake, capacity = OPEN_TERMS.capacity }: Crowd) {
  const connection = await network.create({ override: { accounts: { count: 12 + count } } });
  const { ethers, networkHelpers } = connection;
  const protocol = await deployProtocol(connection);
  const { token, staking, pools, market, versionId, accuser, requester } = protocol;
  const [attacker, ...honest] = (await ethers.getSigners()).slice(11);
  if (attacker === undefined) throw new RangeError("no attacker");
  for (const operator of [attacker, ...honest]) {
    await token.mint(operator, stake);
    await token.connect(operator).approve(staking, stake);
    await staking.connect(operator).deposit(stake);
    await staking.connect(operator).rotateSigningKey(operator);
    const own = operator === attacker ? OPEN_TERMS.capacity : capacity;
    await pools.connect(operator).optIn(versionId, { ...OPEN_TERMS, capacity: own });
  }
  for (const payer of [accuser, requester]) {
    await token.mint(payer, parseEther("1000000"));
    await token.connect(payer).approve(market, parseEther("1000000"));
  }
  await nextEpoch(connection);
  const reader = await ethers.deployContract("DrawReader");
  return { connection, networkHelpers, protocol, attacker, honest, stake, capacity, reader };
}

/** A collateral that leaves less than the smallest one of a whole stake free. */
async function wholeStake({ protocol: { market }, stake }: Stage): Promise<bigint> {
  return stake - (await market.MINIMUM_COLLATERAL()) + parseEther("0.001");
}

/** Terms of a decoy that locks `collateral`, or the least one, for `seconds`, at the least fee. */
async function decoyOf({ protocol: { market } }: Stage, collateral: bigint, seconds: number): Promise<Terms> {
  const claimSeconds = 60;
  const windowSeconds = seconds - claimSeconds;
  const fee = await market.minimumFeeFor(collateral, seconds);
  // Collateral follows from value and fee together.
  const unit = parseEther("1000000");
  const together = (collateral * unit) / (await market.collateralFor(unit, 0));
  const valueAtRisk = together > fee ? together - fee : 0n;
  return { valueAtRisk, fee, openSeconds: DAY, claimSeconds, windowSeconds };
}

/** What the usual request of others asks of a draw, in the present epoch. */
const drawTermsOf = async ({ protocol: { versionId, pools } }: Stage) => ({
  versionId,
  epoch: await pools.epoch(),
  fee: parseEther("10"),
  collateral: parseEther("200"),
  claimSeconds: 600,
  callbackGas: 0,
});

/** Whom each of many seeds names now: 0 for the attacker, 1 for others, 2 for nobody. */
export async function namedBySeeds(stage: Stage, draws: number, terms?: Awaited<ReturnType<typeof drawTermsOf>>) {
  const { reader, protocol, attacker, connection } = stage;
  const wanted = terms ?? (await drawTermsOf(stage));
  const own = attacker.address.slice(2).toLowerCase();
  const named = new Uint8Array(draws);
  for (let first = 0; first < draws; first += DRAWS_OF_A_CALL) {
    const count = Math.min(DRAWS_OF_A_CALL, draws - first);
    const data = reader.interface.encodeFunctionData("draws", [
      protocol.pools.target,
      wanted,
      id("salt"),
      first,
      count,
    ]);
    const answer = await connection.ethers.provider.call({ to: reader.target, data, gasLimit: 16_777_216n });
    // Two words before the addresses.
    for (let i = 0; i < count; i++) {
      const word = answer.slice(2 + 64 * (2 + i) + 24, 2 + 64 * (3 + i));
      named[first + i] = word === own ? 0 : /^0+$/.test(word) ? 2 : 1;
    }
  }
  return { terms: wanted, named, share: named.filter((who) => who === 0).length / draws };
}

/** Opens requests in one block, so that they have one ticket. */
export async function openTogether(
  stage: Stage,
  asked: readonly { readonly terms: Terms; readonly own: boolean }[],
): Promise<Opened[]> {
  const { connection, networkHelpers, protocol } = stage;
  const { provider } = connection.ethers;
  await provider.send("evm_setAutomine", [false]);
  const nonces = new Map<string, number>();
  const sent = [];
  for (const { terms, own } of asked) {
    const by = own ? protocol.accuser : protocol.requester;
    const nonce = nonces.get(by.address) ?? (await by.getNonce());
    nonces.set(by.address, nonce + 1);
    sent.push(await protocol.market.connect(by).request(termsOf(protocol, terms), { nonce, gasLimit: 500_000 }));
  }
  await networkHelpers.mine();
  await provider.send("evm_setAutomine", [true]);
  return await Promise.all(
    sent.map(async (transaction) => {
      const opened = (await eventsOf(protocol.market, transaction)).find(({ name }) => name === "RequestOpened");
      if (opened === undefined) throw new Error("no request was opened");
      return { id: opened.args.requestId as string, request: opened.args.request as RequestStruct };
    }),
  );
}

/** Whom the present draw of a request names; zero when its seed is not there. Nothing is sent. */
export async function namedFor({ protocol: { market, pools, randomness } }: Stage, { id: requestId, request }: Opened) {
  const [committed] = (await market.queryFilter(market.filters.DrawCommitted(requestId))).slice(-1);
  if (committed === undefined) throw new Error("no draw was committed");
  const { ticket, epoch } = committed.args;
  const { state, seed } = await randomness.seedOf(ticket);
  if (state !== 1n) return ZeroAddress;
  const drawSeed = keccak256(AbiCoder.defaultAbiCoder().encode(["bytes32", "bytes32"], [seed, requestId]));
  const { versionId, fee, royalty, collateral, claimSeconds, callbackGas } = request;
  const terms = { versionId, epoch, fee: BigInt(fee) - BigInt(royalty), collateral, claimSeconds, callbackGas };
  return (await pools.draw(terms, drawSeed)).operator;
}

/** How one victim's request ended, with everything that its draws took. */
export interface Play {
  readonly won: boolean;
  readonly draws: number;
  readonly drawsOfAttacker: number;
  readonly locks: number;
  readonly paid: bigint;
}

/**
 * One request of a victim and `decoys` of the attacker in one block. When the seed names an honest operator, the attacker
 * locks that operator's stake with a decoy that names it too, before the victim's draw is made; that draw then finds it
 * busy, and a new one is committed. It goes on until the attacker is drawn, or no decoy is left that names the same.
 */
export async function rejectOutcomes(stage: Stage, decoys: number, lockSeconds: number, salt: number): Promise<Play> {
  const { protocol, attacker, networkHelpers } = stage;
  const { market } = protocol;
  const terms = await decoyOf(stage, await wholeStake(stage), lockSeconds);
  const victimTerms = { inputs: filled(256, salt % 256), valueAtRisk: parseEther("150") + BigInt(salt) };
  const asked = [{ terms: victimTerms, own: false }, ...Array.from({ length: decoys }, () => ({ terms, own: true }))];
  const [victim, ...rest] = await openTogether(stage, asked);
  if (victim === undefined) throw new Error("no victim");
  const ammunition = new Set(rest);
  const locked = new Set<string>();
  const outcome = { draws: 0, drawsOfAttacker: 0, locks: 0, paid: 0n };
  for (;;) {
    await networkHelpers.mine(3);
    const named = await namedFor(stage, victim);
    outcome.draws++;
    if (named === attacker.address) {
      outcome.drawsOfAttacker++;
      await market.assign(victim.request);
      return { ...outcome, won: (await market.stateOf(victim.id)).operator === attacker.address };
    }
    if (!locked.has(named)) {
      let found: Opened | undefined;
      for (const decoy of ammunition) if ((await namedFor(stage, decoy)) === named) found ??= decoy;
      if (found === undefined) return { ...outcome, won: false };
      await market.assign(found.request);
      ammunition.delete(found);
      locked.add(named);
      outcome.locks++;
      outcome.paid += BigInt(found.request.fee);
    }
    // It is busy: a new draw.
    await market.assign(victim.request);
  }
}

/** What a week without the others took. */
export interface Siege {
  readonly locks: number;
  readonly paid: bigint;
  /** Draws that were made for victims during the week, and how many requests of theirs the attacker got. */
  readonly victims: number;
  readonly won: number;
}

/**
 * Locks the stake of every honest operator for seven days with real requests, each answered at once by whoever was drawn,
 * and then opens requests of others on six days of that week.
 * @param by How much each lock takes: the whole stake, or the smallest when it is capacity that runs out.
 */
export async function besiege(stage: Stage, by: "stake" | "capacity" = "stake"): Promise<Siege> {
  const { connection, protocol, attacker, honest, capacity, networkHelpers } = stage;
  const { market, staking } = protocol;
  const terms = await decoyOf(
    stage,
    by === "stake" ? await wholeStake(stage) : await stage.protocol.market.MINIMUM_COLLATERAL(),
    60 + 7 * DAY,
  );
  const closed = new Set<string>();
  let [locks, paid] = [0, 0n];
  while (closed.size < honest.length) {
    const decoy = await open(protocol, terms, protocol.accuser);
    // A draw that names somebody busy is followed by another one; one that names the attacker is left alone.
    for (let draws = 0; draws < 200; draws++) {
      await networkHelpers.mine(3);
      const named = await market.assign.staticCall(decoy.request);
      if (named === attacker.address) break;
      await market.assign(decoy.request);
      if (named === ZeroAddress) continue;
      await claim(connection, protocol, decoy);
      locks++;
      paid += BigInt(decoy.request.fee);
      const [{ open: answers }, free] = [await staking.operatorOf(named), await staking.freeStakeOf(named)];
      if (answers >= BigInt(capacity) || free < (await market.MINIMUM_COLLATERAL())) closed.add(named);
      break;
    }
  }
  let [victims, won] = [0, 0];
  for (let day = 0; day < 6; day++) {
    const victim = await open(protocol, { valueAtRisk: 1n, fee: parseEther("2"), openSeconds: DAY });
    victims++;
    for (let draws = 0; draws < 400; draws++) {
      await networkHelpers.mine(3);
      await market.assign(victim.request);
      const { operator } = await market.stateOf(victim.id);
      if (operator === ZeroAddress) continue;
      if (operator === attacker.address) won++;
      await claim(connection, protocol, victim);
      break;
    }
    await networkHelpers.time.increase(DAY - 7_200);
  }
  return { locks, paid, victims, won };
}

/** Locks stake of others with decoys that are drawn like every request. @returns How many were assigned. */
export async function spendDecoys(stage: Stage, decoys: readonly Opened[]): Promise<number> {
  const { protocol, networkHelpers } = stage;
  let assigned = 0;
  await networkHelpers.mine(3);
  for (const { id: requestId, request } of decoys) {
    await protocol.market.assign(request);
    if ((await protocol.market.stateOf(requestId)).operator !== ZeroAddress) assigned++;
  }
  return assigned;
}

/** Decoys that lock whole stakes for a week, opened in one block. */
export async function openDecoys(stage: Stage, count: number): Promise<Opened[]> {
  const terms = await decoyOf(stage, await wholeStake(stage), 60 + 7 * DAY);
  return await openTogether(
    stage,
    Array.from({ length: count }, () => ({ terms, own: true })),
  );
}

/** The usual setting of the simulation: eleven honest operators and the attacker, with the smallest stake each. */
export const TWELVE: Crowd = { honest: 11, stake: STAKING.minimumStake };
