import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { parseEther } from "ethers";

import { REQUEST_STATUS } from "../../runner/protocol/enums.ts";
import { OPTIMISTIC_MODE, SIGNATURE_MODE } from "../../ignition/modules/Assay.ts";
import { readInputs } from "../../runner/files/model.ts";
import { type Hash, keccak256, toHash } from "../../runner/commitment/keccak.ts";
import { tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTrace } from "../../runner/commitment/trace.ts";
import { commitTensor } from "../../runner/commitment/tensor.ts";
import { AssayError, isAssayError } from "../../runner/errors.ts";
import { type Tensor, tensorBytes, tensorFrom } from "../../runner/machine/tensor.ts";
import { createFolderStore, type Store } from "../../runner/files/store.ts";
import { flipOneBit } from "../../testing/forgeries.ts";
import { awaitOutcome } from "../../services/requester/ask.ts";
import { type BlobSource, fetchBlob } from "../../services/blobs/blobs.ts";
import { GuardedClient } from "../../services/blobs/guarded-client.ts";
import { showData } from "../../services/blobs/data.ts";
import { policyOf } from "../../services/chain/evidence.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import { CHAIN_CLOCK, type Clock } from "../../services/environment/clock.ts";
import { describeError } from "../../services/environment/describe.ts";
import { type Executor, localExecutor } from "../../services/models/executor.ts";
import { execute, type HostedModel, hostModel, joinTensors, type Run } from "../../services/models/models.ts";
import type { OperatorService } from "../../services/operator/operator.ts";
import { nowOf } from "../../services/chain/context.ts";
import { keepLooking, withPatience } from "../../services/chain/loop.ts";
import type { WatcherService } from "../../services/watcher/watcher.ts";
import { openWorkshop } from "../../services/work/workshop.ts";
import { f32 } from "../../testing/onnx-model.ts";
import { type CourtStage, FEE, openStage, WINDOW_SECONDS } from "../../testing/court-stage.ts";
import { activations, hosted } from "../../testing/wide-kernels.ts";

/* Services against a chain, servers and participants that mean them no good. */

const { assigned: ASSIGNED, final: FINAL } = REQUEST_STATUS;
const { cancelled: CANCELLED, convicted: CONVICTED } = REQUEST_STATUS;
const NEVER = new Promise<never>(() => undefined);

