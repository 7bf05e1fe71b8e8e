import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { parseEther, ZeroAddress } from "ethers";

import { OPTIMISTIC_MODE } from "../../ignition/modules/Assay.ts";
import { type Hash, keccak256, toHash } from "../../runner/commitment/keccak.ts";
import { tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTensor } from "../../runner/commitment/tensor.ts";
import { commitTrace } from "../../runner/commitment/trace.ts";
import { nextOperatorMove } from "../../runner/dispute/operator.ts";
import { AssayError } from "../../runner/errors.ts";
import { readInputs } from "../../runner/files/model.ts";
import { createFolderStore, type Store } from "../../runner/files/store.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import { DISPUTE_STATUS, REQUEST_STATUS } from "../../runner/protocol/enums.ts";
import { encodeTerms, mutable } from "../../services/chain/calldata.ts";
import { policyOf } from "../../services/chain/evidence.ts";
import { keepLooking } from "../../services/chain/loop.ts";
import type { ServiceContext } from "../../services/chain/context.ts";
import type { Signer } from "../../services/chain/connection.ts";
import { CHAIN_CLOCK } from "../../services/environment/clock.ts";
import { type Executor, localExecutor } from "../../services/models/executor.ts";
import { execute, type HostedModel, hostModel, joinTensors, type Run } from "../../services/models/models.ts";
import { openedIn } from "../../services/requester/ask.ts";
import { allow, fund } from "../../services/chain/funds.ts";
import { openWorkshop } from "../../services/work/workshop.ts";
import { type CourtStage, openStage, WINDOW_SECONDS } from "../../testing/court-stage.ts";
import { flipOneBit, forgeElement } from "../../testing/forgeries.ts";
import { f32 } from "../../testing/onnx-model.ts";
import { activations, hosted, softmaxModel } from "../../testing/wide-kernels.ts";

/* Attacks on services that once worked: each must leave every forgery convicted and no honest party harmed. */

interface Call {
  readonly method: string;
  readonly params?: unknown;
}

const { convicted: CONVICTED } = REQUEST_STATUS;
const SIDE = 100;

