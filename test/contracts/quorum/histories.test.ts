import { expect } from "chai";
import { parseEther } from "ethers";

import { createRandom } from "../../../runner/machine/prng.ts";
import type { Trace } from "../../../testing/toy-court.ts";
import { EVIDENCE } from "../support/protocol.ts";
import {
  claimTerms,
  commitmentOf,
  deployQuorum,
  HONEST,
  networkHelpers,
  openQuorum,
  type Opened,
  OTHER,
  proveFraud,
  rootOf,
  saltOf,
  SEAT,
  showTrace,
  STATUS,
  WRONG,
} from "../support/quorum.ts";

const { time, mine, loadFixture } = networkHelpers;

/** Histories, and moves of each. */
const HISTORIES = 4;
const MOVES = 150;
const deployed = () => deployQuorum();
const DAY = 86_400;

interface Played extends Opened {
  /** What each seat has committed to. */
  readonly says: Map<number, Trace>;
}

describe("histories of quorums", () => {
  it("owe exactly what the contract holds, and end with every unit paid out and every lock free", async () => {
    const done = new Map<string, number>();
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const random = createRandom(seed);
      const stage = await loadFixture(deployed);
      const { quorums, judge, token, staking, operators, requester, royaltee, sink, accuser } = stage;
      const everybody = [...operators, requester, royaltee, sink, accuser];
      const games: Played[] = [];

      const expectSolvent = async (): Promise<void> => {
        let owed = 0n;
        for (const account of everybody) owed += await quorums.creditOf(account);
        for (const { id, request } of games) {
          const { status } = await quorums.quorumOf(id);
          if (status < STATUS.final) owed += BigInt(request.fee) * BigInt(request.seats);
        }
        expect(await token.balanceOf(quorums)).to.equal(owed);
        expect(await token.balanceOf(staking)).to.be.at.least(await staking.totalHeld());
      };
      /** A move; one that the contracts refuse changes nothing. */
      const attempt = async (name: string, move: () => Promise<unknown> | undefined): Promise<void> => {
        try {
          await move();
          done.set(name, (done.get(name) ?? 0) + 1);
        } catch (error) {
          const text = error instanceof Error ? error.message : "";
          if (!/reverted with custom error/.test(text)) throw error;
        }
      };
      const operatorAt = async (game: Played, seat: number) => {
        const { operator } = await quorums.seatOf(game.id, seat);
        return operators.find(({ address }) => address === operator);
      };
      const moves: Readonly<Record<string, (game: Played, seat: number) => Promise<unknown>>> = {
        draw: async ({ request }) => {
          await mine(3);
          await quorums.draw(request);
        },
        commit: async (game, seat) => {
          const operator = await operatorAt(game, seat);
          if (operator === undefined) return;
          const trace = random.pick([HONEST, HONEST, HONEST, HONEST, WRONG, OTHER]);
          const commitment = await commitmentOf(stage, game.id, operator.address, saltOf(seat), rootOf(trace));
          await quorums.connect(operator).commit(game.request, seat, commitment);
          game.says.set(seat, trace);
        },
        reveal: async (game, seat) => {
          const [operator, trace] = [await operatorAt(game, seat), game.says.get(seat)];
          if (operator === undefined || trace === undefined) return;
          await quorums.connect(operator).reveal(game.request, seat, rootOf(trace), saltOf(seat), EVIDENCE);
        },
        close: ({ request }) => quorums.close(request),
        settle: ({ request }) => quorums.settle(request),
        refund: ({ request }) => quorums.refund(request),
        challenge: async (game, seat) => {
          const seatId = game.id.slice(0, -2) + seat.toString(16).padStart(2, "0");
          await judge.connect(accuser).challenge(quorums, seatId, await quorums.claimIdFor(game.id, seat));
        },
        show: async (game, seat) => {
          const trace = game.says.get(seat);
          if (trace !== undefined) await showTrace(stage, game, seat, trace);
        },
        convict: async (game, seat) => {
          const claimId = await quorums.claimIdFor(game.id, seat);
          await judge.convictWithoutTrace(claimId, claimTerms(game.request, seat));
        },
        prove: async (game, seat) => {
          const trace = game.says.get(seat);
          if (trace === undefined || trace === HONEST) return;
          await proveFraud(stage, game, seat, accuser, trace);
        },
        uphold: async (game, seat) => judge.resolve(await quorums.claimIdFor(game.id, seat)),
        withdraw: () => quorums.withdraw(random.pick(everybody)),
        wait: () => time.increase(random.pick([100, 601, 3_601, 3_601, DAY, 4 * DAY])),
      };
      const any = Object.keys(moves);
      const fitting = new Map<bigint, readonly string[]>([
        [STATUS.open, ["draw", "draw", "draw", "refund"]],
        [STATUS.seated, ["commit", "commit", "commit", "commit", "commit", "close"]],
        [STATUS.revealing, ["reveal", "reveal", "reveal", "reveal", "close"]],
        [
          STATUS.answered,
          [...Array.from({ length: 10 }, () => "show"), "challenge", "convict", "prove", "uphold", "settle", "wait"],
        ],
      ]);
      /** Mostly what fits where the quorum stands. */
      const chosen = async ({ id }: Played): Promise<string> =>
        random.pick(random.chance(0.08) ? any : (fitting.get((await quorums.quorumOf(id)).status) ?? any));

      for (let i = 0; i < MOVES; i++) {
        if (games.length < 4 && random.chance(0.2)) {
          const seats = random.between(2, 5);
          const terms = { seats, threshold: random.between(1, seats), valueAtRisk: parseEther("10") };
          await attempt("open", async () => games.push({ ...(await openQuorum(stage, terms)), says: new Map() }));
        } else if (games.length > 0) {
          const game = random.pick(games);
          const name = await chosen(game);
          await attempt(
            name,
            () => (moves[name] ?? moves.wait)?.(game, random.below(Number(game.request.seats))) ?? Promise.resolve(),
          );
        }
        if (i % 5 === 0) await expectSolvent();
      }
      await expectSolvent();

      // Everything has an exit by time that anybody can take.
      for (const game of games) {
        const { id, request } = game;
        for (let turn = 0; turn < 4; turn++) {
          // Verdicts first, where there can be some.
          if ((await quorums.quorumOf(id)).status === STATUS.answered) {
            for (let seat = 0; seat < 5; seat++)
              if (random.chance(0.6)) await attempt("show", () => moves.show?.(game, seat));
            await time.increase(2 * DAY);
            for (const name of ["convict", "uphold"]) {
              for (let seat = 0; seat < 5; seat++) await attempt(name, () => moves[name]?.(game, seat));
            }
            await expectSolvent();
          }
          const { status } = await quorums.quorumOf(id);
          if (status >= STATUS.final) break;
          await time.increase(40 * DAY);
          const exit = status === STATUS.open ? "refund" : status === STATUS.answered ? "settle" : "close";
          await quorums[exit](request);
          done.set(exit, (done.get(exit) ?? 0) + 1);
        }
        expect((await quorums.quorumOf(id)).status).to.be.at.least(STATUS.final);
        for (let seat = 0; seat < 5; seat++) {
          expect((await quorums.seatOf(id, seat)).status).to.not.equal(SEAT.challenged);
        }
      }
      for (const account of everybody) if ((await quorums.creditOf(account)) > 0n) await quorums.withdraw(account);
      expect(await token.balanceOf(quorums)).to.equal(0n);
      for (const operator of operators) {
        const { locked, open } = await staking.operatorOf(operator);
        expect([locked, open]).to.deep.equal([0n, 0n]);
      }
    }
    // The histories went everywhere.
    for (const name of ["open", "draw", "commit", "reveal", "close", "settle", "refund", "show", "convict", "prove"]) {
      expect(done.get(name) ?? 0, name).to.be.greaterThan(0);
    }
  });
});