describe("Services", () => {
  let folder: string;
  let model: HostedModel;
  let image: readonly Tensor[];
  let honest: Run;
  let forged: Run;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-services-"));
    model = await hostModel("models/digits/digits.int8.onnx?N=1");
    image = readInputs(model.model, "image", ["image=models/digits/images/digit-3.npy"]);
    honest = await execute(model, joinTensors(image));
    forged = (await flipOneBit(model, honest)).run;
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const storeAt = (name: string): Store => createFolderStore(join(folder, name));
  const tamper = (): Promise<Run> => Promise.resolve(forged);

  /** Lets watcher and operator act in turns until the request is settled. */
  const play = async (
    stage: CourtStage,
    id: Hash,
    watcher: WatcherService,
    operator?: OperatorService,
  ): Promise<void> => {
    for (let round = 0; round < 16 && !(await stage.view(id)).settled; round++) {
      await watcher.look();
      await operator?.look();
      await stage.networkHelpers.mine();
    }
  };

  describe("given a chain that reorganises a claim away", () => {
    it("the operator claims again, once, and a dispute of the lost claim lands on no other", async () => {
      const stage = await openStage([model], storeAt("reorganised"));
      const { suite, connection, networkHelpers } = stage;
      const [operator, watcher] = [stage.operator({ tamper }), stage.watcher()];
      const id = await stage.open(model, image);
      const before: unknown = await connection.provider.request({ method: "evm_snapshot" });
      await operator.look();
      await operator.look();
      await watcher.look();
      const lost = (await stage.view(id)).claim?.id ?? "0x";
      expect(stage.asking.ledger.dispute(lost).status).to.equal("challenged");

      await connection.provider.request({ method: "evm_revert", params: [before] });
      await networkHelpers.mine(7);
      expect(await stage.asking.ledger.sync(), "the ledger notices").to.equal(true);
      expect((await stage.view(id)).claim, "and forgets the claim").to.equal(undefined);
      expect(stage.asking.ledger.dispute(lost).status).to.equal("none");
      await operator.look();
      await operator.look();
      const claims = await suite.market.queryFilter(suite.market.filters.Claimed(id));
      expect(claims).to.have.length(1);
      const found = (await stage.view(id)).claim?.id ?? "0x";
      expect(found).not.to.equal(lost);
      expect(stage.events.some(({ kind }) => kind === "reorganised")).to.equal(true);

      const court = suite.court.connect(stage.accounts.watching);
      await expect(court.challenge(suite.market, id, lost))
        .to.be.revertedWithCustomError(suite.market, "MarketClaimMismatch")
        .withArgs(lost, found);
      await play(stage, id, watcher, operator);
      expect(await stage.status(id)).to.equal(CONVICTED);
      expect(await court.queryFilter(court.filters.Challenged(lost))).to.have.length(0);
      expect(await court.queryFilter(court.filters.FraudProven(found))).to.have.length(1);
    });
  });

  describe("given an RPC server", () => {
    it("that hangs, withPatience gives RPC_UNUSABLE", async () => {
      const error: unknown = await withPatience("look", NEVER, AbortSignal.abort()).catch((reason: unknown) => reason);
      expect(isAssayError(error, "RPC_UNUSABLE")).to.equal(true);
    });

    it("that hangs and then errs, keepLooking goes on, and the look that was given up does nothing later", async () => {
      const stage = await openStage([model], storeAt("hanging"));
      const { provider } = stage.connection;
      const id = await stage.open(model, image);
      const operator = stage.operator();
      const request = provider.request.bind(provider) as (call: { method: string }) => Promise<unknown>;
      const methods: string[] = [];
      const patience = new AbortController();
      const deadlines = [patience.signal];
      const clock = { ...CHAIN_CLOCK, deadline: () => deadlines.shift() ?? CHAIN_CLOCK.deadline(0) };
      let looks = 0;
      let first: Promise<void> | undefined;
      let answerAfterAll = (): void => undefined;
      const late = new Promise<void>((resolve) => {
        answerAfterAll = resolve;
      });
      provider.request = async (call): Promise<unknown> => {
        const asked = looks;
        if (asked === 2) throw new AssayError("RPC_UNUSABLE", "bad gateway", { reason: "bad gateway" });
        methods.push(call.method);
        const answer = await request(call);
        // The first look learns that an operator can be drawn, but only when a later one has drawn and claimed.
        if (asked === 1 && call.method === "eth_call") {
          patience.abort();
          await late;
        }
        return answer;
      };
      const controller = new AbortController();
      const look = async (signal: AbortSignal): Promise<void> => {
        looks++;
        const now = looks;
        const work = operator.look(signal);
        first ??= work;
        await work;
        if (now >= 4) controller.abort();
      };
      const looking = { task: "serve", intervalMilliseconds: 1, look };
      await keepLooking({ ...stage.asking, clock }, looking, controller.signal);
      const claimed = async (): Promise<number> =>
        (await stage.suite.market.queryFilter(stage.suite.market.filters.Claimed(id))).length;
      expect([looks, await claimed()]).to.deep.equal([4, 1]);
      methods.length = 0;
      answerAfterAll();
      await first;
      expect(methods, "nothing is even asked").to.deep.equal([]);
      const reasons = stage.events.flatMap((event) => (event.kind === "retrying" ? event.reason : []));
      expect(reasons.join()).to.match(/^error RPC_UNUSABLE: serve: no answer in time,[^,]*bad gateway$/);
    });
  });

  describe("given a contract that refuses", () => {
    it("describeError names its error and the arguments, in one line", async () => {
      const { suite, accounts } = await openStage([model], storeAt("refusing"));
      const { address } = accounts.stranger;
      const error: unknown = await suite.market.withdraw(address).catch((reason: unknown) => reason);
      expect(describeError(error)).to.equal(`the contract refused: CreditZero(${address})`);
    });
  });

  describe("given a server of blobs", () => {
    const blob = Buffer.from("what was promised");
    const id = toHash(keccak256(blob));
    const servers: Server[] = [];
    const serve = async (listener: RequestListener): Promise<string> => {
      const server = createServer(listener);
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      return `http://127.0.0.1:${String(port)}/blobs/`;
    };
    after(() => {
      for (const server of servers) server.close().closeAllConnections();
    });

    const download = { maxBytes: 100_000, counterparty: "a stranger" };
    const sourceOf = (clock: Clock): BlobSource => ({
      store: storeAt("empty"),
      client: new GuardedClient(clock, { privateAddresses: true }),
    });
    let giveUp = (): void => undefined;
    const hostile: Readonly<Record<string, readonly [RequestListener, RegExp]>> = {
      hangs: [() => giveUp(), /abort|timeout/i],
      "gives wrong bytes": [(_, response) => response.end("something else"), /does not hash to its name/],
      "never ends": [
        (_, response) => {
          const more = (): void => {
            while (!response.destroyed && response.write(Buffer.alloc(4_096)));
          };
          response.on("drain", more);
          more();
        },
        /larger than 100000 bytes/,
      ],
      redirects: [
        (_, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
        /the server said 302/,
      ],
      "has nothing": [(_, response) => response.writeHead(404).end(), /the server said 404/],
      "breaks off": [
        (_, response) => {
          response.writeHead(200, { "content-length": "1000" });
          response.write("half", () => response.destroy());
        },
        /aborted|terminated|closed|socket/,
      ],
    };
    for (const [name, [listener, message]] of Object.entries(hostile)) {
      it(`that ${name}, fetchBlob gives BLOB_UNAVAILABLE`, async () => {
        const location = `${await serve(listener)}${id}`;
        const patience = new AbortController();
        giveUp = () => patience.abort();
        const source = sourceOf({ ...CHAIN_CLOCK, deadline: () => patience.signal });
        const error: unknown = await fetchBlob(source, location, download).catch((reason: unknown) => reason);
        expect(isAssayError(error, "BLOB_UNAVAILABLE"), String(error)).to.equal(true);
        expect(String(error)).to.match(message);
      });
    }

    it("that gives what its name says, fetchBlob gives it", async () => {
      const location = `${await serve((_, response) => response.end(blob))}${id}`;
      const bytes = await fetchBlob(sourceOf(CHAIN_CLOCK), location, download);
      expect(Buffer.from(bytes).equals(blob)).to.equal(true);
    });

    it("where a forged trace is not, the watcher demands it on chain and convicts by arithmetic", async () => {
      const stage = await openStage([model], storeAt("withheld"));
      const locationPrefix = await serve((_, response) => response.end("something else"));
      const [operator, watcher] = [
        stage.operator({ tamper, locationPrefix }),
        stage.watcher({ store: storeAt("watcher") }),
      ];
      const request = await stage.open(model, image);
      await operator.look();
      await operator.look();
      await play(stage, request, watcher, operator);
      expect(await stage.status(request)).to.equal(CONVICTED);
      const { court } = stage.suite;
      expect((await court.queryFilter(court.filters.Answered())).length).to.be.greaterThan(0);
      expect(await court.queryFilter(court.filters.FraudProven())).to.have.length(1);
    });

    it("where a forged trace is not, an operator that answers nothing is convicted for its silence", async () => {
      const stage = await openStage([model], storeAt("silent"));
      const [operator, watcher] = [stage.operator({ tamper }), stage.watcher({ store: storeAt("watcher") })];
      const request = await stage.open(model, image);
      await operator.look();
      await operator.look();
      await watcher.look();
      await operator.look();
      await watcher.look();
      await stage.advance(7 * 3_600);
      await watcher.look();
      expect(await stage.status(request)).to.equal(CONVICTED);
      const { court } = stage.suite;
      expect(await court.queryFilter(court.filters.FraudProven())).to.have.length(0);
      expect(await court.queryFilter(court.filters.Demanded())).not.to.have.length(0);
    });
  });

  describe("given an operator that publishes data that are not what it committed", () => {
    /** An index has 64 bytes for each kernel: its tensor root, and the id of its output's blob. */
    const ENTRY = 64;
    const lies: Readonly<Record<string, (index: Buffer) => Buffer>> = {
      "other roots": (index) => {
        const [first, second] = [Buffer.from(index.subarray(0, 32)), index.subarray(ENTRY, ENTRY + 32)];
        second.copy(index, 0);
        first.copy(index, ENTRY);
        return index;
      },
      "other tensors": (index) => {
        for (let at = ENTRY; at < index.length; at += ENTRY) index.copy(index, at + 32, 32, ENTRY);
        return index;
      },
      "half an index": (index) => index.subarray(0, ENTRY),
    };
    for (const [name, lie] of Object.entries(lies)) {
      it(`${name}: the watcher demands the true ones on chain and convicts`, async () => {
        const store = storeAt(`lie-${name.replaceAll(" ", "-")}`);
        const stage = await openStage([model], store);
        const lying: Store = {
          ...store,
          put: async (bytes) => {
            if (bytes.length !== ENTRY * model.model.program.kernels.length) return await store.put(bytes);
            return await store.put(lie(Buffer.from(bytes)));
          },
        };
        const [operator, watcher] = [stage.operator({ tamper, store: lying }), stage.watcher()];
        const request = await stage.open(model, image);
        await operator.look();
        await operator.look();
        await play(stage, request, watcher, operator);
        expect(await stage.status(request)).to.equal(CONVICTED);
        const { court } = stage.suite;
        expect(await court.queryFilter(court.filters.Answered())).not.to.have.length(0);
        expect(await court.queryFilter(court.filters.FraudProven())).to.have.length(1);
      });
    }
  });

  describe("given a policy that wants a signed answer", () => {
    it("the operator signs, and the answer becomes final", async () => {
      const stage = await openStage([model], storeAt("signed"));
      const operator = stage.operator();
      const id = await stage.open(model, image, { policy: policyOf(OPTIMISTIC_MODE, SIGNATURE_MODE) });
      await operator.look();
      await operator.look();
      await stage.watcher().look();
      await stage.advance(WINDOW_SECONDS + 1);
      await operator.look();
      expect(await stage.status(id)).to.equal(FINAL);
      expect((await stage.view(id)).claim?.outputRoot).to.equal(honest.outputRoot);
    });
  });

  describe("given a market that was paused", () => {
    it("claims then end later than the chain's clock says, and the watcher convicts until they do", async () => {
      const stage = await openStage([model], storeAt("paused"));
      const { suite, connection } = stage;
      const guardian = suite.market.connect(await connection.ethers.provider.getSigner(0));
      const id = await stage.open(model, image);
      const operator = stage.operator({ tamper });
      await operator.look();
      await operator.look();
      await guardian.pause();
      // A pause ends by itself.
      await stage.advance(CONSTANTS.ExpiringPause.PAUSE_SECONDS);
      const [claim, { time, marketTime }] = [(await stage.view(id)).claim, await nowOf(stage.asking)];
      expect([time > (claim?.windowEnd ?? 0), marketTime < (claim?.windowEnd ?? 0)]).to.deep.equal([true, true]);
      await play(stage, id, stage.watcher(), operator);
      expect(await stage.status(id)).to.equal(CONVICTED);
    });

    it("nowOf gives a time of the market that stands still while the pause lasts", async () => {
      const stage = await openStage([model], storeAt("pausing"));
      const guardian = stage.suite.market.connect(await stage.connection.ethers.provider.getSigner(0));
      await guardian.pause();
      const before = await nowOf(stage.asking);
      await stage.advance(WINDOW_SECONDS);
      const after = await nowOf(stage.asking);
      expect([after.time - before.time, after.marketTime - before.marketTime]).to.deep.equal([WINDOW_SECONDS, 0]);
      expect(after.marketTime).to.equal(Number(await stage.suite.market.clock()));
    });
  });

  describe("given an operator that is challenged", () => {
    it("it executes before it claims, and again for the trace; after a restart it takes the trace that it kept", async () => {
      const stage = await openStage([model], storeAt("defending"));
      let runs = 0;
      const counting = (): Promise<Run> => {
        runs++;
        return tamper();
      };
      const id = await stage.open(model, image);
      const [first, second] = [stage.operator({ tamper: counting }), stage.operator({ tamper: counting })];
      await first.look();
      await first.look();
      expect(runs, "to claim").to.equal(1);
      await stage.watcher().look();
      for (let i = 0; i < 3; i++) await first.look();
      expect(runs, "to defend").to.equal(2);
      for (let i = 0; i < 3; i++) await second.look();
      expect(runs, "after a restart").to.equal(2);
      expect(stage.asking.ledger.dispute((await stage.view(id)).claim?.id ?? "0x").status).to.equal("traceCommitted");
    });

    it("it defends though its disk takes no trace any more, and says so", async () => {
      const stage = await openStage([model], storeAt("full-disk"));
      const custody = join(folder, "full-disk-held");
      const id = await stage.open(model, image);
      const operator = stage.operator({ custody });
      for (let i = 0; i < 2; i++) await operator.look();
      // A file stands where the folder of one blob would be made.
      const { trace } = await execute(model, joinTensors(image));
      const folders = trace.map((tensor) => join(custody, "blobs", toHash(keccak256(tensorBytes(tensor))).slice(2, 4)));
      const missing = folders.find((each) => !existsSync(each));
      await writeFile(missing ?? "", "");
      const claimId = (await stage.view(id)).claim?.id ?? "0x";
      await stage.suite.court.connect(stage.accounts.watching).challenge(stage.suite.market, id, claimId);
      await operator.look();
      await stage.view(id);
      expect(stage.asking.ledger.dispute(claimId).status).to.equal("traceCommitted");
      expect(stage.events.filter(({ kind }) => kind === "traceNotKept").length).to.equal(1);
    });

    it("an honest one computes a trace only when it is challenged, and is upheld by what it computes then", async () => {
      const stage = await openStage([model], storeAt("honest-defence"));
      const done: string[] = [];
      const executor: Executor = {
        ...localExecutor,
        infer: (...args) => {
          done.push("infer");
          return localExecutor.infer(...args);
        },
        run: (...args) => {
          done.push("run");
          return localExecutor.run(...args);
        },
      };
      const workshop = openWorkshop({ clock: CHAIN_CLOCK, privateAddresses: true, executor });
      const id = await stage.open(model, image);
      const operator = stage.operator({ workshop });
      for (let i = 0; i < 3; i++) await operator.look();
      expect(done, "to claim").to.deep.equal(["infer"]);
      const claimId = (await stage.view(id)).claim?.id ?? "0x";
      await stage.suite.court.connect(stage.accounts.watching).challenge(stage.suite.market, id, claimId);
      await operator.look();
      expect(done, "to defend").to.deep.equal(["infer", "run"]);
      await stage.view(id);
      const { status, traceRoot } = stage.asking.ledger.dispute(claimId);
      const { trace } = await execute(model, joinTensors(image));
      expect([status, traceRoot]).to.deep.equal(["traceCommitted", (await commitTrace(trace)).root]);
    });
  });

  describe("given a requester that waits", () => {
    const waiting = (final: boolean) => ({ final, intervalMilliseconds: 1, signal: new AbortController().signal });

    it("for a model whose output is too large for calldata, it gets the data from the operator's store", async () => {
      const wide = await hosted(folder, "double", {
        inputs: { x: f32([3_000]) },
        nodes: [{ op: "Add", in: ["x", "x"], out: ["y"] }],
        outputs: ["y"],
      });
      const [store, input] = [storeAt("large-output"), activations(3_000, 3)];
      const stage = await openStage([wide], store);
      const operator = stage.operator();
      const id = await stage.open(wide, [input]);
      await operator.look();
      await operator.look();
      const answer = await awaitOutcome(stage.asking, id, { inputs: [input], store }, waiting(false));
      const expected = await execute(wide, joinTensors([input]));
      expect(answer).to.deep.equal({
        requestId: id,
        finality: "provisional",
        status: "claimed",
        operator: stage.accounts.operating.address,
        outputRoot: expected.outputRoot,
        outputs: expected.outputs,
      });

      const empty = { inputs: [input], store: storeAt("nothing-here") };
      const blind = await awaitOutcome(stage.asking, id, empty, waiting(false));
      expect([blind.outputRoot, blind.outputs]).to.deep.equal([expected.outputRoot, []]);
      expect(stage.events.at(-1)?.kind).to.equal("outputUnavailable");
    });

    it("for an operator that never claims, it takes its fee back", async () => {
      const stage = await openStage([model], storeAt("lazy"));
      const id = await stage.open(model, image);
      await stage.operator().look();
      await stage.advance(2 * WINDOW_SECONDS);
      const question = { inputs: image, store: storeAt("lazy") };
      const answer = await awaitOutcome(stage.asking, id, question, waiting(true));
      expect([answer.finality, answer.outputs]).to.deep.equal(["failed", []]);
      expect(await stage.suite.market.creditOf(stage.accounts.requester)).to.equal(FEE);
    });

    it("through a bad answer of its RPC server, it goes on", async () => {
      const stage = await openStage([model], storeAt("bad-gateway"));
      const [operator, id] = [stage.operator(), await stage.open(model, image)];
      await operator.look();
      await operator.look();
      const { provider } = stage.connection;
      const request = provider.request.bind(provider) as (call: { method: string }) => Promise<unknown>;
      let failures = 2;
      provider.request = async (call): Promise<unknown> => {
        if (failures-- > 0) throw new AssayError("RPC_UNUSABLE", "bad gateway", { reason: "bad gateway" });
        return await request(call);
      };
      const question = { inputs: image, store: storeAt("bad-gateway") };
      const answer = await awaitOutcome(stage.asking, id, question, waiting(false));
      expect(answer.outputRoot).to.equal(honest.outputRoot);
    });
  });

  describe("given an input too large for calldata", () => {
    const SIDE = 100;
    let large: HostedModel;
    const input = activations(SIDE * SIDE, 1);
    before(async () => {
      large = await hosted(folder, "average", {
        inputs: { x: f32([1, 1, SIDE, SIDE]) },
        nodes: [{ op: "GlobalAveragePool", in: ["x"], out: ["y"] }],
        outputs: ["y"],
      });
    });

    const stakeOf = async ({ suite, accounts }: CourtStage): Promise<bigint> =>
      (await suite.staking.operatorOf(accounts.operating)).stake;

    it("that the requester withholds, the operator demands it, cancels and loses nothing", async () => {
      const stage = await openStage([large], storeAt("operator"));
      const [operator, stake] = [stage.operator(), await stakeOf(stage)];
      const id = await stage.open(large, [input], { from: storeAt("requester") });
      await operator.look();
      await operator.look();
      expect((await stage.view(id)).demands).to.have.length(2);
      await operator.look();
      expect(await stage.status(id), "not before its time").to.equal(ASSIGNED);
      await stage.advance(WINDOW_SECONDS + 1);
      await operator.look();
      expect(await stage.status(id)).to.equal(CANCELLED);
      expect(await stakeOf(stage)).to.equal(stake);
      expect(await stage.suite.staking.queryFilter(stage.suite.staking.filters.Slashed())).to.have.length(0);
    });

    it("that the requester shows when it is demanded, the operator demands all of it and answers", async () => {
      const stage = await openStage([large], storeAt("operator"));
      const operator = stage.operator();
      const id = await stage.open(large, [input], { from: storeAt("requester") });
      await operator.look();
      await operator.look();
      const view = await stage.view(id);
      await showData(stage.accusing, view, view.demands, [input]);
      expect(await stage.suite.availability.creditOf(stage.accounts.watching)).to.equal(parseEther("50"));
      await operator.look();
      const expected = await execute(large, joinTensors([input]));
      expect((await stage.view(id)).claim?.outputRoot).to.equal(expected.outputRoot);
      await stage.watcher().look();
      await stage.advance(WINDOW_SECONDS + 1);
      await operator.look();
      expect(await stage.status(id)).to.equal(FINAL);
    });

    it("that only the requester has, it puts chunk after chunk on chain while it waits for the answer", async () => {
      const two = await hosted(folder, "averages", {
        inputs: { a: f32([2]), b: f32([1, 1, SIDE, SIDE]) },
        nodes: [
          { op: "GlobalAveragePool", in: ["b"], out: ["c"] },
          { op: "Add", in: ["a", "c"], out: ["y"] },
        ],
        outputs: ["y"],
      });
      const stage = await openStage([two], storeAt("operator"));
      const [operator, store] = [stage.operator(), storeAt("requester")];
      const inputs = [activations(2, 4), input];
      const id = await stage.open(two, inputs, { from: store });
      // Requester and operator act in turns.
      const clock = { ...CHAIN_CLOCK, pause: () => operator.look() };
      const waiting = { final: false, intervalMilliseconds: 1, signal: new AbortController().signal };
      const outcome = await awaitOutcome({ ...stage.asking, clock }, id, { inputs, store }, waiting);
      const { demands } = await stage.view(id);
      expect(demands.filter(({ data }) => data !== undefined)).to.have.length(3);
      const expected = await execute(two, joinTensors(inputs));
      expect(outcome.outputRoot).to.equal(expected.outputRoot);
    });

    it("whose location leads to other data than was committed, the operator claims nothing for those", async () => {
      const store = storeAt("operator");
      const other = await store.put(joinTensors([activations(SIDE * SIDE, 2)]));
      const stage = await openStage([large], store);
      const operator = stage.operator();
      const id = await stage.open(large, [input], { from: { ...store, put: () => Promise.resolve(other) } });
      await operator.look();
      await operator.look();
      expect(await stage.status(id)).to.equal(ASSIGNED);
      const { claim, demands } = await stage.view(id);
      expect([claim, demands.length]).to.deep.equal([undefined, 2]);
    });

    it("that is withdrawn after the claim, the watcher demands; the operator shows it and earns the bonds", async () => {
      const stage = await openStage([large], storeAt("shared"));
      const operator = stage.operator();
      const id = await stage.open(large, [input]);
      await operator.look();
      await operator.look();
      // A watcher that cannot reach the place where the requester put it.
      const watcher = stage.watcher({ store: storeAt("elsewhere") });
      await watcher.look();
      expect((await stage.view(id)).demands).to.have.length(2);
      await operator.look();
      expect((await stage.view(id)).demands.every(({ data }) => data !== undefined)).to.equal(true);
      await watcher.look();
      await stage.advance(WINDOW_SECONDS + 1);
      await operator.look();
      expect(await stage.status(id)).to.equal(FINAL);
    });

    it("that nobody has, a claim is cancelled by the watcher, and nobody is paid for it", async () => {
      const stage = await openStage([large], storeAt("operator"));
      const id = await stage.open(large, [input], { from: storeAt("requester") });
      const operator = stage.operator();
      await operator.look();
      // The operator claims something for an input that it never saw.
      const { request } = await stage.view(id);
      const large4 = tensorFrom("f32", [1]);
      const root = tensorsRoot([commitTensor(large4)]);
      const claiming = stage.suite.market.connect(stage.accounts.operating);
      await claiming.claim(request, tensorBytes(large4), root, "", ["0x"]);
      const watcher = stage.watcher();
      await watcher.look();
      await stage.advance(WINDOW_SECONDS + 2);
      await watcher.look();
      expect(await stage.status(id)).to.equal(CANCELLED);
      expect(await stage.suite.market.creditOf(stage.accounts.operating)).to.equal(0n);
      await watcher.look();
      expect(await stage.suite.token.balanceOf(stage.suite.availability)).to.equal(0n);
    });

    it("that is where the requester says, the operator answers and the watcher stays silent", async () => {
      const stage = await openStage([large], storeAt("shared"));
      const operator = stage.operator();
      const id = await stage.open(large, [input]);
      await operator.look();
      await operator.look();
      await stage.watcher().look();
      await stage.advance(WINDOW_SECONDS + 1);
      await operator.look();
      expect(await stage.status(id)).to.equal(FINAL);
    });
  });
});
