import { expect } from "chai";
import { id, parseEther, ZeroHash } from "ethers";

import { encodeTerms } from "../../../services/chain/calldata.ts";
import {
  connection,
  ENDED,
  ethers,
  FEE,
  joinedProtocol,
  networkHelpers,
  openAssigned,
  STATUS,
} from "../support/market.ts";
import {
  DATA_BOND,
  EVIDENCE,
  filled,
  manifestOf,
  metadataOf,
  nextEpoch,
  OPEN_TERMS,
  type Opened,
  type Protocol,
  STAKING,
  useFixture,
  WINDOW,
} from "../support/protocol.ts";
import * as tree from "../support/tree.ts";

const { time } = networkHelpers;

const LENGTH = 40_000;
const [INPUT, OUTPUT] = [0, 1];
const [INPUT_SECONDS, OUTPUT_SECONDS] = [3_600, 12 * 3_600];
/** A tensor of 40,000 bytes: chunks of 32 and of 8 leaves. */
const tensorOf = (value: number) => {
  const data = filled(LENGTH, value);
  const roots = [tree.rootOf(4, LENGTH, data)];
  return {
    roots,
    root: tree.leafHash(roots[0] ?? ""),
    chunks: [tree.segmentOf(data, 0, 32), tree.segmentOf(data, 32, 8)],
  };
};
const [GIVEN, ANSWERED, OTHER] = [tensorOf(9), tensorOf(8), tensorOf(7)];

/** A market with a version whose input and output are both too large for calldata; alice alone answers it. */
async function largeProtocol() {
  const protocol = await joinedProtocol();
  const registry = protocol.registry.connect(protocol.publisher);
  const tensors = [{ dtype: 4, length: LENGTH }];
  const manifest = manifestOf({ inputs: tensors, outputs: tensors });
  const version = await registry.versionIdFor(protocol.publisher, manifest, metadataOf());
  await registry.publish(manifest, metadataOf());
  await protocol.pools.connect(protocol.alice).optIn(version, OPEN_TERMS);
  await nextEpoch(connection);
  return { ...protocol, version };
}

