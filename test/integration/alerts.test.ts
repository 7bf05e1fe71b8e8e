import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { pino } from "pino";
import { parseEther, Wallet } from "ethers";

import { readInputs } from "../../runner/files/model.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import type { ServiceContext } from "../../services/chain/context.ts";
import { Endpoints } from "../../services/chain/endpoints.ts";
import { TransactionManager } from "../../services/chain/transactions.ts";
import { CHAIN_CLOCK } from "../../services/environment/clock.ts";
import { listen } from "../../services/environment/listen.ts";
import { type Executor, localExecutor } from "../../services/models/executor.ts";
import { execute, type HostedModel, hostModel, joinTensors } from "../../services/models/models.ts";
import { Metrics } from "../../services/node/metrics.ts";
import { type Node, type Role, runRole } from "../../services/node/node.ts";
import { nextDeadline } from "../../services/node/roles.ts";
import { type CourtStage, openStage, WINDOW_SECONDS } from "../../testing/court-stage.ts";
import { flipOneBit } from "../../testing/forgeries.ts";
import { f32 } from "../../testing/onnx-model.ts";
import { holds, parseScrape, type Scrape } from "../../testing/prometheus.ts";
import { activations, hosted } from "../../testing/wide-kernels.ts";
import { openWorkshop } from "../../services/work/workshop.ts";

/*
 * Every alert of ops/alerts.yml fires by its cause: the cause is made, the node looks, and the expression of the file is judged
 * by what the node exposes. How long it must hold (`for`) is left to Prometheus.
 */

const SIDE = 50;
/** An execution that never ends. */
const never = (): Promise<never> => new Promise(() => undefined);
const endless: Executor = { ...localExecutor, infer: never, run: never };

