import { expect } from "chai";
import { id, parseEther, ZeroAddress } from "ethers";
import { network } from "hardhat";

import { OPERATOR_STATUS, REQUEST_STATUS } from "../../runner/protocol/enums.ts";
import { Ledger } from "./support/ledger.ts";
import {
  DAY,
  deployProtocol,
  EVIDENCE,
  filled,
  join,
  MARKET,
  open,
  type Opened,
  OPTIMISTIC,
  OUTPUT,
  policyOf,
  rootOfF32,
  type Signer,
  STAKING,
  WINDOW,
} from "./support/protocol.ts";
import { createRandom } from "../../runner/machine/prng.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;
const { time, mine } = networkHelpers;

/** Sequences of random transactions: 3 by default, more with ASSAY_FUZZ. */
const SEQUENCES = Math.max(3, Number(process.env.ASSAY_FUZZ ?? 0));
const STEPS = 150;
const FIRST_SEED = Number(process.env.ASSAY_SEED ?? 1);

const { open: OPEN, assigned: ASSIGNED, inputDemanded: DEMANDED, claimed: CLAIMED } = REQUEST_STATUS;
const { challenged: CHALLENGED, final: FINAL } = REQUEST_STATUS;
const { refunded: REFUNDED, timedOut: TIMED_OUT, cancelled: CANCELLED, convicted: CONVICTED } = REQUEST_STATUS;
const { jailed: JAILED, tombstoned: TOMBSTONED } = OPERATOR_STATUS;

/** The states that may follow each state; terminal ones have none. */
const NEXT = new Map<bigint, readonly bigint[]>([
  [OPEN, [ASSIGNED, REFUNDED]],
  [ASSIGNED, [DEMANDED, CLAIMED, TIMED_OUT, CANCELLED]],
  [DEMANDED, [ASSIGNED, CANCELLED]],
  [CLAIMED, [CHALLENGED, FINAL]],
  [CHALLENGED, [CLAIMED, CANCELLED, CONVICTED]],
]);

interface Tracked extends Opened {
  status: bigint;
}

