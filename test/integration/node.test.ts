import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { parseEther } from "ethers";

import { isAssayError } from "../../runner/errors.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { NAMES } from "../../services/chain/deployment.ts";
import { CHAIN_CLOCK } from "../../services/environment/clock.ts";
import { listen } from "../../services/environment/listen.ts";
import { type HostedModel, hostModel } from "../../services/models/models.ts";
import { threadedExecutor } from "../../services/models/executor.ts";
import { execute, joinTensors, prepared } from "../../services/models/models.ts";
import { executePrepared, judgePrepared } from "../../services/models/run.ts";
import { readConfiguration } from "../../services/node/configuration.ts";
import { diagnose } from "../../services/node/doctor.ts";
import { Metrics } from "../../services/node/metrics.ts";
import { type Pulse, serveMonitor, stateOf } from "../../services/node/monitor.ts";
import { nextDeadline } from "../../services/node/roles.ts";
import { expectReady, operatorFindings } from "../../services/operator/readiness.ts";
import { join as joinOperators } from "../../services/operator/stake.ts";
import { type CourtStage, openStage } from "../../testing/court-stage.ts";
import { readInputs } from "../../runner/files/model.ts";

describe("assay-node", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-node-"));
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  describe("configuration", () => {
    const fileWith = async (content: unknown): Promise<string> => {
      const path = join(folder, "node.json");
      await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
      return path;
    };
    const mistakesOf = async (content: unknown, environment = {}): Promise<readonly string[]> => {
      const error: unknown = await readConfiguration(await fileWith(content), environment).catch(
        (reason: unknown) => reason,
      );
      if (!isAssayError(error, "CONFIGURATION_INVALID")) throw error;
      return error.details.mistakes;
    };
    const valid = { rpc: ["http://127.0.0.1:8545"], deployment: "deployments/31337.json" };

    it("a file with what is required gives that and the defaults", async () => {
      const {
        rpc,
        deployment,
        intervalMilliseconds,
        dailyWei,
        monitor,
        listen: blobs,
      } = await readConfiguration(await fileWith(valid), {});
      expect({ rpc, deployment, intervalMilliseconds, dailyWei, monitor, blobs }).to.deep.equal({
        ...valid,
        intervalMilliseconds: 2_000,
        dailyWei: parseEther("1"),
        monitor: { host: "127.0.0.1", port: 9_464 },
        blobs: undefined,
      });
    });

    it("the environment overrides the file", async () => {
      const given = await readConfiguration(await fileWith({ ...valid, dryRun: false }), {
        ASSAY_NODE_DRY_RUN: "true",
        ASSAY_NODE_RPC: "http://a.example;http://b.example",
      });
      expect([given.dryRun, given.rpc]).to.deep.equal([true, ["http://a.example", "http://b.example"]]);
    });

    it("every mistake is named at once, with what to give instead", async () => {
      const mistakes = await mistakesOf(
        { rpc: "htp:x", deploymnt: "a", threads: 0, keystore: "k", keyVariable: "K", listen: "9079", dailyWei: -1 },
        { ASSAY_NODE_LOGLEVEL: "x" },
      );
      expect(mistakes).to.deep.equal([
        "deploymnt: there is no such field; did you mean deployment?",
        "ASSAY_NODE_LOGLEVEL: no field has this variable; did you mean ASSAY_NODE_LOG_LEVEL?",
        'rpc is "htp:x": give a URL that begins with http:// or https://',
        "deployment (or ASSAY_NODE_DEPLOYMENT): file with the addresses of the suite, as scripts/deploy.ts writes it: " +
          "it must be given",
        'listen is "9079": give HOST:PORT',
        'threads is "0": give a whole number from 1 to 256',
        'dailyWei is "-1": give a number that is not negative',
        "give only one of keystore, keyVariable and remoteAccount",
        "passwordFile: keystore needs it",
      ]);
    });

    it("a file that is not JSON is refused, and so is one that is not there", async () => {
      expect((await mistakesOf("{"))[0]).to.match(/^it is not JSON/);
      const error: unknown = await readConfiguration(join(folder, "none"), {}).catch((reason: unknown) => reason);
      expect(isAssayError(error, "FILE_UNREADABLE")).to.equal(true);
    });
  });

  describe("doctor", () => {
    const diagnosed = async (environment: Readonly<Record<string, string>>): Promise<readonly string[]> =>
      (await diagnose(undefined, environment)).map(({ level, text, remedy = "" }) => `${level}: ${text} -> ${remedy}`);

    it("names a mistake of the configuration, a deployment file that is none, and a node that does not answer", async () => {
      const rpc = { ASSAY_NODE_RPC: "http://127.0.0.1:3", ASSAY_NODE_STORE: join(folder, "doctor", "store") };
      const file = join(folder, "deployment.json");
      expect(await diagnosed({ ...rpc, ASSAY_NODE_DEPLOYMENT: file, ASSAY_NODE_THREADS: "0" })).to.deep.equal([
        "failure: configuration: error CONFIGURATION_INVALID: the environment has 1 mistakes:\n" +
          '  ASSAY_NODE_THREADS is "0": give a whole number from 1 to 256 -> mend each line',
      ]);
      await writeFile(file, "{}");
      expect((await diagnosed({ ...rpc, ASSAY_NODE_DEPLOYMENT: file }))[1]).to.match(
        /^failure: deployment: error FILE_MALFORMED: .* -> run scripts\/deploy\.ts, or take the file from who deployed/,
      );
      const contracts = Object.fromEntries(Object.values(NAMES).map((name) => [name, `0x${"11".repeat(20)}`]));
      await writeFile(file, JSON.stringify({ chainId: 31_337, block: 1, randomness: "local", contracts }));
      const environment = { ...rpc, ASSAY_NODE_DEPLOYMENT: file, ASSAY_NODE_DATABASE: "postgres://127.0.0.1:3/x" };
      const findings = await diagnosed(environment);
      expect(findings[2]).to.match(
        /^failure: chain: error RPC_UNUSABLE: none of 1 nodes answers: connect ECONNREFUSED .* -> check rpc$/,
      );
      expect(findings.slice(3).map((finding) => finding.split(":")[0])).to.deep.equal(["failure", "ok"]);
    });
  });

  describe("monitor", () => {
    const open = async (pulse: Pulse, now: number) => {
      const stop = new AbortController();
      const metrics = new Metrics();
      const monitored = {
        clock: { ...CHAIN_CLOCK, now: () => now },
        metrics,
        patienceSeconds: 180,
        tables: { "/requests": () => [{ value: 7n, bytes: Uint8Array.of(1, 255) }] },
      };
      const port = await serveMonitor({ host: "127.0.0.1", port: 0 }, monitored, pulse, stop.signal);
      const get = async (path: string): Promise<readonly [number, string]> => {
        const response = await fetch(`http://127.0.0.1:${String(port)}${path}`);
        return [response.status, await response.text()];
      };
      return { get, metrics, stop };
    };

    it("a node that has looked is healthy and ready; one whose looks fail is healthy; one that hangs is neither", () => {
      const state = (begun: number, done: number) => stateOf({ begun, done }, 1_000, 180);
      expect([state(999, 998), state(999, 0), state(999, 700), state(700, 700)]).to.deep.equal([
        { healthy: true, ready: true },
        { healthy: true, ready: false },
        { healthy: true, ready: false },
        { healthy: false, ready: false },
      ]);
    });

    it("serves health, readiness, metrics and tables, and nothing else", async () => {
      const { get, metrics, stop } = await open({ begun: 999, done: 0 }, 1_000);
      metrics.count({ kind: "retrying", task: "watch", reason: "x" });
      expect((await get("/health"))[0]).to.equal(200);
      expect((await get("/ready"))[0]).to.equal(503);
      expect((await get("/metrics"))[1]).to.match(/^assay_events_total\{kind="retrying"\} 1$/m);
      expect(await get("/requests")).to.deep.equal([200, '[{"value":"7","bytes":"0x01ff"}]']);
      expect((await get("/constructor"))[0]).to.equal(404);
      stop.abort();
    });

    it("a port that is taken is said in words, and a signal that has fired closes at once", async () => {
      const stop = new AbortController();
      const first = createServer();
      const port = await listen(first, { host: "127.0.0.1", port: 0 }, stop.signal);
      const error: unknown = await listen(createServer(), { host: "127.0.0.1", port }, stop.signal).catch(
        (reason: unknown) => reason,
      );
      expect(isAssayError(error, "ADDRESS_UNUSABLE")).to.equal(true);
      expect(String(error)).to.match(/another program listens there/);
      stop.abort();
      const closed = createServer();
      await listen(closed, { host: "127.0.0.1", port: 0 }, stop.signal);
      expect(closed.listening).to.equal(false);
    });
  });

  describe("readiness", () => {
    let model: HostedModel;
    let stage: CourtStage;
    before(async () => {
      model = await hostModel("models/digits/digits.int8.onnx?N=1");
      stage = await openStage([model], createFolderStore(join(folder, "store")));
    });
    const levels = async (context: CourtStage["asking"]): Promise<readonly string[]> =>
      (await operatorFindings(context, [model])).map(({ level, text }) => `${level} ${text.replace(/^0x\w+/, "it")}`);

    it("an operator that staked and opted in may serve", async () => {
      const findings = await operatorFindings(stage.contextFor(stage.accounts.operating), [model]);
      expect(findings.every(({ level }) => level === "ok")).to.equal(true);
      expectReady(findings);
    });

    it("an account that never staked may not, and all that is missing is said", async () => {
      const context = stage.contextFor(stage.accounts.stranger);
      expect((await levels(context)).slice(1)).to.deep.equal([
        "failure 0.0 are staked",
        "failure not opted in to digits.int8.onnx",
      ]);
      const findings = await operatorFindings(context, [model]);
      expect(() => {
        expectReady(findings);
      })
        .to.throw()
        .with.property("code", "NOT_READY");
    });

    it("to stake for a model that nobody published ends with an error, after all else was done", async () => {
      const other = await hostModel("models/digits/digits.onnx?N=1");
      const context = stage.contextFor(stage.accounts.stranger);
      const error: unknown = await joinOperators(context, [other, model], {
        amount: parseEther("5000"),
        endpoint: "",
      }).catch((reason: unknown) => reason);
      expect(isAssayError(error, "NOT_READY")).to.equal(true);
      expect((await levels(context)).slice(1)).to.deep.equal([
        "ok 5000.0 are staked",
        "ok opted in to digits.int8.onnx",
      ]);
    });

    it("the first deadline of an operator's own requests is what is measured", () => {
      const view = (operator: string, status: "assigned" | "claimed", deadline: number) =>
        ({ operator, status, deadline }) as Parameters<typeof nextDeadline>[0][number];
      const requests = [view("a", "assigned", 500), view("b", "assigned", 50), view("a", "claimed", 20)];
      expect([nextDeadline(requests, "a", 100), nextDeadline([], "a", 100)]).to.deep.equal([400, NaN]);
    });
  });

  describe("threads", () => {
    it("compute the trace of a wrong answer only", async () => {
      const model = prepared(await hostModel("models/digits/digits.int8.onnx?N=1"));
      const input = new Uint8Array(64 * 4);
      const { outputRoot } = await executePrepared(model, input);
      let traces = 0;
      const { executable } = model;
      const counted = {
        ...model,
        executable: {
          ...executable,
          run: (...args: Parameters<typeof executable.run>) => {
            traces++;
            return executable.run(...args);
          },
        },
      };
      expect(await judgePrepared(counted, input, outputRoot)).to.deep.equal({ right: true, outputRoot });
      expect(traces).to.equal(0);
      const wrong = await judgePrepared(counted, input, `0x${"11".repeat(32)}`);
      expect([wrong.right, wrong.outputRoot, traces]).to.deep.equal([false, outputRoot, 1]);
    });

    it("execute as this thread does, drop the traces of right answers, and say why one fails", async () => {
      const model = await hostModel("models/digits/digits.int8.onnx?N=1");
      const input = joinTensors(readInputs(model.model, "image", ["image=models/digits/images/digit-3.npy"]));
      const expected = await execute(model, input);
      const executor = threadedExecutor(2);
      const [answer, run, right, wrong] = await Promise.all([
        executor.infer(model, input),
        executor.run(model, input),
        executor.judge(model, input, expected.outputRoot),
        executor.judge(model, input, `0x${"11".repeat(32)}`),
      ]);
      const { trace: _, ...ends } = expected;
      expect(answer).to.deep.equal(ends);
      expect(run).to.deep.equal(expected);
      expect(right).to.deep.equal({ right: true, outputRoot: expected.outputRoot });
      expect(wrong.right ? undefined : wrong.run.trace).to.deep.equal(expected.trace);
      const error: unknown = await executor.run(model, Uint8Array.of(1)).catch((reason: unknown) => reason);
      expect(isAssayError(error, "EXECUTION_FAILED")).to.equal(true);
      await executor.close();
      const closed: unknown = await executor.run(model, input).catch((reason: unknown) => reason);
      expect(isAssayError(closed, "ABORTED")).to.equal(true);
    });
  });
});