describe("Services under attack", () => {
  let folder: string;
  let model: HostedModel;
  let image: readonly Tensor[];
  let forged: Run;
  const servers: Server[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-attacks-"));
    model = await hostModel("models/digits/digits.int8.onnx?N=1");
    image = readInputs(model.model, "image", ["image=models/digits/images/digit-3.npy"]);
    forged = (await flipOneBit(model, await execute(model, joinTensors(image)))).run;
  });
  after(async () => {
    for (const server of servers) server.close().closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  });

  const storeAt = (name: string): Store => createFolderStore(join(folder, name));
  const tamper = (): Promise<Run> => Promise.resolve(forged);

  /** A server on the loopback. @returns What stands before a blob's id in its URLs. */
  const serve = async (listener: RequestListener): Promise<string> => {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return `http://127.0.0.1:${String(typeof address === "object" && address !== null ? address.port : 0)}/blobs/`;
  };

  /** Puts something between services and the chain's node. */
  const intercept = (
    { connection: { provider } }: CourtStage,
    answer: (call: Call, ask: (call: Call) => Promise<unknown>) => Promise<unknown>,
  ): void => {
    const ask = provider.request.bind(provider) as (call: Call) => Promise<unknown>;
    provider.request = (call: Call) => answer(call, ask);
  };

  const claimOf = async (stage: CourtStage, id: Hash) => {
    const { request, claim } = await stage.view(id);
    if (claim === undefined) throw new Error("there is no claim");
    return { request, claim };
  };

  const disputeStatus = async ({ suite }: CourtStage, claimId: Hash): Promise<bigint> =>
    (await suite.court.disputeOf(claimId)).status;

  /** Lets services act in turns until the request is settled. */
  const play = async (stage: CourtStage, id: Hash, ...services: { look: () => Promise<void> }[]): Promise<void> => {
    for (let round = 0; round < 40 && !(await stage.view(id)).settled; round++) {
      for (const service of services) await service.look();
      await stage.networkHelpers.mine();
    }
  };

  /** Publishes a version with a large input. @returns Calldata of a request for it whose inputUri is not UTF-8. */
  const poisonFrom = async ({ suite }: CourtStage, publisher: Signer): Promise<string> => {
    const registry = suite.registry.connect(publisher);
    const manifest = { ...mutable(model.commitment.manifest), inputs: [{ dtype: 0, length: 10_000 }] };
    const metadata = {
      fileHash: `0x${"11".repeat(32)}`,
      contentUri: "x",
      licence: "x",
      parents: [],
      royaltyBps: 0,
      royaltyRecipient: ZeroAddress,
    };
    const versionId = await registry.versionIdFor(publisher.address, manifest, metadata);
    await registry.publish(manifest, metadata);
    const terms = { versionId, inputs: "0x", inputRoot: `0x${"22".repeat(32)}`, inputUri: "\x7f", ...TERMS };
    return withBadByte(suite.market.interface.encodeFunctionData("request", [terms]));
  };

  describe("given a text on chain that is not UTF-8", () => {
    it("as the location of a forged trace, the forger is convicted", async () => {
      const stage = await openStage([model], storeAt("location"));
      const { suite, accounts } = stage;
      const [operator, watcher] = [stage.operator({ tamper }), stage.watcher()];
      const id = await stage.open(model, image);
      await operator.look();
      await operator.look();
      await watcher.look();
      const { request, claim } = await claimOf(stage, id);
      const commitment = await commitTrace(forged.trace);
      const defended = { outputKernels: model.model.program.outputs, trace: forged.trace, commitment };
      const move = nextOperatorMove(defended, stage.asking.ledger.dispute(claim.id), 0);
      if (move.kind !== "commitTrace") throw new Error(move.kind);
      const { traceRoot, outputRoots, outputSiblings } = mutable(move);
      const manifest = mutable(model.commitment.manifest);
      const args = [claim.id, encodeTerms(request), manifest, traceRoot, outputRoots, outputSiblings, "\x7f"] as const;
      const data = withBadByte(suite.court.interface.encodeFunctionData("commitTrace", [...args]));
      await accounts.operating.sendTransaction({ to: await suite.court.getAddress(), data });
      await play(stage, id, watcher, operator);
      expect(await stage.status(id)).to.equal(CONVICTED);
      expect(stage.events).to.deep.include({
        kind: "textUnusable",
        event: "court.TraceCommitted",
        field: "location",
        block: Number((await suite.court.queryFilter(suite.court.filters.TraceCommitted()))[0]?.blockNumber),
      });
    });

    /** Mines the poison and another transaction in one block, the poison first. */
    const inOneBlock = async (stage: CourtStage, poison: string, other: () => Promise<unknown>): Promise<void> => {
      const { connection, accounts, suite, networkHelpers } = stage;
      await connection.provider.request({ method: "evm_setAutomine", params: [false] });
      const to = await suite.market.getAddress();
      await accounts.requester.sendTransaction({ to, data: poison, ...OVERRIDES, gasPrice: 100n * GWEI });
      await other();
      await networkHelpers.mine();
      await connection.provider.request({ method: "evm_setAutomine", params: [true] });
    };

    it("before a forged claim in one block, the claim is convicted", async () => {
      const stage = await openStage([model], storeAt("claim"));
      const { suite, accounts } = stage;
      const [operator, watcher] = [stage.operator({ tamper }), stage.watcher()];
      const id = await stage.open(model, image);
      await operator.look();
      const poison = await poisonFrom(stage, accounts.stranger);
      await watcher.look();
      const { request } = await stage.view(id);
      const market = suite.market.connect(accounts.operating);
      await inOneBlock(stage, poison, () =>
        market.claim(request, joinTensors(forged.outputs), forged.outputRoot, "", ["0x"], {
          ...OVERRIDES,
          gasPrice: 50n * GWEI,
        }),
      );
      await claimOf(stage, id);
      await play(stage, id, watcher, operator, stage.watcher());
      expect(await stage.status(id)).to.equal(CONVICTED);
    });

    it("before a challenge in one block, the honest operator defends itself and keeps its stake", async () => {
      const stage = await openStage([model], storeAt("challenge"));
      const { suite, accounts } = stage;
      const operator = stage.operator();
      const id = await stage.open(model, image);
      await operator.look();
      await operator.look();
      const { claim } = await claimOf(stage, id);
      const poison = await poisonFrom(stage, accounts.stranger);
      const { stake } = await suite.staking.operatorOf(accounts.operating);
      const court = suite.court.connect(accounts.watching);
      await inOneBlock(stage, poison, () =>
        court.challenge(suite.market, id, claim.id, { ...OVERRIDES, gasPrice: 50n * GWEI }),
      );
      expect(await disputeStatus(stage, claim.id)).to.equal(DISPUTE_STATUS.challenged);
      await operator.look();
      expect(await disputeStatus(stage, claim.id)).to.equal(DISPUTE_STATUS.traceCommitted);
      await stage.advance(7 * 86_400);
      await operator.look();
      expect(await disputeStatus(stage, claim.id)).to.equal(DISPUTE_STATUS.upheld);
      expect((await suite.staking.operatorOf(accounts.operating)).stake).to.equal(stake);
    });

    it("before a reorganisation, the ledger keeps what is still on the chain", async () => {
      const stage = await openStage([model], storeAt("reorganised"));
      const { suite, accounts, connection, networkHelpers } = stage;
      const poison = await poisonFrom(stage, accounts.stranger);
      const { ledger } = stage.contextFor(accounts.watching);
      await accounts.requester.sendTransaction({ to: await suite.market.getAddress(), data: poison, ...OVERRIDES });
      for (let i = 0; i < 5; i++) await stage.open(model, image);
      await ledger.sync();
      expect(ledger.requests.size).to.equal(6);
      const before: unknown = await connection.provider.request({ method: "evm_snapshot" });
      await stage.open(model, image);
      await ledger.sync();
      expect(ledger.requests.size).to.equal(7);
      await connection.provider.request({ method: "evm_revert", params: [before] });
      await stage.advance(100);
      await networkHelpers.mine(9);
      expect(await ledger.sync()).to.equal(true);
      expect(ledger.requests.size).to.equal(6);
    });
  });

  describe("given a requester that takes its input away after the claim and challenges", () => {
    it("the honest operator defends itself from what it kept, also after a restart", async () => {
      const wide = await average();
      const input = activations(SIDE * SIDE, 1);
      const stage = await openStage([wide], storeAt("withdrawn"));
      const { suite, accounts } = stage;
      const bytes = Buffer.from(joinTensors([input]));
      let up = true;
      const prefix = await serve((_, response) => (up ? response.end(bytes) : response.writeHead(404).end()));
      const id = await askFor(stage, wide, [input], `${prefix}${toHash(keccak256(bytes))}`);
      const operator = stage.operator();
      await operator.look();
      await operator.look();
      const { claim } = await claimOf(stage, id);
      up = false;
      await suite.court.connect(accounts.watching).challenge(suite.market, id, claim.id);
      await stage.operator().look();
      expect(await disputeStatus(stage, claim.id)).to.equal(DISPUTE_STATUS.traceCommitted);
    });
  });

  const average = (): Promise<HostedModel> =>
    hosted(folder, "average", {
      inputs: { x: f32([1, 1, SIDE, SIDE]) },
      nodes: [
        { op: "GlobalAveragePool", in: ["x"], out: ["y"] },
        { op: "Add", in: ["y", "y"], out: ["z"] },
      ],
      outputs: ["z"],
    });

  /** Opens a request with an input at a location, and mines until its operator can be drawn. */
  const askFor = async (
    stage: CourtStage,
    wide: HostedModel,
    inputs: readonly Tensor[],
    inputUri: string,
    { valueAtRisk = parseEther("750"), asking = stage.asking }: { valueAtRisk?: bigint; asking?: ServiceContext } = {},
  ): Promise<Hash> => {
    await asking.ledger.sync();
    const versionId = asking.ledger.versionsOf(wide.commitment.commitment)[0] ?? "0x";
    const terms = { ...TERMS, versionId, inputs: "0x", inputRoot: tensorsRoot(inputs.map(commitTensor)), inputUri };
    const sent = await asking.suite.market.request({ ...terms, fee: parseEther("20"), valueAtRisk });
    const receipt = await sent.wait();
    if (receipt === null) throw new Error("no receipt");
    await stage.networkHelpers.mine(3);
    return openedIn(asking, receipt);
  };

  /** Draws until an operator is named. */
  const draw = async (stage: CourtStage, id: Hash): Promise<void> => {
    for (let draws = 0; draws < 40; draws++) {
      const { request, status } = await stage.view(id);
      if (status === "assigned") return;
      await stage.networkHelpers.mine(3);
      // A draw that ended without an operator is followed by another one, whose seed comes later.
      await stage.suite.market.assign(request).catch(() => undefined);
    }
  };

  describe("given more claims than one party has places for, whose inputs are on a server that says nothing", () => {
    it("a fraud behind them is challenged while they are still being fetched", async () => {
      const wide = await average();
      const stage = await openStage([wide], storeAt("tarpit"));
      const { suite, accounts } = stage;
      let silent = 0;
      const prefix = await serve(() => {
        silent++;
      });
      const zero = Buffer.alloc(4);
      const input = activations(SIDE * SIDE, 1);
      const market = suite.market.connect(accounts.operating);
      const attacker = stage.contextFor(accounts.stranger);
      await fund(attacker, parseEther("1000"));
      await allow(attacker, attacker.suite.market);
      for (let i = 1; i <= 3; i++) {
        const blob = `0x${i.toString(16).padStart(64, "0")}`;
        const id = await askFor(stage, wide, [activations(SIDE * SIDE, 100 + i)], `${prefix}${blob}`, {
          valueAtRisk: 1n,
          asking: attacker,
        });
        const { request } = await stage.view(id);
        await draw(stage, id);
        const root = await suite.registry.outputRootFor(request.versionId, zero);
        await market.claim(request, zero, root, "", ["0x"]);
      }
      const honest = await execute(wide, joinTensors([input]));
      const fraud = await forgeElement(wide, honest, { kernel: 0, element: 0, mask: 1n });
      const blob = await storeAt("tarpit").put(joinTensors([input]));
      const id = await askFor(stage, wide, [input], `store:${blob}`);
      const { request } = await stage.view(id);
      await draw(stage, id);
      await market.claim(request, joinTensors(fraud.outputs), fraud.outputRoot, "", ["0x"]);
      const { claim } = await claimOf(stage, id);

      const workshop = openWorkshop({ clock: CHAIN_CLOCK, privateAddresses: true });
      const watcher = stage.watcher({ workshop });
      for (let i = 0; i < 30 && (await disputeStatus(stage, claim.id)) === DISPUTE_STATUS.none; i++) {
        await watcher.step();
        await new Promise((resolve) => setImmediate(resolve));
        if (workshop.executions.busy) await workshop.executions.change();
      }
      expect(await disputeStatus(stage, claim.id)).to.equal(DISPUTE_STATUS.challenged);
      expect(silent, "two at a time for one counterparty").to.be.at.most(2);
      expect(workshop.downloads.busy, "nobody waited for them").to.equal(true);
    });
  });

  describe("given a trace index of 250 MB", () => {
    it("the watcher reads no more than an index of the model has, and convicts by demands", async () => {
      const stage = await openStage([model], storeAt("huge-index"));
      let written = 0;
      const prefix = await serve((_, response) => {
        const part = Buffer.alloc(65_536, "{},");
        const more = (): void => {
          while (!response.destroyed && written < 250e6) {
            written += part.length;
            if (!response.write(part)) return;
          }
          response.end();
        };
        response.on("drain", more);
        more();
      });
      const [operator, watcher] = [
        stage.operator({ tamper, locationPrefix: prefix }),
        stage.watcher({ store: storeAt("huge-index-watcher") }),
      ];
      const id = await stage.open(model, image);
      await operator.look();
      await operator.look();
      await play(stage, id, watcher, operator);
      expect(await stage.status(id)).to.equal(CONVICTED);
      // What the operating systems buffer is sent too.
      expect(written).to.be.within(1, 20e6);
    });
  });

  describe("given 150 demands at a time", () => {
    it("the operator answers them all in one look, in as few transactions as they fit", async () => {
      const wide = await hosted(folder, "double", {
        inputs: { x: f32([40_000]) },
        nodes: [{ op: "Add", in: ["x", "x"], out: ["y"] }],
        outputs: ["y"],
      });
      const stage = await openStage([wide], storeAt("demands"));
      const operator = stage.operator();
      const id = await stage.open(wide, [activations(40_000, 3)]);
      await operator.look();
      await operator.look();
      const { claim } = await claimOf(stage, id);
      const court = stage.suite.court.connect(stage.accounts.watching);
      await court.challenge(stage.suite.market, id, claim.id);
      await operator.look();
      const encoded = wide.commitment.kernels[0] ?? new Uint8Array();
      const opening = { index: 0, encoded, siblings: [...wide.commitment.programTree.prove(0)] };
      const places = Array.from({ length: 150 }, (_, index) => ({ level: 255, index }));
      await court.demandTensor(claim.id, opening, places);
      await operator.look();
      expect((await court.disputeOf(claim.id)).openDemands).to.equal(0n);
      const answers = await court.queryFilter(court.filters.Answered());
      const transactions = new Set(answers.map(({ transactionHash }) => transactionHash));
      expect([answers.length, transactions.size <= 5]).to.deep.equal([150, true]);
    });
  });

  describe("given an execution that lasts longer than many looks", () => {
    it("the looks go on, it is begun once, and the fraud is challenged when it ends", async () => {
      const stage = await openStage([model], storeAt("long"));
      const operator = stage.operator({ tamper });
      const id = await stage.open(model, image);
      await operator.look();
      await operator.look();
      const { claim } = await claimOf(stage, id);
      let runs = 0;
      let finish = (): void => undefined;
      const finished = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const executor: Executor = {
        ...localExecutor,
        judge: async (...args) => {
          runs++;
          await finished;
          return await localExecutor.judge(...args);
        },
      };
      const workshop = openWorkshop({ clock: CHAIN_CLOCK, privateAddresses: true, executor });
      const watcher = stage.watcher({ workshop });
      const stop = new AbortController();
      let looks = 0;
      // Each look has lost its patience before it begins: what is slow must not depend on it.
      await keepLooking(
        stage.accusing,
        {
          task: "watch",
          intervalMilliseconds: 1,
          look: async (signal) => {
            looks++;
            await watcher.step(signal);
            if (looks === 20) finish();
            if (looks > 20) await new Promise((resolve) => setImmediate(resolve));
            if ((await disputeStatus(stage, claim.id)) !== DISPUTE_STATUS.none) stop.abort();
          },
        },
        stop.signal,
      );
      expect([looks > 20, runs]).to.deep.equal([true, 1]);
    });
  });

  describe("given an RPC server", () => {
    it("that errs once during replays, no replay is made twice and none becomes smaller", async () => {
      const softmax = await softmaxModel(join(folder, "softmax"));
      const replays: number[] = [];
      for (const failures of [0, 4]) {
        const stage = await openStage([softmax.model], storeAt(`halving-${String(failures)}`));
        const { court } = stage.suite;
        const at = { kernel: softmax.kernel, element: 2, mask: 1n << 20n };
        const fraud = await forgeElement(softmax.model, softmax.honest, at);
        const id = await stage.open(softmax.model, softmax.inputs);
        const operator = stage.operator({ tamper: () => Promise.resolve(fraud) });
        const watcher = stage.watcher();
        for (const service of [operator, operator, watcher, operator]) await service.look();
        const { selector } = court.interface.getFunction("replay");
        let left = failures;
        let seen = 0;
        intercept(stage, async (call, ask) => {
          const data = (call.params as readonly { data?: string }[] | undefined)?.[0]?.data;
          if (call.method === "eth_sendTransaction" && data?.startsWith(selector) === true) {
            seen++;
            if (seen > 2 && left-- > 0) throw new Error("503 Service Unavailable");
          }
          return await ask(call);
        });
        for (let round = 0; round < 40 && !(await stage.view(id)).settled; round++) {
          await watcher.look().catch(() => undefined);
          await stage.networkHelpers.mine();
        }
        expect(await stage.status(id)).to.equal(CONVICTED);
        replays.push((await court.queryFilter(court.filters.Replayed())).length);
      }
      expect(replays[1]).to.equal(replays[0]);
    });

    it("whose logs come from a node that is a block behind, no claim is lost", async () => {
      const stage = await openStage([model], storeAt("lagging"));
      const [operator, watcher] = [stage.operator({ tamper }), stage.watcher()];
      const id = await stage.open(model, image);
      await operator.look();
      await watcher.look();
      await operator.look();
      let lagged = 0;
      const newest = (await stage.connection.ethers.provider.getBlock("latest"))?.hash;
      intercept(stage, async (call, ask) => {
        const filter = (call.params as readonly { toBlock?: string; blockHash?: string }[] | undefined)?.[0];
        if (call.method !== "eth_getLogs" || filter === undefined || lagged > 1) return await ask(call);
        lagged++;
        if (filter.blockHash !== undefined) {
          if (filter.blockHash !== newest) return await ask(call);
          throw new AssayError("RPC_UNUSABLE", "unknown block", { reason: "unknown block" });
        }
        const logs = (await ask(call)) as { blockNumber: string }[];
        return logs.filter(({ blockNumber }) => Number(blockNumber) < Number(filter.toBlock));
      });
      await watcher.look().catch(() => undefined);
      await watcher.look().catch(() => undefined);
      expect(lagged).to.be.greaterThan(0);
      await play(stage, id, watcher, operator);
      expect(await stage.status(id)).to.equal(CONVICTED);
    });

    it("that gives no logs for a block whose bloom filter has some, they are taken from the receipts", async () => {
      const stage = await openStage([model], storeAt("empty"));
      const [operator, watcher] = [stage.operator({ tamper }), stage.watcher()];
      const id = await stage.open(model, image);
      intercept(stage, async (call, ask) => (call.method === "eth_getLogs" ? [] : await ask(call)));
      await operator.look();
      await operator.look();
      await play(stage, id, watcher, operator);
      expect(await stage.status(id)).to.equal(CONVICTED);
    });

    it("that refuses more than so many logs or blocks at a time, all are read in smaller pages", async () => {
      const stage = await openStage([model], storeAt("capped"));
      const [operator, watcher] = [stage.operator({ tamper }), stage.watcher()];
      const id = await stage.open(model, image);
      await operator.look();
      await operator.look();
      await stage.networkHelpers.mine(1_000);
      let refused = 0;
      intercept(stage, async (call, ask) => {
        const answer = await ask(call);
        if (call.method !== "eth_getLogs" || (answer as readonly unknown[]).length <= 4) return answer;
        refused++;
        throw new AssayError("RPC_UNUSABLE", "query returned more than 4 results", { reason: "too many" });
      });
      await watcher.look();
      expect(refused).to.be.greaterThan(0);
      const { claim } = await claimOf(stage, id);
      expect(await disputeStatus(stage, claim.id)).to.equal(DISPUTE_STATUS.challenged);
    });

    it("that is slow, looks that were given up leave no reading behind", async () => {
      const stage = await openStage([model], storeAt("slow"));
      await stage.networkHelpers.mine(30_000);
      const { ledger } = stage.contextFor(stage.accounts.watching);
      let [questions, now, most] = [0, 0, 0];
      let patience = new AbortController();
      intercept(stage, async (call, ask) => {
        if (call.method !== "eth_getLogs") return await ask(call);
        questions++;
        most = Math.max(most, ++now);
        // Every second question outlasts the look that asked it.
        if (questions % 2 === 0) patience.abort();
        await new Promise((resolve) => setImmediate(resolve));
        now--;
        return await ask(call);
      });
      let looks = 0;
      const clock = {
        ...CHAIN_CLOCK,
        deadline: () => {
          patience = new AbortController();
          return patience.signal;
        },
      };
      const stop = new AbortController();
      const look = async (signal: AbortSignal): Promise<void> => {
        looks++;
        await ledger.sync(signal);
        stop.abort();
      };
      await keepLooking({ ...stage.asking, clock }, { task: "read", intervalMilliseconds: 1, look }, stop.signal);
      expect([looks > 5, most]).to.deep.equal([true, 1]);
      // 16 pages, each asked for twice at most.
      expect(questions).to.be.at.most(32);
    });
  });

  describe("given many right claims", () => {
    it("the watcher keeps no trace of them", async () => {
      const chain = await hosted(folder, "chain", {
        inputs: { x: f32([2_000]) },
        nodes: Array.from({ length: 20 }, (_, i) => ({
          op: "Add",
          in: [i === 0 ? "x" : `a${String(i - 1)}`, "x"],
          out: [`a${String(i)}`],
        })),
        outputs: ["a19"],
      });
      const stage = await openStage([chain], storeAt("many"));
      const [operator, watcher] = [stage.operator(), stage.watcher()];
      for (let i = 0; i < 5; i++) {
        await stage.open(chain, [activations(2_000, i + 1)]);
        await operator.look();
        await operator.look();
      }
      await watcher.look();
      await stage.asking.ledger.sync();
      expect([...stage.asking.ledger.requests.values()].filter(({ claim }) => claim !== undefined)).to.have.length(5);
      expect(watcher.heldBytes).to.equal(0);
    });
  });

  describe("given requests that nobody settles", () => {
    it("they cost an operator's look nothing", async () => {
      const stage = await openStage([model], storeAt("dead"));
      const operator = stage.operator();
      const calls: number[] = [];
      let count = 0;
      intercept(stage, async (call, ask) => {
        count++;
        return await ask(call);
      });
      for (let dead = 0; dead <= 20; dead += 10) {
        for (let i = 0; i < (dead === 0 ? 0 : 10); i++) await stage.open(model, image);
        await stage.advance(2 * WINDOW_SECONDS);
        await operator.look();
        count = 0;
        await operator.look();
        calls.push(count);
      }
      expect(calls).to.deep.equal([calls[0], calls[0], calls[0]]);
    });
  });
});

const GWEI = 10n ** 9n;
const OVERRIDES = { gasLimit: 2_000_000 };
const TERMS = {
  policy: policyOf(OPTIMISTIC_MODE),
  fee: parseEther("20"),
  valueAtRisk: 1n,
  openSeconds: 3_600,
  claimSeconds: 3_600,
  windowSeconds: WINDOW_SECONDS,
  callback: ZeroAddress,
  callbackGas: 0,
  minimumHolders: 0,
};

/** The same calldata with a byte that no UTF-8 text has in the place of the text's one letter, which must be "\x7f". */
function withBadByte(data: string): string {
  const at = data.lastIndexOf(`7f${"00".repeat(31)}`);
  if (at < 0) throw new Error("there is no such text");
  return `${data.slice(0, at)}ff${data.slice(at + 2)}`;
}