describe("Alerts fire", () => {
  let folder: string;
  let expressions: ReadonlyMap<string, string>;
  let model: HostedModel;
  let wide: HostedModel;
  let image: readonly Tensor[];
  let stage: CourtStage;
  let node: Node;
  let time: number;
  let earlier: Scrape;
  const fired = new Set<string>();
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-alerts-"));
    const rules = await readFile("ops/alerts.yml", "utf8");
    expressions = new Map(
      [...rules.matchAll(/- alert: (\w+)\n\s+expr: (.+)/g)].map(([, name = "", expression = ""]) => [name, expression]),
    );
    model = await hostModel("models/digits/digits.int8.onnx?N=1");
    image = readInputs(model.model, "image", ["image=models/digits/images/digit-3.npy"]);
    const inputs = { x: f32([1, 1, SIDE, SIDE]) };
    wide = await hosted(folder, "wide", { inputs, nodes: [{ op: "Relu", in: ["x"], out: ["y"] }], outputs: ["y"] });
  });
  beforeEach(async () => {
    stage = await openStage([model, wide], createFolderStore(join(folder, "store")));
    time = await stage.networkHelpers.time.latest();
    node = nodeOf(stage);
    earlier = await scrape();
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    expect([...fired].sort(), "every alert of the file").to.deep.equal([...expressions.keys()].sort());
  });

  /** A node as assay-node opens it, on the chain of a stage. */
  function nodeOf({ contextFor, accounts, asking }: CourtStage): Node {
    const metrics = new Metrics();
    const context: ServiceContext = {
      ...contextFor(accounts.operating),
      report: (event) => {
        metrics.count(event);
      },
      clock: { ...CHAIN_CLOCK, now: () => time },
    };
    const { signer, sender } = context;
    return {
      configuration: { intervalMilliseconds: 10, monitor: undefined } as Node["configuration"],
      ...{ context, metrics, models: [model, wide], log: pino({ level: "silent" }) },
      ...{ account: { signer, sender, spentToday: () => 0n }, store: createFolderStore(join(folder, "node")) },
      workshop: openWorkshop({
        clock: { ...CHAIN_CLOCK, now: () => time },
        privateAddresses: true,
        executor: endless,
      }),
      database: {
        query: () => Promise.resolve([]),
        transaction: () => Promise.reject(new Error()),
        close: asyncNothing,
      },
      close: async () => {
        await asking.ledger.sync();
      },
    };
  }
  const asyncNothing = (): Promise<void> => Promise.resolve();

  const scrape = async (): Promise<Scrape> => parseScrape(await node.metrics.registry.metrics());

  /** What `assay-node operator` does, so many times. */
  async function look(count = 1, step?: () => Promise<void>): Promise<void> {
    const operator = stage.operator({ ...node.context, workshop: node.workshop });
    const own = await node.context.signer.getAddress();
    const stop = new AbortController();
    let left = count;
    const role: Role = {
      name: "operator",
      step: async () => {
        try {
          await (step === undefined ? operator.step() : step());
        } finally {
          if (--left <= 0) stop.abort();
        }
      },
      measure: () => {
        node.metrics.deadline.set(nextDeadline([...node.context.ledger.requests.values()], own, time));
      },
    };
    await runRole(node, role, stop.signal);
  }

  async function expectFired(name: string): Promise<void> {
    const expression = expressions.get(name) ?? "";
    const moment = { before: earlier, now: await scrape(), time };
    expect(holds(expression, { ...moment, now: earlier, time: time - 3_600 }), `${name} before its cause`).to.equal(
      false,
    );
    expect(holds(expression, moment), `${name}: ${expression}`).to.equal(true);
    fired.add(name);
  }

  it("AssayNotLooking and AssayLooksFail when no node of the chain answers", async () => {
    await look();
    earlier = await scrape();
    time += 3_600;
    await look(6, () => Promise.reject(new Error("none of 2 nodes answers")));
    await expectFired("AssayNotLooking");
    await expectFired("AssayLooksFail");
  });

  it("AssayChainStandsStill when blocks stop", async () => {
    await look();
    earlier = await scrape();
    time += 700;
    await look();
    expect(
      holds(expressions.get("AssayChainStandsStill") ?? "", { before: earlier, now: await scrape(), time: time - 700 }),
    ).to.equal(false);
    await expectFired("AssayChainStandsStill");
  });

  it("AssayDeadlineNear when an execution takes too long, and AssayWorkWaits when many wait", async () => {
    await stage.open(model, image);
    await look(3);
    earlier = await scrape();
    await stage.advance(WINDOW_SECONDS - 200);
    time = await stage.networkHelpers.time.latest();
    const order = { counterparty: "somebody", deadline: time, value: 1n };
    for (let i = 0; i < 22; i++) {
      node.workshop.executions.get(`task ${String(i)}`, order, () => new Promise(() => undefined));
    }
    await look();
    await expectFired("AssayDeadlineNear");
    await expectFired("AssayWorkWaits");
  });

  it("AssayLittleEther when the account has nearly spent its ether", async () => {
    await look();
    earlier = await scrape();
    await stage.networkHelpers.setBalance(stage.accounts.operating.address, parseEther("0.04"));
    await look();
    await expectFired("AssayLittleEther");
  });

  it("AssayNodesFail when a node of the chain refuses", async () => {
    const stop = new AbortController();
    const refusing = createServer((_, response) => response.writeHead(503).end());
    const port = await listen(refusing, { host: "127.0.0.1", port: 0 }, stop.signal);
    const { clock, report } = node.context;
    const endpoints = new Endpoints([`http://127.0.0.1:${String(port)}`], 31_337, clock, report);
    for (let i = 0; i < 21; i++) await endpoints.getBlockNumber().catch(() => undefined);
    endpoints.destroy();
    stop.abort();
    await expectFired("AssayNodesFail");
  });

  it("AssayFeesRise when nobody includes what the account pays for", async () => {
    const { connection, networkHelpers, suite } = stage;
    const wallet = new Wallet(`0x${"4a".repeat(32)}`, connection.ethers.provider);
    await networkHelpers.setBalance(wallet.address, parseEther("10"));
    await connection.provider.request({ method: "evm_setAutomine", params: [false] });
    let raised = 0;
    const manager = new TransactionManager({
      ...{ provider: connection.ethers.provider, signer: wallet, clock: CHAIN_CLOCK },
      report: (event) => {
        node.context.report(event);
        if (event.kind === "feeRaised" && ++raised === 6) void networkHelpers.mine();
      },
      policy: { maxFeePerGas: 10n ** 13n, dailyWei: parseEther("9"), bumpSeconds: 1, dryRun: false },
    });
    await manager.send(await suite.token.mint.populateTransaction(wallet.address, 1n));
    await expectFired("AssayFeesRise");
  });

  it("AssayDisputed when somebody challenges, and AssayConvicted when a forged answer is proven wrong", async () => {
    // What an indexer does: the operator of this node is the one that forges.
    const follow = (): Promise<void> =>
      look(1, async () => {
        await node.context.ledger.sync();
      });
    const id = await stage.open(model, image);
    const forged = (await flipOneBit(model, await execute(model, joinTensors(image)))).run;
    const forger = stage.operator({ tamper: () => Promise.resolve(forged) });
    for (let i = 0; i < 2; i++) await forger.look();
    await follow();
    earlier = await scrape();
    const watcher = stage.watcher();
    await watcher.look();
    await follow();
    await expectFired("AssayDisputed");
    for (let i = 0; i < 4 && (await stage.view(id)).status !== "convicted"; i++) {
      await forger.look();
      await stage.networkHelpers.mine(2);
      await watcher.look();
    }
    expect((await stage.view(id)).status).to.equal("convicted");
    await follow();
    await expectFired("AssayConvicted");
  });

  it("AssayInputsMissing when requesters name inputs that are nowhere", async () => {
    const nowhere = createFolderStore(join(folder, "nowhere"));
    for (let i = 0; i < 5; i++) await stage.open(wide, [activations(SIDE * SIDE, i)], { from: nowhere });
    const operator = stage.operator({ ...node.context, workshop: node.workshop });
    for (let i = 0; i < 4; i++) {
      await look(1, () => operator.look());
      // What failed is tried again after some time.
      time += 120;
    }
    await expectFired("AssayInputsMissing");
  });

  it("AssayMemory follows what the process takes, up to the limit of the file", async () => {
    const series = "assay_resident_bytes";
    const expression = expressions.get("AssayMemory") ?? "";
    const resident = earlier.get(series) ?? 0;
    const taken = Buffer.alloc(300 << 20, 1);
    const now = await scrape();
    expect(taken.length).to.equal(300 << 20);
    expect((now.get(series) ?? 0) - resident).to.be.greaterThan(200 << 20);
    // As many bytes as the file allows are more than a test may take: the same measure at a smaller limit.
    const smaller = expression.replace(/> .*/, `> ${String(resident + (200 << 20))}`);
    expect([
      holds(smaller, { before: earlier, now: earlier, time }),
      holds(smaller, { before: earlier, now, time }),
    ]).to.deep.equal([false, true]);
    expect(holds(expression, { before: earlier, now: new Map([[series, 7e9]]), time })).to.equal(true);
    fired.add("AssayMemory");
  });
});
