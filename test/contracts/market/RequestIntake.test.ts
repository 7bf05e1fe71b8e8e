import { anyValue } from "@nomicfoundation/hardhat-ethers-chai-matchers/withArgs";
import { expect } from "chai";
import { id, MaxUint256, parseEther, ZeroAddress, ZeroHash } from "ethers";

import { ANSWER_STAGE } from "../../../runner/protocol/enums.ts";
import { remember } from "../support/history.ts";
import {
  COLLATERAL,
  connection,
  ethers,
  FEE,
  networkHelpers,
  openAssigned,
  operatorOf,
  OUTCOME,
  STATUS,
  useProtocol,
} from "../support/market.ts";
import { permitOf } from "../support/permit.ts";
import {
  assign,
  DAY,
  deployProtocol,
  eventsOf,
  EVIDENCE,
  filled,
  manifestOf,
  MARKET,
  metadataOf,
  nextEpoch,
  open,
  OPEN_TERMS,
  type Opened,
  rootOfF32,
  STAKING,
  termsOf,
  WINDOW,
} from "../support/protocol.ts";
import * as tree from "../support/tree.ts";

const { time, mine } = networkHelpers;

describe("RequestIntake", () => {
  const protocol = useProtocol();

  const opened = (overrides: object = {}) => open(protocol, overrides);
  const assigned = (overrides: object = {}) => openAssigned(protocol, overrides);
  const statusOf = async ({ id: requestId }: Pick<Opened, "id">) =>
    Number((await protocol.market.stateOf(requestId)).status);

  describe("collateralFor", () => {
    it("is the least that makes a wrong answer lose more than value and fee, or the minimum", async () => {
      // Half of the wrong answers are convicted, and half of a slash comes back to whoever accuses and asks itself.
      const BPS = 10_000n;
      const returned = (await protocol.staking.ACCUSER_BPS()) + (await protocol.staking.HARMED_BPS());
      for (const [value, fee] of [
        [parseEther("300"), parseEther("20")],
        [parseEther("300") + 1n, parseEther("20")],
        [parseEther("25"), 1n],
      ] as const) {
        const collateral = await protocol.market.collateralFor(value, fee);
        const loses = (locked: bigint) =>
          locked * BigInt(MARKET.catchBps) * (BPS - returned) > (value + fee) * BPS * BPS;
        expect([loses(collateral), loses(collateral - 1n)]).to.deep.equal([true, false]);
      }
      expect(await protocol.market.collateralFor(0, 0)).to.equal(MARKET.minimumCollateral);
      expect(await protocol.market.collateralFor(parseEther("25") - 1n, 0)).to.equal(MARKET.minimumCollateral);
      const rare = await ethers.deployContract("InferenceMarket", [
        protocol.authority,
        protocol.registry,
        protocol.pools,
        protocol.attestation,
        protocol.randomness,
        protocol.availability,
        { ...MARKET, catchBps: 500 },
      ]);
      expect(await rare.collateralFor(parseEther("300"), parseEther("20"))).to.equal(parseEther("320") * 40n + 1n);
      expect(await rare.collateralFor(1n, 0)).to.equal(MARKET.minimumCollateral);
    });
  });

  describe("request", () => {
    describe("given an input in calldata", () => {
      it("escrows the fee and publishes request, input and draw", async () => {
        const made = await opened();
        expect(await protocol.token.balanceOf(protocol.market)).to.equal(FEE);
        const events = await eventsOf(protocol.market, made.transaction);
        expect(events.map(({ name }) => name)).to.deep.equal(["RequestOpened", "DrawCommitted"]);
        expect(events[0]?.args).to.deep.include({ requestId: made.id, inputs: filled(256, 1), inputUri: "" });
        expect(made.request).to.deep.include({
          requester: protocol.requester.address,
          nonce: 1n,
          versionId: protocol.versionId,
          inputRoot: rootOfF32(filled(256, 1)),
          fee: FEE,
          royalty: parseEther("1"),
          royaltyRecipient: protocol.royaltee.address,
          collateral: COLLATERAL,
          numericsVersion: 1n,
          inputInline: true,
          openUntil: BigInt(await time.latest()) + 600n,
        });
        expect(await protocol.market.idOf(made.request)).to.equal(made.id);
        expect(await statusOf(made)).to.equal(STATUS.open);
      });
      it("gives equal requests different ids", async () => {
        expect((await opened()).id).not.to.equal((await opened()).id);
      });
      it("refuses another number of bytes, a root beside the bytes, and a place beside them", async () => {
        for (const size of [255, 257, 8_192]) {
          await expect(opened({ inputs: filled(size, 1) }))
            .to.be.revertedWithCustomError(protocol.registry, "TensorListBytes")
            .withArgs(size, 256);
        }
        await expect(opened({ inputs: filled(8_193, 1) }))
          .to.be.revertedWithCustomError(protocol.market, "MarketInlineRule")
          .withArgs(8_193, 8_192);
        await expect(opened({ inputRoot: id("x") }))
          .to.be.revertedWithCustomError(protocol.market, "MarketRootMismatch")
          .withArgs(id("x"), ZeroHash);
        await expect(opened({ inputUri: "ipfs://x" }))
          .to.be.revertedWithCustomError(protocol.market, "MarketUriLength")
          .withArgs(8, 0);
      });
    });

    describe("given terms out of bounds", () => {
      const refuses = async (overrides: object, error: string, ...args: unknown[]) => {
        await expect(opened(overrides))
          .to.be.revertedWithCustomError(protocol.market, error)
          .withArgs(...args);
      };
      it("refuses a fee below the price of the locked collateral, which grows with its time", async () => {
        // 20 basis points a day for 600 s of claim time and a day of window, rounded up; the least collateral.
        const least = MARKET.minimumCollateral;
        const minimum = parseEther("1") + (least * 20n * 87_000n) / (10_000n * 86_400n) + 1n;
        expect(await protocol.market.minimumFeeFor(least, 87_000)).to.equal(minimum);
        const small = { fee: minimum, valueAtRisk: parseEther("20"), windowSeconds: DAY };
        await refuses({ ...small, fee: minimum - 1n }, "MarketFeeTooLow", minimum - 1n, minimum);
        await opened(small);
        await refuses(
          { ...small, windowSeconds: DAY + 60 },
          "MarketFeeTooLow",
          minimum,
          await protocol.market.minimumFeeFor(least, 87_060),
        );
        // A day is charged at least: short locks, one after the other, would turn draws away for little.
        expect(await protocol.market.minimumFeeFor(least, 120)).to.equal(parseEther("1") + (least * 20n) / 10_000n);
      });
      it("takes the shortest times, and the most gas for a callback", async () => {
        await opened({ openSeconds: 60, claimSeconds: 60, windowSeconds: 60 });
        await opened({ callback: protocol.alice.address, callbackGas: 1_000_000 });
      });
      it("refuses times that are too short or too long", async () => {
        for (const name of ["openSeconds", "claimSeconds"]) {
          await refuses({ [name]: 59 }, "MarketSecondsOutOfRange", 59, 60, DAY);
          await refuses({ [name]: DAY + 1 }, "MarketSecondsOutOfRange", DAY + 1, 60, DAY);
        }
        await refuses({ windowSeconds: 7 * DAY + 1 }, "MarketSecondsOutOfRange", 7 * DAY + 1, 0, 7 * DAY);
      });
      it("refuses a window too short for its policy, so that no operator is trapped", async () => {
        await expect(opened({ windowSeconds: 59 }))
          .to.be.revertedWithCustomError(protocol.optimistic, "EvidenceTermsRefused")
          .withArgs(protocol.versionId, 59);
      });
      it("refuses a policy that cannot be met", async () => {
        await expect(opened({ policy: ZeroHash }))
          .to.be.revertedWithCustomError(protocol.attestation, "AttestationPolicyMalformed")
          .withArgs(ZeroHash);
      });
      it("refuses a callback without gas, gas without a callback, and too much gas", async () => {
        await refuses({ callback: protocol.alice.address }, "MarketCallbackInvalid", protocol.alice.address, 0);
        await refuses({ callbackGas: 1 }, "MarketCallbackInvalid", ZeroAddress, 1);
        await refuses(
          { callback: protocol.alice.address, callbackGas: 1_000_001 },
          "MarketCallbackInvalid",
          protocol.alice.address,
          1_000_001,
        );
      });
      it("refuses a version with fewer holders than asked for", async () => {
        await refuses({ minimumHolders: 4 }, "MarketHoldersTooFew", 3, 4);
        await opened({ minimumHolders: 3 });
      });
      it("refuses a collateral that cannot be locked", async () => {
        const rare = await ethers.deployContract("InferenceMarket", [
          protocol.authority,
          protocol.registry,
          protocol.pools,
          protocol.attestation,
          protocol.randomness,
          protocol.availability,
          { ...MARKET, catchBps: 500 },
        ]);
        await rare.setCourt(protocol.court, protocol.desk);
        const most = 2n ** 96n - 1n;
        await expect(rare.request(termsOf(protocol, { valueAtRisk: most })))
          .to.be.revertedWithCustomError(rare, "MarketCollateralTooLarge")
          .withArgs((most + FEE) * 40n + 1n, most);
      });
      it("refuses versions that are unknown or withdrawn, takes deprecated ones", async () => {
        await expect(opened({ versionId: id("?") }))
          .to.be.revertedWithCustomError(protocol.registry, "RegistryVersionUnknown")
          .withArgs(id("?"));
        const registry = protocol.registry.connect(protocol.publisher);
        await registry.deprecate(protocol.versionId, "old");
        await opened();
        await registry.withdraw(protocol.versionId, "bad");
        await refuses({}, "MarketVersionUnusable", protocol.versionId);
      });
      it("refuses everything while there is no court", async () => {
        const lawless = await ethers.deployContract("InferenceMarket", [
          protocol.authority,
          protocol.registry,
          protocol.pools,
          protocol.attestation,
          protocol.randomness,
          protocol.availability,
          MARKET,
        ]);
        await expect(lawless.request(termsOf(protocol))).to.be.revertedWithCustomError(lawless, "MarketCourtMissing");
      });
    });

    describe("given a malicious token", () => {
      const hostile = async () => {
        const token = await ethers.deployContract("TokenMock");
        const other = await deployProtocol(connection, await token.getAddress());
        return { token, other };
      };
      it("refuses one that takes a fee", async () => {
        const { token, other } = await hostile();
        await token.setFee(100);
        await expect(open(other))
          .to.be.revertedWithCustomError(other.market, "CreditTokenMismatch")
          .withArgs(parseEther("9.9"), FEE);
      });
      it("refuses one that returns false", async () => {
        const { token, other } = await hostile();
        await token.setLying(true);
        await expect(open(other))
          .to.be.revertedWithCustomError(other.market, "SafeERC20FailedOperation")
          .withArgs(token);
      });
      it("refuses one that opens another request from inside the transfer", async () => {
        const { token, other } = await hostile();
        await token.mint(token, FEE);
        await token.execute(token, token.interface.encodeFunctionData("approve", [other.market.target, FEE]));
        await token.setHook(other.market, other.market.interface.encodeFunctionData("request", [termsOf(other)]));
        await expect(open(other))
          .to.be.revertedWithCustomError(other.market, "CreditTokenMismatch")
          .withArgs(2n * FEE, FEE);
      });
    });
  });

  describe("request of an account with credit", () => {
    it("takes the fee from the credit, and no tokens", async () => {
      const asRequester = protocol.market.connect(protocol.requester);
      await expect(asRequester.deposit(protocol.requester, 2n * FEE))
        .to.emit(protocol.market, "CreditDeposited")
        .withArgs(protocol.requester.address, protocol.requester.address, 2n * FEE);
      const before = await protocol.token.balanceOf(protocol.requester);
      await opened();
      expect(await protocol.market.creditOf(protocol.requester)).to.equal(FEE);
      await opened();
      expect(await protocol.market.creditOf(protocol.requester)).to.equal(0n);
      expect(await protocol.token.balanceOf(protocol.requester)).to.equal(before);
      await opened();
      expect(await protocol.token.balanceOf(protocol.requester)).to.equal(before - FEE);
    });
    it("takes the whole fee in tokens when the credit is too small", async () => {
      await protocol.market.connect(protocol.alice).deposit(protocol.requester, FEE - 1n);
      const before = await protocol.token.balanceOf(protocol.requester);
      await opened();
      expect(await protocol.market.creditOf(protocol.requester)).to.equal(FEE - 1n);
      expect(await protocol.token.balanceOf(protocol.requester)).to.equal(before - FEE);
    });
  });

  describe("requestWithPermit", () => {
    it("needs no allowance before, and survives a front-run permit", async () => {
      const { v, r, s } = await permitOf(connection, protocol, protocol.requester, protocol.market, FEE);
      const snapshot = await networkHelpers.takeSnapshot();
      const asRequester = protocol.market.connect(protocol.requester);
      await asRequester.requestWithPermit(termsOf(protocol), MaxUint256, v, r, s);
      await snapshot.restore();
      await protocol.token
        .connect(protocol.stranger)
        .permit(protocol.requester, protocol.market, FEE, MaxUint256, v, r, s);
      await asRequester.requestWithPermit(termsOf(protocol), MaxUint256, v, r, s);
    });
  });

  describe("assign", () => {
    it("locks the drawn operator's collateral, whoever calls", async () => {
      const made = await opened();
      await mine(3);
      const transaction = await protocol.market.connect(protocol.stranger).assign(made.request);
      const { operator, deadline } = await protocol.market.stateOf(made.id);
      expect([protocol.alice, protocol.bob, protocol.carol].map(({ address }) => address)).to.include(operator);
      await expect(transaction).to.emit(protocol.market, "RequestAssigned").withArgs(made.id, operator, deadline);
      expect(deadline).to.equal((await time.latest()) + 600);
      expect([...(await protocol.staking.lockOf(protocol.market, made.id))]).to.deep.equal([operator, COLLATERAL]);
    });
    it("refuses before the seed's block is mined", async () => {
      const made = await opened();
      const ticket = (await time.latestBlock()) + 2;
      await expect(protocol.market.assign(made.request))
        .to.be.revertedWithCustomError(protocol.market, "MarketSeedPending")
        .withArgs(ticket);
    });
    it("gives the same operator whenever it is called, also beyond 256 blocks", async () => {
      const made = await opened({ openSeconds: DAY });
      const ticket = (await time.latestBlock()) + 2;
      await mine(3);
      expect(await time.latestBlock()).to.equal(ticket + 1);
      const early = await protocol.market.assign.staticCall(made.request);
      await remember(connection, ticket);
      await mine(300, { interval: 1 });
      expect(await protocol.market.assign.staticCall(made.request)).to.equal(early);
    });
    it("refuses a request that was changed, is unknown or was assigned", async () => {
      const made = await assigned();
      const forged = { ...made.request, fee: FEE * 2n };
      await expect(protocol.market.assign(forged))
        .to.be.revertedWithCustomError(protocol.market, "MarketRequestUnknown")
        .withArgs(await protocol.market.idOf(forged));
      await expect(protocol.market.assign(made.request))
        .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
        .withArgs(made.id, STATUS.assigned);
    });
    it("refuses once the time to find an operator is over", async () => {
      const made = await opened();
      const { deadline } = await protocol.market.stateOf(made.id);
      await time.setNextBlockTimestamp(deadline);
      await expect(protocol.market.assign(made.request))
        .to.be.revertedWithCustomError(protocol.market, "MarketDeadlinePassed")
        .withArgs(deadline, deadline);
    });
    it("commits a new draw when nobody takes such a request, and finds who comes later", async () => {
      const made = await opened({ valueAtRisk: parseEther("480"), openSeconds: DAY });
      await mine(3);
      await expect(protocol.market.assign(made.request))
        .to.emit(protocol.market, "DrawEnded")
        .withArgs(made.id, OUTCOME.nobody, ZeroAddress);
      expect(await statusOf(made)).to.equal(STATUS.open);
      await protocol.staking.connect(protocol.bob).deposit(parseEther("1000"));
      await protocol.pools.weigh(protocol.bob, [protocol.versionId]);
      await nextEpoch(connection);
      // The draw that is committed still has the weights of the epoch before.
      await expect(protocol.market.assign(made.request)).to.emit(protocol.market, "DrawCommitted");
      await mine(3);
      for (let i = 0; i < 20 && (await statusOf(made)) === STATUS.open; i++) {
        await mine(3);
        await protocol.market.assign(made.request);
      }
      expect((await operatorOf(protocol, made)).address).to.equal(protocol.bob.address);
    });
    it("never draws who topped up or opted in after the request", async () => {
      const made = await opened({ valueAtRisk: parseEther("480") });
      await protocol.staking.connect(protocol.bob).deposit(parseEther("1000"));
      await protocol.pools.weigh(protocol.bob, [protocol.versionId]);
      await mine(3);
      expect(await protocol.market.assign.staticCall(made.request)).to.equal(ZeroAddress);
    });
    it("commits a new draw when the operator that was drawn is busy, instead of asking the next one", async () => {
      // Each of the three can hold one of these.
      const large = { valueAtRisk: parseEther("180"), fee: parseEther("20"), openSeconds: DAY };
      for (let i = 0; i < 3; i++) await assigned(large);
      const made = await opened(large);
      await mine(3);
      const transaction = await protocol.market.assign(made.request);
      await expect(transaction).to.emit(protocol.market, "DrawEnded").withArgs(made.id, OUTCOME.busy, anyValue);
      await expect(transaction).to.emit(protocol.market, "DrawCommitted");
      expect(await statusOf(made)).to.equal(STATUS.open);
    });
    it("penalises who unbonded after the commitment, and commits a new draw", async () => {
      const made = await opened({ valueAtRisk: parseEther("180"), fee: parseEther("20") });
      for (const operator of [protocol.alice, protocol.bob, protocol.carol]) {
        await protocol.staking.connect(operator).unbond(STAKING.minimumStake);
      }
      await mine(3);
      await expect(protocol.market.assign(made.request))
        .to.emit(protocol.market, "DrawEnded")
        .withArgs(made.id, OUTCOME.missed, anyValue);
    });
    it("commits a new draw when the seed or the weights of its epoch are kept no more", async () => {
      const old = await opened({ openSeconds: DAY });
      await nextEpoch(connection);
      await mine(3);
      const snapshot = await networkHelpers.takeSnapshot();
      await expect(protocol.market.connect(protocol.stranger).assign(old.request)).to.emit(
        protocol.market,
        "RequestAssigned",
      );
      await snapshot.restore();
      await nextEpoch(connection);
      await expect(protocol.market.assign(old.request))
        .to.emit(protocol.market, "DrawCommitted")
        .withArgs(old.id, anyValue, await protocol.pools.epoch());
      expect(await statusOf(old)).to.equal(STATUS.open);

      const missed = await opened({ openSeconds: DAY });
      const epoch = await protocol.pools.epoch();
      // The local chain keeps no history of hashes: the seed's block is forgotten while the epoch's weights are kept.
      await mine(300, { interval: 1 });
      expect(await protocol.pools.epoch()).to.equal(epoch);
      await expect(protocol.market.assign(missed.request))
        .to.emit(protocol.market, "DrawCommitted")
        .withArgs(missed.id, anyValue, epoch);
      await assign(connection, protocol, missed);
      expect(await statusOf(missed)).to.equal(STATUS.assigned);
    });
  });

  describe("committed data", () => {
    const LENGTH = 40_000;
    const DATA = filled(LENGTH, 9);
    const roots = [tree.rootOf(4, LENGTH, DATA)];
    const inputRoot = tree.leafHash(roots[0] ?? "");
    let large: string;
    const committed = { inputs: "0x", inputRoot, inputUri: "ipfs://input" };

    beforeEach(async () => {
      const registry = protocol.registry.connect(protocol.publisher);
      const manifest = manifestOf({
        inputs: [{ dtype: 4, length: LENGTH }],
        outputs: [{ dtype: 4, length: LENGTH }],
      });
      large = await registry.versionIdFor(protocol.publisher, manifest, metadataOf());
      await registry.publish(manifest, metadataOf());
      await protocol.pools.connect(protocol.alice).optIn(large, OPEN_TERMS);
      await nextEpoch(connection);
    });
    const assignedLarge = () => assigned({ ...committed, versionId: large });
    const byAlice = () => protocol.market.connect(protocol.alice);

    it("is committed only beyond the limit, with a place, and as much as can be demanded", async () => {
      await expect(opened(committed))
        .to.be.revertedWithCustomError(protocol.market, "MarketInlineRule")
        .withArgs(256, 8_192);
      await expect(opened({ ...committed, versionId: large, inputRoot: ZeroHash }))
        .to.be.revertedWithCustomError(protocol.market, "MarketInlineRule")
        .withArgs(LENGTH, 8_192);
      await expect(opened({ ...committed, versionId: large, inputUri: "" }))
        .to.be.revertedWithCustomError(protocol.market, "MarketUriLength")
        .withArgs(0, 512);
      await expect(opened({ ...committed, versionId: large, inputUri: "x".repeat(513) }))
        .to.be.revertedWithCustomError(protocol.market, "MarketUriLength")
        .withArgs(513, 512);
      const registry = protocol.registry.connect(protocol.publisher);
      const published = async (chunks: number) => {
        const manifest = manifestOf({ inputs: [{ dtype: 4, length: chunks * 32_768 }] });
        await registry.publish(manifest, metadataOf());
        return registry.versionIdFor(protocol.publisher, manifest, metadataOf());
      };
      await expect(opened({ ...committed, versionId: await published(256) }))
        .to.be.revertedWithCustomError(protocol.market, "MarketInputTooLarge")
        .withArgs(256, 255);
      await opened({ ...committed, versionId: await published(255), inputUri: "x".repeat(512) });
    });

    it("is none of exactly the limit: input, claim and answer then stand in calldata", async () => {
      const limit = 8_192;
      const tensors = [{ dtype: 4, length: limit }];
      const manifest = manifestOf({ inputs: tensors, outputs: tensors });
      const versionId = await protocol.registry.versionIdFor(protocol.publisher, manifest, metadataOf());
      await protocol.registry.connect(protocol.publisher).publish(manifest, metadataOf());
      await protocol.pools.connect(protocol.alice).optIn(versionId, OPEN_TERMS);
      await nextEpoch(connection);
      await expect(opened({ ...committed, versionId }))
        .to.be.revertedWithCustomError(protocol.market, "MarketInlineRule")
        .withArgs(limit, limit);

      const data = filled(limit, 9);
      const root = tree.leafHash(tree.rootOf(4, limit, data));
      const callback = { callback: protocol.stranger.address, callbackGas: 50_000 };
      const made = await assigned({ versionId, inputs: data, ...callback });
      await expect(byAlice().claim(made.request, "0x", root, "ipfs://output", EVIDENCE))
        .to.be.revertedWithCustomError(protocol.market, "MarketInlineRule")
        .withArgs(limit, limit);
      await byAlice().claim(made.request, data, root, "", EVIDENCE);
      await time.increase(WINDOW);
      await expect(protocol.market.finalise(made.request, "0x"))
        .to.be.revertedWithCustomError(protocol.registry, "TensorListBytes")
        .withArgs(0, limit);
      await protocol.market.finalise(made.request, data);
    });

    describe("large outputs", () => {
      it("are claimed by root and place only", async () => {
        const made = await assignedLarge();
        for (const [root, uri] of [
          [ZeroHash, "ipfs://output"],
          [id("output"), ""],
        ] as const) {
          await expect(byAlice().claim(made.request, "0x", root, uri, EVIDENCE)).to.revert(ethers);
        }
        await byAlice().claim(made.request, "0x", id("output"), "ipfs://output", EVIDENCE);
        expect((await protocol.market.claimOf(made.id)).outputRoot).to.equal(id("output"));
      });
      it("reach a callback without their bytes", async () => {
        const mock = await ethers.deployContract("ConsumerMock");
        const callback = { callback: await mock.getAddress(), callbackGas: 100_000 };
        const made = await assigned({ ...committed, ...callback, versionId: large });
        const bytes = filled(LENGTH, 9);
        const root = tree.leafHash(tree.rootOf(4, LENGTH, bytes));
        await byAlice().claim(made.request, "0x", root, "ipfs://output", EVIDENCE);
        await time.increase(WINDOW);
        // Whoever finalises does not choose what the consumer hears.
        await expect(protocol.market.finalise(made.request, bytes))
          .to.be.revertedWithCustomError(protocol.market, "MarketInlineRule")
          .withArgs(LENGTH, 8_192);
        await protocol.market.finalise(made.request, "0x");
        expect([
          await mock.heard(ANSWER_STAGE.provisional),
          await mock.heard(ANSWER_STAGE.final),
          await mock.answer(),
        ]).to.deep.equal([1n, 1n, "0x"]);
      });
    });
  });
});