describe("Invariants of staking and market", () => {
  const fixture = async () => {
    const protocol = await deployProtocol(connection);
    for (const operator of [protocol.alice, protocol.bob, protocol.carol]) {
      await join(protocol, operator, parseEther("3000"));
    }
    return protocol;
  };

  /** Moves that succeeded in any walk. */
  const visited = new Set<string>();

  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEQUENCES; seed++) {
    describe(`given ${STEPS} random moves of operators, requesters, court, guardian and keepers (seed ${seed})`, () => {
      let protocol: Awaited<ReturnType<typeof fixture>>;
      let walk: Awaited<ReturnType<typeof randomWalk>>;
      before(async () => {
        protocol = await fixture();
        walk = await randomWalk(protocol, seed);
      });

      it("I-01 staking holds exactly the tokens it owes: stake, exits and unpaid shares", () => {
        expect(walk.violations.get("I-01") ?? []).to.deep.equal([]);
      });
      it("I-02 the market holds exactly the fees of open requests and the credits", () => {
        expect(walk.violations.get("I-02") ?? []).to.deep.equal([]);
      });
      it("I-03 an operator's locks add up to what is recorded and never exceed its stake", () => {
        expect(walk.violations.get("I-03") ?? []).to.deep.equal([]);
      });
      it("I-04 every request from assignment to its end has its whole collateral locked, and no other lock exists", () => {
        expect(walk.violations.get("I-04") ?? []).to.deep.equal([]);
      });
      it("I-05 per slash: accuser + requester + sink = taken, and the accuser gets at most half", () => {
        expect(walk.violations.get("I-05") ?? []).to.deep.equal([]);
      });
      it("I-06 states are monotone: only the transitions of the diagram happen, terminal states stay", () => {
        expect(walk.violations.get("I-06") ?? []).to.deep.equal([]);
      });
      it("I-07 no jailed or tombstoned operator is ever drawn", () => {
        expect(walk.violations.get("I-07") ?? []).to.deep.equal([]);
      });
      it("I-08 a verdict on a challenged claim never reverts and takes at least the lock", () => {
        expect(walk.violations.get("I-08") ?? []).to.deep.equal([]);
      });
      it("I-09 events alone rebuild stakes, locks, exits, credits and states", () => {
        expect(walk.violations.get("I-09") ?? []).to.deep.equal([]);
      });
      it("I-10 every request reaches an end by time, and the last one out empties both contracts", async () => {
        await drain(protocol, walk.requests);
        expect(await protocol.token.balanceOf(protocol.market)).to.equal(0n);
        expect(await protocol.staking.totalHeld()).to.equal(0n);
        expect(await protocol.token.balanceOf(protocol.staking)).to.equal(0n);
      });
      it("I-11 no wei is made or lost: supply stays with its holders", async () => {
        const holders = [protocol.requester, protocol.alice, protocol.bob, protocol.carol, protocol.accuser];
        let sum = 0n;
        for (const holder of [...holders, protocol.sink, protocol.royaltee]) {
          sum += await protocol.token.balanceOf(holder);
        }
        expect(sum).to.equal(await protocol.token.totalSupply());
      });
    });
  }

  describe("all walks together", () => {
    it("were tried by requests, assignments, claims, challenges, convictions, settlements and exits", () => {
      expect([...visited].sort()).to.include.members([
        ...["assign", "challenge", "claim", "convict", "deposit", "finalise", "request", "unbond", "uphold"],
      ]);
    });
  });

  /** Plays random moves; after each, checks every invariant against the contracts and against the events. */
  async function randomWalk(protocol: Awaited<ReturnType<typeof fixture>>, seed: number) {
    const { market, staking, token } = protocol;
    const random = createRandom(seed);
    const operators = [protocol.alice, protocol.bob, protocol.carol];
    const requests: Tracked[] = [];
    const violations = new Map<string, string[]>();
    const ledger = new Ledger(staking, market);
    const pick = <T>(items: readonly T[]): T | undefined => items[random.below(items.length)];
    const inState = (...states: readonly bigint[]) => pick(requests.filter(({ status }) => states.includes(status)));
    const violated = (name: string, what: string) => {
      const before = violations.get(name) ?? [];
      // The first ones tell; the rest follow from them.
      if (before.length < 3) violations.set(name, [...before, what]);
    };

    const operatorOf = async ({ id: requestId }: Opened): Promise<Signer> =>
      ethers.getSigner((await market.stateOf(requestId)).operator);
    const claimOn = async (made: Opened, output: string) =>
      market.connect(await operatorOf(made)).claim(made.request, output, rootOfF32(output), "", EVIDENCE);

    const patient = { assignSeconds: DAY, claimSeconds: DAY, windowSeconds: WINDOW };
    const moves: Readonly<Record<string, () => Promise<unknown>>> = {
      request: async () => {
        const valueAtRisk = parseEther(String(random.below(900)));
        const fee = parseEther(String(2 + random.below(20)));
        const made = await open(protocol, { valueAtRisk, fee, policy: policyOf(OPTIMISTIC), ...patient });
        requests.push({ ...made, status: OPEN });
      },
      assign: async () => {
        const made = inState(OPEN);
        if (made === undefined) return "nothing";
        await mine(3);
        const healthy = new Map<string, bigint>();
        for (const { address } of operators) healthy.set(address, (await staking.operatorOf(address)).status);
        await market.assign(made.request);
        const { operator } = await market.stateOf(made.id);
        const before = healthy.get(operator);
        if (before === JAILED || before === TOMBSTONED) violated("I-07", `${operator} drawn with status ${before}`);
        return operator === ZeroAddress ? "nobody" : "assigned";
      },
      claim: async () => {
        const made = inState(ASSIGNED);
        if (made === undefined) return "nothing";
        return claimOn(made, random.below(2) === 0 ? OUTPUT : filled(40, random.below(250)));
      },
      challenge: async () => {
        const made = inState(CLAIMED);
        if (made === undefined) return "nothing";
        const { claimId } = await market.claimOf(made.id);
        return market.connect(protocol.court).markChallenged(made.id, claimId);
      },
      uphold: async () => {
        const made = inState(CHALLENGED);
        if (made === undefined) return "nothing";
        const { claimId } = await market.claimOf(made.id);
        return market.connect(protocol.court).upheld(made.id, claimId);
      },
      convict: async () => {
        const made = inState(CHALLENGED);
        // Convictions are rare, or no operator would be left to play.
        if (made === undefined || random.below(3) !== 0) return "nothing";
        const { claimId } = await market.claimOf(made.id);
        const { amount } = await staking.lockOf(market, made.id);
        const byCourt = market.connect(protocol.court);
        try {
          const taken = await byCourt.convict.staticCall(made.request, claimId, protocol.accuser);
          if (taken < amount) violated("I-08", `took ${taken} of ${amount}`);
          await byCourt.convict(made.request, claimId, protocol.accuser);
        } catch (error) {
          violated("I-08", String(error));
        }
        return "convicted";
      },
      finalise: async () => {
        const made = inState(CLAIMED);
        if (made !== undefined && random.below(3) === 0) await time.increase(WINDOW);
        return made === undefined ? "nothing" : market.finalise(made.request, "0x");
      },
      refund: async () => {
        const made = inState(OPEN);
        return made === undefined ? "nothing" : market.refund(made.request);
      },
      timeOut: async () => {
        const made = inState(ASSIGNED);
        return made === undefined ? "nothing" : market.timeOut(made.request);
      },
      expireDispute: async () => {
        const made = inState(CHALLENGED);
        return made === undefined ? "nothing" : market.expireDispute(made.request);
      },
      withdrawCredit: async () => {
        const account = pick([...operators, protocol.requester, protocol.royaltee]);
        return account === undefined ? "nothing" : market.withdraw(account);
      },
      deposit: async () =>
        staking.connect(pick(operators) ?? protocol.alice).deposit(parseEther(String(1 + random.below(500)))),
      unbond: async () =>
        staking.connect(pick(operators) ?? protocol.alice).unbond(parseEther(String(1 + random.below(400)))),
      withdrawStake: async () => staking.withdraw(pick(operators) ?? protocol.alice, random.below(8)),
      optOut: async () => staking.connect(pick(operators) ?? protocol.alice).optOut(protocol.versionId),
      optIn: async () => staking.connect(pick(operators) ?? protocol.alice).optIn(protocol.versionId),
      unjail: async () => staking.connect(pick(operators) ?? protocol.alice).unjail(),
      rotateKey: async () => staking.connect(pick(operators) ?? protocol.alice).rotateSigningKey(protocol.stranger),
      payPayout: async () =>
        staking.payPayout(1 + random.below(Number(await staking.payoutCount()) + 1), random.below(3)),
      freezePayout: async () => staking.freezePayout(1 + random.below(Number(await staking.payoutCount()) + 1)),
      pause: async () => (random.below(8) === 0 ? market.pause() : "nothing"),
      unpause: async () => market.unpause(),
      rearmPause: async () => market.rearmPause(),
      someMinutes: async () => time.increase(60 + random.below(1_200)),
      someDays: async () => (random.below(4) === 0 ? time.increase(random.below(12) * DAY) : "nothing"),
    };
    // What drives a request along is played more often than what disturbs it.
    const names = Object.keys(moves);
    const driving = [
      "request",
      "assign",
      "claim",
      "challenge",
      "uphold",
      "finalise",
      "request",
      "assign",
      "claim",
      "anHour",
    ];

    for (let step = 0; step < STEPS; step++) {
      const name = pick(random.below(2) === 0 ? driving : names) ?? "request";
      try {
        const outcome = await moves[name]?.();
        if (outcome !== "nothing") visited.add(name);
      } catch (error) {
        // A refused move is fine; a panic or an unknown failure is not.
        if (!/custom error/.test(String(error))) throw error;
      }
      await check(`step ${step} (${name})`);
    }
    return { requests, violations };

    async function check(at: string): Promise<void> {
      const locks = new Map<string, bigint>();
      let escrow = 0n;
      for (const made of requests) {
        const { status, operator } = await market.stateOf(made.id);
        if (status !== made.status) {
          if (!(NEXT.get(made.status) ?? []).includes(status)) violated("I-06", `${at}: ${made.status} to ${status}`);
          made.status = status;
        }
        if (status < FINAL) escrow += BigInt(made.request.fee);
        const { amount } = await staking.lockOf(market, made.id);
        const locked = status > OPEN && status < FINAL ? BigInt(made.request.collateral) : 0n;
        if (amount !== locked) violated("I-04", `${at}: ${amount} instead of ${locked} in state ${status}`);
        if (amount !== 0n) locks.set(operator, (locks.get(operator) ?? 0n) + amount);
      }

      let owed = 0n;
      for (const { address } of operators) {
        const { stake, locked } = await staking.operatorOf(address);
        owed += await staking.totalStakeOf(address);
        if (locked !== (locks.get(address) ?? 0n) || locked > stake) violated("I-03", `${at}: ${address}`);
      }
      const count = Number(await staking.payoutCount());
      for (let payoutId = 1; payoutId <= count; payoutId++) {
        for (const amount of (await staking.payoutOf(payoutId)).amounts) owed += amount;
      }
      if (owed !== (await staking.totalHeld()) || owed !== (await token.balanceOf(staking))) violated("I-01", at);

      let credits = 0n;
      for (const account of [...operators, protocol.requester, protocol.royaltee]) {
        credits += await market.creditOf(account);
      }
      if (escrow + credits !== (await token.balanceOf(market))) violated("I-02", at);

      await ledger.readOn(ethers.provider);
      for (const split of ledger.badSplits) violated("I-05", `${at}: ${split}`);
      for (const difference of await ledger.differences(operators, requests)) violated("I-09", `${at}: ${difference}`);
    }
  }

  /** Ends everything by its permissionless exit and takes all money out. */
  async function drain(protocol: Awaited<ReturnType<typeof fixture>>, requests: readonly Tracked[]): Promise<void> {
    const { market, staking } = protocol;
    const keeper = market.connect(protocol.stranger);
    await time.increase(WINDOW + MARKET.maxDisputeSeconds + 8 * DAY);
    for (const { id: requestId, request } of requests) {
      const { status } = await market.stateOf(requestId);
      if (status === OPEN) await keeper.refund(request);
      if (status === ASSIGNED) await keeper.timeOut(request);
      if (status === CLAIMED) await keeper.finalise(request, "0x");
      if (status === CHALLENGED) await keeper.expireDispute(request);
      expect((await market.stateOf(requestId)).status >= FINAL).to.equal(true);
    }
    const operators = [protocol.alice, protocol.bob, protocol.carol];
    for (const account of [...operators, protocol.requester, protocol.royaltee]) {
      if ((await market.creditOf(account)) !== 0n) await market.withdraw(account);
    }
    const empty = async (operator: Signer) => {
      await time.increase(STAKING.unbondingSeconds);
      for (const [slot, { amount }] of (await staking.unbondingOf(operator)).entries()) {
        if (amount !== 0n) await staking.withdraw(operator, slot);
      }
    };
    for (const operator of operators) {
      await empty(operator);
      const free = await staking.freeStakeOf(operator);
      if (free !== 0n) await staking.connect(operator).unbond(free);
      await empty(operator);
    }
    const count = Number(await staking.payoutCount());
    for (let payoutId = 1; payoutId <= count; payoutId++) {
      for (const [share, amount] of (await staking.payoutOf(payoutId)).amounts.entries()) {
        if (amount !== 0n) await staking.payPayout(payoutId, share);
      }
    }
  }

  describe("slashability", () => {
    const LOCK = id("lock");
    const amount = parseEther("700");

    it("I-12 no sequence of an operator's moves lowers what a committed lock can lose", async () => {
      for (let seed = 1; seed <= 4; seed++) {
        const protocol = await networkHelpers.loadFixture(fixture);
        const { staking, alice } = protocol;
        const random = createRandom(seed);
        // A second manager would wait for unbonding, so the market itself is the one that locks here.
        await networkHelpers.impersonateAccount(await protocol.market.getAddress());
        await networkHelpers.setBalance(await protocol.market.getAddress(), parseEther("10"));
        const manager = staking.connect(await ethers.getSigner(await protocol.market.getAddress()));
        let draw = 0;
        const drawn = () => manager.lockDrawn.staticCall(protocol.versionId, id(`${draw}`), 3, 99_999, LOCK, amount);
        while ((await drawn()) !== alice.address) draw++;
        await manager.lockDrawn(protocol.versionId, id(`${draw}`), 3, 99_999, LOCK, amount);
        const byAlice = staking.connect(alice);
        const evasions = [
          () => byAlice.unbond(parseEther(String(1 + random.below(2_300)))),
          () => byAlice.deposit(parseEther(String(1 + random.below(50)))),
          () => byAlice.optOut(protocol.versionId),
          () => byAlice.optIn(protocol.versionId),
          () => byAlice.rotateSigningKey(protocol.stranger),
          () => byAlice.setEndpoint("gone"),
          () => staking.withdraw(alice, random.below(8)),
          () => staking.evict(alice, protocol.versionId),
          () => protocol.market.pause(),
          () => time.increase(random.below(30) * DAY),
        ];
        for (let step = 0; step < 40; step++) {
          await evasions[random.below(evasions.length)]?.().catch((error: unknown) => {
            if (!/custom error/.test(String(error))) throw error;
          });
          expect(await manager.slash.staticCall(LOCK, 1, ZeroAddress, ZeroAddress)).to.equal(amount);
        }
      }
    });
  });
});
