import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { HDNodeWallet, type JsonRpcProvider } from "ethers";

import { type Deployment } from "../../services/chain/deployment.ts";
import {
  DisputeCourt__factory,
  InferenceMarket__factory,
  OperatorStaking__factory,
} from "../../typechain-types/index.ts";
import { assayNode, chainAt, CHAINS, done, freePort, script, type Service, until } from "./network.ts";

/*
 * The network as its users run it: a chain, an operator, a watcher and a requester as four processes that know nothing
 * of one another but the chain and the URL under which the operator serves its traces.
 */

const MODEL = "models/digits/digits.onnx?N=1";
/** Seconds to challenge: so many that no machine is so slow that a forged answer becomes final. */
const WINDOW = 3_600;
/** The accounts of development chains. */
const PHRASE = "test test test test test test test test test test test junk";
const IMAGE = "image=models/digits/images/digit-3.npy";

for (const [name, start] of Object.entries(CHAINS)) {
  describe(`four processes on ${name}`, () => {
    let folder: string;
    let chain: Service;
    let provider: JsonRpcProvider;
    let deployment: Deployment;
    let shared: Readonly<Record<string, string>>;
    const services: Service[] = [];

    /** What one participant has: an account and a folder of its own. */
    const as = (account: number, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
      ...shared,
      ASSAY_ACCOUNT: String(account),
      ASSAY_STORE: join(folder, `account-${String(account)}`),
      ASSAY_INTERVAL: "250",
      ASSAY_WINDOW: String(WINDOW),
      ...more,
    });

    const running = (service: Service): Service => {
      services.push(service);
      return service;
    };

    /** What an account runs `assay-node` with. */
    const configure = async (account: number) => {
      const [monitor, listen] = [await freePort(), await freePort()];
      const home = join(folder, `node-${String(account)}`);
      const file = `${home}.json`;
      const fields = {
        rpc: [shared.ASSAY_RPC_URL],
        deployment: join(folder, "deployments", "31337.json"),
        keyVariable: "ACCOUNT_KEY",
        models: [MODEL],
        store: join(home, "store"),
        database: join(home, "database"),
        listen: `127.0.0.1:${String(listen)}`,
        monitor: `127.0.0.1:${String(monitor)}`,
        intervalMilliseconds: 250,
        privateUrls: true,
      };
      await writeFile(file, JSON.stringify(fields));
      const path = `m/44'/60'/0'/0/${String(account)}`;
      const { privateKey } = HDNodeWallet.fromPhrase(PHRASE, undefined, path);
      return { file, env: { ACCOUNT_KEY: privateKey }, monitor: `http://127.0.0.1:${String(monitor)}` };
    };

    const increaseTime = async (seconds: number): Promise<void> => {
      await provider.send("evm_increaseTime", [seconds]);
      await provider.send("evm_mine", []);
    };

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "assay-processes-"));
      const port = await freePort();
      chain = running(start(port));
      const url = `http://127.0.0.1:${String(port)}`;
      provider = await chainAt(url, chain);
      shared = { ASSAY_RPC_URL: url, ASSAY_DEPLOYMENTS: join(folder, "deployments"), ASSAY_MODELS: MODEL };
      await done("deploy", shared);
      deployment = JSON.parse(await readFile(join(folder, "deployments", "31337.json"), "utf8")) as Deployment;
      await done("publish-model", as(0, { ASSAY_MODEL: MODEL }));
      await done("stake", as(1));
    });

    after(async () => {
      provider.destroy();
      for (const service of services.reverse()) await service.stop(service === chain ? "SIGKILL" : "SIGINT");
      await rm(folder, { recursive: true, force: true });
    });

    it("says in one line what a contract refused, and which option is misspelt", async () => {
      const poor = running(script("stake", as(4, { ASSAY_STAKE: "1" })));
      expect(await poor.ended()).to.equal(1);
      expect(poor.output).to.match(/^the contract refused: (Staking|Pool)[A-Za-z]+\([^)]*\)$/m);
      expect(poor.output).not.to.match(/^ +at /m);
      const misspelt = running(script("stake", { ...shared, ASSAY_ACOUNT: "4" }));
      expect(await misspelt.ended()).to.equal(1);
      expect(misspelt.output.trim()).to.match(/no script reads ASSAY_ACOUNT; did you mean ASSAY_ACCOUNT\?$/);
    });

    it("answers a question, survives a crash of the operator, and finalises", async () => {
      const serve = running(script("serve", as(1, { ASSAY_LISTEN: "127.0.0.1:0" })));
      const watch = running(script("watch", as(2)));
      const asked = running(script("request", as(3, { ASSAY_MODEL: MODEL, ASSAY_INPUT: IMAGE })));
      await serve.prints(/claimed/);
      await serve.stop("SIGKILL");
      // The window passes while nobody serves; the one who comes back finds its claim and collects.
      const again = running(script("serve", as(1, { ASSAY_LISTEN: "127.0.0.1:0" })));
      await watch.prints(/watching/);
      await increaseTime(WINDOW + 1);
      await again.prints(/finalised/);
      expect(await asked.ended()).to.equal(0);
      const answer = JSON.parse(asked.stdout) as {
        finality: string;
        outputs: { values: number[] }[];
      };
      expect(answer.finality).to.equal("final");
      const scores = answer.outputs[0]?.values ?? [];
      expect(scores.indexOf(Math.max(...scores))).to.equal(3);

      const market = InferenceMarket__factory.connect(deployment.contracts.InferenceMarket, provider);
      const claims = await market.queryFilter(market.filters.Claimed());
      expect(claims, "claimed once, in spite of the crash").to.have.length(1);
      expect(watch.output).not.to.match(/challenged/);
      expect(await again.stop(), "Ctrl-C ends it cleanly").to.equal(0);
      expect(await watch.stop(), "Ctrl-C ends it cleanly").to.equal(0);
    });

    it("assay-node answers a question from its configuration alone, through a crash, and a request goes on by its id", async () => {
      const [operating, watching] = await Promise.all([configure(1), configure(2)]);
      const doctor = running(assayNode("doctor", operating.file, operating.env));
      expect(await doctor.ended(), doctor.output).to.equal(0);
      expect(doctor.stdout).to.match(/^ok {7}opted in to digits.onnx$/m);
      const operator = running(assayNode("operator", operating.file, operating.env));
      const watcher = running(assayNode("watcher", watching.file, watching.env));
      await Promise.all([operator.prints(/operator runs/), watcher.prints(/watcher runs/)]);
      const opened = running(script("request", as(3, { ASSAY_MODEL: MODEL, ASSAY_INPUT: IMAGE, ASSAY_WAIT: "none" })));
      const [, id = ""] = await opened.prints(/request (0x[0-9a-f]{64})/);
      expect(await opened.ended()).to.equal(0);
      await operator.prints(/"action":"claimed"/);
      await operator.stop("SIGKILL");
      const again = running(assayNode("operator", operating.file, operating.env));
      await again.prints(/operator runs/);
      expect((await fetch(`${operating.monitor}/health`)).status).to.equal(200);
      await increaseTime(WINDOW + 1);
      await again.prints(/"action":"finalised"/);
      expect((await fetch(`${operating.monitor}/ready`)).status).to.equal(200);
      const { ASSAY_MODELS: _, ...rest } = as(3);
      const asked = running(script("request", { ...rest, ASSAY_REQUEST: id }));
      expect(await asked.ended(), asked.output).to.equal(0);
      expect(JSON.parse(asked.stdout)).to.deep.include({ requestId: id, finality: "final", status: "final" });
      expect(watcher.output).not.to.match(/challenged/);
      expect(await again.stop(), "Ctrl-C ends it cleanly").to.equal(0);
      expect(await watcher.stop(), "Ctrl-C ends it cleanly").to.equal(0);
    });

    it("convicts an operator of another build that answers with a changed weight", async () => {
      const watch = running(script("watch", as(2)));
      const forger = running(script("../test/processes/forging-operator", as(1, { ASSAY_LISTEN: "127.0.0.1:0" })));
      await forger.prints(/serving/);
      const asked = running(
        script("request", as(3, { ASSAY_MODEL: MODEL, ASSAY_INPUT: IMAGE, ASSAY_WAIT: "claimed" })),
      );
      await watch.prints(/challenged/);
      // A watcher that crashes in the middle of a dispute goes on with it, if it has not convicted already.
      await watch.stop("SIGKILL");
      const again = running(script("watch", as(2)));
      const court = DisputeCourt__factory.connect(deployment.contracts.DisputeCourt, provider);
      await until(async () => (await court.queryFilter(court.filters.FraudProven())).length === 1);
      // It sees the false claim or, when the watcher was quicker, already its end.
      await asked.prints(/"finality": "(provisional|failed)"/);
      const staking = OperatorStaking__factory.connect(deployment.contracts.OperatorStaking, provider);
      expect(await staking.queryFilter(staking.filters.Tombstoned())).to.have.length(1);
      expect(await forger.stop()).to.equal(0);
      expect(await again.stop()).to.equal(0);
    });
  });
}