describe("DataAvailability", () => {
  const protocol = useFixture(connection, largeProtocol);
  const assigned = (inputRoot = GIVEN.root) =>
    openAssigned(protocol, { versionId: protocol.version, inputs: "0x", inputRoot, inputUri: "ipfs://input" });
  const claimed = async (inputRoot = GIVEN.root, outputRoot = ANSWERED.root) => {
    const made = await assigned(inputRoot);
    await protocol.market.connect(protocol.alice).claim(made.request, "0x", outputRoot, "ipfs://output", EVIDENCE);
    return { ...made, claimId: (await protocol.market.claimOf(made.id)).claimId };
  };
  const dataOf = (made: Pick<Opened, "id">, kind = INPUT, root = kind === INPUT ? GIVEN.root : ANSWERED.root) => ({
    ...{ source: protocol.market, id: made.id, versionId: protocol.version, root, kind },
  });
  const demand = (made: Pick<Opened, "request">, by: Protocol["alice"], kind = INPUT, chunks = [0]) =>
    protocol.availability.connect(by).demand(protocol.market, encodeTerms(made.request), kind, chunks);
  const show = (made: Pick<Opened, "id">, by: Protocol["alice"], chunk = 0, kind = INPUT) => {
    const { roots, chunks } = kind === INPUT ? GIVEN : ANSWERED;
    const segment = chunks[chunk];
    if (segment === undefined) throw new RangeError(`no chunk ${chunk}`);
    return protocol.availability.connect(by).show(dataOf(made, kind), chunk, roots, segment);
  };
  const settle = (made: Pick<Opened, "id" | "request">, chunk = 0, data = dataOf(made)) =>
    protocol.availability.connect(protocol.stranger).settle(data, chunk, encodeTerms(made.request));
  const statusOf = async ({ id: requestId }: Pick<Opened, "id">) => (await protocol.market.stateOf(requestId)).status;

  describe("demand", () => {
    describe("given an assigned request", () => {
      it("is its operator's, with all chunks at once, and puts off the claim", async () => {
        const made = await assigned();
        const at = (await time.latest()) + 10;
        await time.setNextBlockTimestamp(at);
        const move = demand(made, protocol.alice, INPUT, [0, 1]);
        await expect(move).to.changeTokenBalances(
          ethers,
          protocol.token,
          [protocol.alice, protocol.availability],
          [-2n * DATA_BOND, 2n * DATA_BOND],
        );
        for (const chunk of [0, 1]) {
          await expect(move)
            .to.emit(protocol.availability, "DataDemanded")
            .withArgs(protocol.market, made.id, protocol.alice, INPUT, GIVEN.root, chunk, at + INPUT_SECONDS);
        }
        const claimBy = at + INPUT_SECONDS + 600;
        await expect(move).to.emit(protocol.market, "ClaimPostponed").withArgs(made.id, claimBy);
        expect((await protocol.market.stateOf(made.id)).deadline).to.equal(claimBy);
        expect(await statusOf(made)).to.equal(STATUS.assigned);
        expect(await protocol.availability.openDemands(protocol.market, made.id)).to.equal(2n);
        await expect(demand(made, protocol.alice, INPUT, [1]))
          .to.be.revertedWithCustomError(protocol.market, "MarketDemandedBefore")
          .withArgs(made.id);
      });

      it("is its agent's too, and nobody else's", async () => {
        const made = await assigned();
        await expect(demand(made, protocol.bob))
          .to.be.revertedWithCustomError(protocol.market, "MarketNotOperator")
          .withArgs(protocol.bob, protocol.alice);
        await protocol.staking.connect(protocol.alice).setAgent(protocol.bob);
        await demand(made, protocol.bob);
      });

      it("is of the input, not of an output that nobody claimed", async () => {
        const made = await assigned();
        await expect(demand(made, protocol.alice, OUTPUT))
          .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
          .withArgs(made.id, STATUS.assigned);
      });
    });

    describe("given a claim that can be challenged", () => {
      it("is anybody's, in a dispute as well, and does not move the window", async () => {
        const made = await claimed();
        const { deadline } = await protocol.market.stateOf(made.id);
        await demand(made, protocol.bob, INPUT, [0]);
        await protocol.market.connect(protocol.court).markChallenged(made.id, made.claimId);
        await demand(made, protocol.carol, INPUT, [1]);
        expect((await protocol.market.stateOf(made.id)).deadline).to.equal(deadline);
      });

      it("skips chunks that were demanded before and takes the bond of the others", async () => {
        const made = await claimed();
        await demand(made, protocol.bob, INPUT, [1]);
        await expect(demand(made, protocol.carol, INPUT, [0, 1, 0])).to.changeTokenBalance(
          ethers,
          protocol.token,
          protocol.carol,
          -DATA_BOND,
        );
        for (const chunks of [[0, 1], []]) {
          await expect(demand(made, protocol.carol, INPUT, chunks)).to.be.revertedWithCustomError(
            protocol.availability,
            "DataNothingNew",
          );
        }
      });

      it("reverts for a chunk that does not exist", async () => {
        const made = await claimed();
        await expect(demand(made, protocol.bob, OUTPUT, [2]))
          .to.be.revertedWithCustomError(protocol.availability, "DataChunkOutside")
          .withArgs(2, 2);
      });

      it("takes the bond from credit where that covers it", async () => {
        const made = await claimed();
        await protocol.availability.connect(protocol.bob).deposit(protocol.bob, DATA_BOND);
        await expect(demand(made, protocol.bob)).to.changeTokenBalance(ethers, protocol.token, protocol.bob, 0n);
        expect(await protocol.availability.creditOf(protocol.bob)).to.equal(0n);
      });
    });

    it("reverts when the window is over", async () => {
      const made = await claimed();
      const { deadline } = await protocol.market.stateOf(made.id);
      await time.setNextBlockTimestamp(deadline);
      await expect(demand(made, protocol.bob))
        .to.be.revertedWithCustomError(protocol.market, "MarketDeadlinePassed")
        .withArgs(deadline, deadline);
    });

    it("reverts for data that stood in calldata", async () => {
      const small = await openAssigned(protocol);
      const { operator } = await protocol.market.stateOf(small.id);
      await protocol.staking.connect(await ethers.getSigner(operator)).setAgent(protocol.bob);
      await expect(demand(small, protocol.bob))
        .to.be.revertedWithCustomError(protocol.market, "MarketDataPublic")
        .withArgs(small.id, INPUT);
      const answer = filled(40, 1);
      const signer = await ethers.getSigner(operator);
      await protocol.market
        .connect(signer)
        .claim(small.request, answer, tree.leafHash(tree.rootOf(0, 10, answer)), "", EVIDENCE);
      await expect(demand(small, protocol.bob, OUTPUT))
        .to.be.revertedWithCustomError(protocol.market, "MarketDataPublic")
        .withArgs(small.id, OUTPUT);
    });

    it("reverts while the market is paused, and for a request that it does not know", async () => {
      const made = await claimed();
      const unknown = { ...made.request, requester: protocol.stranger.address };
      await expect(demand({ request: unknown }, protocol.bob)).to.revert(ethers);
      const reader = await ethers.getContractAt("EncodedRequestHarness", protocol.market);
      await expect(protocol.availability.connect(protocol.bob).demand(protocol.market, "0x", INPUT, [0]))
        .to.be.revertedWithCustomError(reader, "EncodedRequestLength")
        .withArgs(0, 512);
      await protocol.market.pause();
      await expect(demand(made, protocol.bob)).to.be.revertedWithCustomError(protocol.market, "PauseActive");
    });

    it("is noted by the market for this contract alone", async () => {
      const made = await claimed();
      await expect(protocol.market.connect(protocol.bob).noteDemand(encodeTerms(made.request), INPUT, protocol.bob, 0))
        .to.be.revertedWithCustomError(protocol.market, "MarketNotAvailability")
        .withArgs(protocol.bob, protocol.availability);
      await expect(
        protocol.market.connect(protocol.bob).noteWithheld(encodeTerms(made.request), dataOf(made), protocol.bob),
      )
        .to.be.revertedWithCustomError(protocol.market, "MarketNotAvailability")
        .withArgs(protocol.bob, protocol.availability);
    });
  });

  describe("show", () => {
    it("pays the bond to whoever brings the chunk, once, and lets the request go on", async () => {
      const made = await assigned();
      await demand(made, protocol.alice, INPUT, [0, 1]);
      const move = show(made, protocol.stranger, 0);
      await expect(move)
        .to.emit(protocol.availability, "DataShown")
        .withArgs(protocol.market, made.id, INPUT, 0, Object.values(GIVEN.chunks[0] ?? {}));
      expect(await protocol.availability.creditOf(protocol.stranger)).to.equal(DATA_BOND);
      await expect(show(made, protocol.bob, 0)).to.be.revertedWithCustomError(protocol.availability, "DataShownBefore");
      await show(made, protocol.bob, 1);
      expect(await protocol.availability.openDemands(protocol.market, made.id)).to.equal(0n);
      await expect(protocol.availability.withdraw(protocol.stranger)).to.changeTokenBalance(
        ethers,
        protocol.token,
        protocol.stranger,
        DATA_BOND,
      );
      await protocol.market.connect(protocol.alice).claim(made.request, "0x", ANSWERED.root, "ipfs://output", EVIDENCE);
      await time.increase(WINDOW);
      await protocol.market.finalise(made.request, "0x");
    });

    it("reverts for other data, other roots, a chunk that nobody demanded, and when it is late", async () => {
      const made = await claimed();
      await demand(made, protocol.bob);
      const { availability, registry } = protocol;
      const [first, second] = GIVEN.chunks;
      const [foreign] = OTHER.chunks;
      if (first === undefined || second === undefined || foreign === undefined) throw new Error("no chunks");
      await expect(availability.show(dataOf(made), 0, [id("x")], first))
        .to.be.revertedWithCustomError(registry, "RegistryTensorRootMismatch")
        .withArgs(GIVEN.roots[0], id("x"));
      await expect(availability.show(dataOf(made), 0, OTHER.roots, foreign))
        .to.be.revertedWithCustomError(availability, "DataRootMismatch")
        .withArgs(OTHER.root, GIVEN.root);
      for (const [data, chunk, segment] of [
        [dataOf(made), 1, second],
        [dataOf(made, OUTPUT), 0, first],
        [dataOf(made, INPUT, OTHER.root), 0, foreign],
        [{ ...dataOf(made), id: id("another") }, 0, first],
        [{ ...dataOf(made), source: protocol.bob }, 0, first],
      ] as const) {
        await expect(availability.show(data, chunk, GIVEN.roots, segment)).to.be.revertedWithCustomError(
          availability,
          "DataDemandUnknown",
        );
      }
      const until = (await time.latest()) + INPUT_SECONDS;
      await time.setNextBlockTimestamp(until + 1);
      await expect(show(made, protocol.stranger)).to.be.revertedWithCustomError(availability, "DataTooLate");
    });

    it("is in time at the last second, and a pause gives the time that it takes", async () => {
      const made = await claimed();
      await demand(made, protocol.bob);
      await protocol.market.pause();
      await time.increase(3 * 86_400);
      const left = INPUT_SECONDS - 2;
      await time.increase(left);
      await show(made, protocol.stranger);
    });
  });

  describe("reclaim", () => {
    it("returns the bond of a demand that nobody answered, once, when its time is over", async () => {
      const made = await claimed();
      const { availability } = protocol;
      await demand(made, protocol.bob);
      await expect(availability.reclaim(dataOf(made), 0)).to.be.revertedWithCustomError(availability, "DataTooEarly");
      await time.increase(INPUT_SECONDS + 1);
      await availability.connect(protocol.stranger).reclaim(dataOf(made), 0);
      expect([await availability.creditOf(protocol.bob), await availability.isReturned(dataOf(made), 0)]).to.deep.equal(
        [DATA_BOND, true],
      );
      await expect(availability.reclaim(dataOf(made), 0)).to.be.revertedWithCustomError(
        availability,
        "DataBondReturned",
      );
      // The demand still counts.
      expect(await availability.openDemands(protocol.market, made.id)).to.equal(1n);
      await settle(made, 0, dataOf(made));
    });

    it("is not for a demand that was answered, or that nobody made", async () => {
      const made = await claimed();
      const { availability } = protocol;
      await demand(made, protocol.bob);
      await show(made, protocol.stranger);
      await time.increase(INPUT_SECONDS + 1);
      await expect(availability.reclaim(dataOf(made), 0)).to.be.revertedWithCustomError(
        availability,
        "DataShownBefore",
      );
      await expect(availability.reclaim(dataOf(made), 1)).to.be.revertedWithCustomError(
        availability,
        "DataDemandUnknown",
      );
      await expect(settle(made, 0)).to.be.revertedWithCustomError(availability, "DataShownBefore");
      await expect(settle(made, 1)).to.be.revertedWithCustomError(availability, "DataDemandUnknown");
    });
  });

  describe("an input that nobody has", () => {
    const NOBODYS = id("a root without a preimage");
    const nobodys = (made: Pick<Opened, "id">) => dataOf(made, INPUT, NOBODYS);

    it("never becomes final when one watcher demands it: cancelled, the demander paid, no answer paid", async () => {
      const made = await claimed(NOBODYS);
      const { market, availability } = protocol;
      await time.increase(WINDOW - 60);
      await demand(made, protocol.bob);
      await time.increase(120);
      await expect(market.finalise(made.request, "0x"))
        .to.be.revertedWithCustomError(market, "MarketDemandsOpen")
        .withArgs(made.id, 1n);
      await expect(settle(made, 0, nobodys(made))).to.be.revertedWithCustomError(availability, "DataTooEarly");
      await time.increase(INPUT_SECONDS);
      await expect(market.finalise(made.request, "0x")).to.be.revertedWithCustomError(market, "MarketDemandsOpen");
      await expect(settle(made, 0, nobodys(made)))
        .to.emit(market, "RequestSettled")
        .withArgs(made.id, ENDED.cancelled);
      await availability.reclaim(nobodys(made), 0);
      expect(await market.creditOf(protocol.alice)).to.equal(0n);
      expect(await market.creditOf(protocol.bob)).to.equal(FEE / 10n);
      expect(await market.creditOf(protocol.requester)).to.equal((9n * FEE) / 10n);
      expect(await market.compensationOf(made.id)).to.equal(FEE / 10n);
      expect(await availability.creditOf(protocol.bob)).to.equal(DATA_BOND);
      const { stake, locked } = await protocol.staking.operatorOf(protocol.alice);
      expect([stake, locked]).to.deep.equal([STAKING.minimumStake, 0n]);
    });

    it("before the claim, compensates the operator and cannot be held against it", async () => {
      const made = await assigned(NOBODYS);
      const { market } = protocol;
      await demand(made, protocol.alice);
      const { deadline } = await market.stateOf(made.id);
      await time.increaseTo(deadline + 1n);
      await expect(market.timeOut(made.request))
        .to.be.revertedWithCustomError(market, "MarketDemandsOpen")
        .withArgs(made.id, 1n);
      await settle(made, 0, nobodys(made));
      expect(await market.creditOf(protocol.alice)).to.equal(parseEther("1"));
      expect(await market.creditOf(protocol.requester)).to.equal(parseEther("9"));
    });

    it("does not save an operator from a verdict: in a dispute the request stays", async () => {
      const made = await claimed(NOBODYS);
      const { market } = protocol;
      await demand(made, protocol.bob);
      await market.connect(protocol.court).markChallenged(made.id, made.claimId);
      await time.increase(INPUT_SECONDS + 1);
      await expect(settle(made, 0, nobodys(made)))
        .to.be.revertedWithCustomError(market, "MarketStatusForbids")
        .withArgs(made.id, STATUS.challenged);
      await market.connect(protocol.court).upheld(made.id, made.claimId);
      await settle(made, 0, nobodys(made));
      expect(await statusOf(made)).to.equal(ENDED.cancelled);
    });
  });

  describe("an operator that times out after its demand was answered", () => {
    it("is punished, and the next operator may demand again", async () => {
      const made = await assigned();
      await demand(made, protocol.alice);
      await show(made, protocol.stranger);
      await time.increaseTo((await protocol.market.stateOf(made.id)).deadline + 1n);
      await expect(protocol.market.timeOut(made.request)).to.emit(protocol.staking, "Slashed");
    });
  });

  describe("an output that is committed by its root", () => {
    it("convicts when nobody shows it in time, as an unanswered challenge does", async () => {
      const made = await claimed();
      const { market, staking, availability } = protocol;
      await demand(made, protocol.bob, OUTPUT, [0, 1]);
      await show(made, protocol.alice, 0, OUTPUT);
      await time.increase(OUTPUT_SECONDS + 2);
      const data = dataOf(made, OUTPUT);
      await expect(settle(made, 0, data)).to.be.revertedWithCustomError(availability, "DataShownBefore");
      const another = await claimed();
      await expect(settle(another, 1, data))
        .to.be.revertedWithCustomError(market, "MarketRequestUnknown")
        .withArgs(another.id);
      const move = settle(made, 1, data);
      await expect(move).to.emit(market, "ClaimConvicted").withArgs(made.id, made.claimId, protocol.bob);
      await expect(move).to.emit(staking, "Tombstoned").withArgs(protocol.alice);
      expect(await staking.creditOf(protocol.bob)).to.be.greaterThan(0n);
      expect(await market.creditOf(protocol.requester)).to.equal(FEE);
      await availability.reclaim(dataOf(made, OUTPUT), 1);
      expect(await availability.creditOf(protocol.bob)).to.equal(DATA_BOND);
      await expect(settle(made, 1, data))
        .to.be.revertedWithCustomError(market, "MarketStatusForbids")
        .withArgs(made.id, ENDED.convicted);
    });

    it("that the operator shows pays it the bond, and the claim becomes final", async () => {
      const made = await claimed();
      await demand(made, protocol.bob, OUTPUT, [0, 1]);
      for (const chunk of [0, 1]) await show(made, protocol.alice, chunk, OUTPUT);
      expect(await protocol.availability.creditOf(protocol.alice)).to.equal(2n * DATA_BOND);
      await time.increase(WINDOW);
      await protocol.market.finalise(made.request, "0x");
    });
  });

  describe("withdraw", () => {
    it("reverts for an account without credit, and leaves nothing behind", async () => {
      const { availability, token } = protocol;
      await expect(availability.withdraw(protocol.bob))
        .to.be.revertedWithCustomError(availability, "CreditZero")
        .withArgs(protocol.bob);
      const made = await claimed();
      await demand(made, protocol.bob);
      await show(made, protocol.stranger);
      await availability.withdraw(protocol.stranger);
      expect(await token.balanceOf(availability)).to.equal(0n);
      expect(await availability.openDemands(protocol.market, ZeroHash)).to.equal(0n);
    });
  });
});
