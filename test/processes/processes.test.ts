import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
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
import { chainAt, CHAINS, commandsUnder, done, freePort, script, type Service, typed, until } from "./network.ts";

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

    /**
     * The environment that makes a configuration of ops/local/ one of this chain: ports and folders of its own. The operator
     * and the watcher sign with a key, the others leave that to the node.
     */
    const home = async (account: number) => {
      const [monitor, listen] = [await freePort(), await freePort()];
      const path = join(folder, `node-${String(account)}`);
      const { privateKey, address } = HDNodeWallet.fromPhrase(PHRASE, undefined, `m/44'/60'/0'/0/${String(account)}`);
      const key = { ASSAY_NODE_REMOTE_ACCOUNT: "", ASSAY_NODE_KEY_VARIABLE: "ACCOUNT_KEY", ACCOUNT_KEY: privateKey };
      return {
        ASSAY_NODE_RPC: shared.ASSAY_RPC_URL ?? "",
        ASSAY_NODE_DEPLOYMENT: join(folder, "deployments", "31337.json"),
        ASSAY_NODE_STORE: join(path, "store"),
        ASSAY_NODE_DATABASE: join(path, "database"),
        ASSAY_NODE_LISTEN: `127.0.0.1:${String(listen)}`,
        ASSAY_NODE_MONITOR: `127.0.0.1:${String(monitor)}`,
        ASSAY_NODE_INTERVAL_MILLISECONDS: "250",
        ...(account === 1 || account === 2 ? key : { ASSAY_NODE_REMOTE_ACCOUNT: address }),
        monitor: `http://127.0.0.1:${String(monitor)}`,
      };
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

    it("the README's walk answers a question, through a crash of the operator", async () => {
      const [, , publish = "", stake = "", operate = "", watch = "", ask = ""] =
        await commandsUnder("Try it as separate processes");
      const ended = async (line: string, env: Readonly<Record<string, string>>): Promise<Service> => {
        const service = running(typed(line, env));
        expect(await service.ended(), service.output).to.equal(0);
        return service;
      };
      const [publisher, operating, watching, asking] = [await home(0), await home(1), await home(2), await home(3)];
      expect((await ended(publish, publisher)).output).to.match(/it is published already/);
      await ended(stake, operating);
      const doctor = await ended(operate.replace("operator", "doctor"), operating);
      expect(doctor.stdout).to.match(/^ok {7}opted in to digits.onnx$/m);
      expect(doctor.stdout).to.match(/^ok {7}the contracts of the deployment file are of one suite$/m);
      const { InferenceMarket, OperatorPools, OperatorStaking, ...rest } = deployment.contracts;
      const swapped = { ...rest, InferenceMarket, OperatorPools: OperatorStaking, OperatorStaking: OperatorPools };
      const twisted = join(folder, "twisted.json");
      await writeFile(twisted, JSON.stringify({ ...deployment, contracts: swapped }));
      const alarmed = running(
        typed(operate.replace("operator", "doctor"), { ...operating, ASSAY_NODE_DEPLOYMENT: twisted }),
      );
      expect(await alarmed.ended()).to.equal(1);
      expect(alarmed.stdout).to.match(/^failure {2}.*pools is 0x.*, and 0x.* in the deployment file$/m);
      const operator = running(typed(operate, operating));
      const watcher = running(typed(watch, watching));
      await Promise.all([operator.prints(/operator runs/), watcher.prints(/watcher runs/)]);
      const opened = await ended(`${ask} --window ${String(WINDOW)} --wait none`, asking);
      const [, id = ""] = /request (0x[0-9a-f]{64})/.exec(opened.output) ?? [];
      await operator.prints(/"action":"claimed"/);
      await operator.stop("SIGKILL");
      const again = running(typed(operate, operating));
      await again.prints(/operator runs/);
      expect((await fetch(`${operating.monitor}/health`)).status).to.equal(200);
      await increaseTime(WINDOW + 1);
      await again.prints(/"action":"finalised"/);
      // Ready is who has ended a look.
      await until(async () => (await fetch(`${operating.monitor}/ready`)).ok);
      const asked = await ended(ask.replace(/ask .* --config/, `wait ${id} --config`), asking);
      expect(JSON.parse(asked.stdout)).to.deep.include({ requestId: id, finality: "final", status: "final" });
      expect(watcher.output).not.to.match(/challenged/);
      expect(await again.stop(), "Ctrl-C ends it cleanly").to.equal(0);
      expect(await watcher.stop(), "Ctrl-C ends it cleanly").to.equal(0);
    });

    it("an operator with nothing but the id of a version fetches the model, checks it, and answers", async () => {
      const file = "models/digits/digits.int8.onnx";
      const config = ["--config", "ops/local/operator.json"].join(" ");
      const manifest = join(folder, "manifest.json");
      const bytes = await readFile(file);
      let served: Uint8Array = bytes;
      const server = createServer((request, response) => {
        if (request.url === "/int8.onnx") response.end(served);
        else void readFile(manifest).then((text) => response.end(text));
      });
      const port = await freePort();
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      try {
        const publisher = { ...(await home(0)), ASSAY_NODE_MODELS: "" };
        const uri = `http://127.0.0.1:${String(port)}/int8.onnx`;
        const published = running(
          typed(`npx assay-node publish '${file}?N=1' --uri ${uri} --manifest ${manifest} ${config}`, publisher),
        );
        expect(await published.ended(), published.output).to.equal(0);
        const [, version = ""] = /is version (0x[0-9a-f]{64})/.exec(published.output) ?? [];
        const operating = { ...(await home(5)), ASSAY_NODE_MODELS: "", ASSAY_NODE_VERSIONS: version };
        const staked = running(typed(`npx assay-node stake 6000 ${config}`, operating));
        expect(await staked.ended(), staked.output).to.equal(0);
        await increaseTime(61);
        served = bytes.subarray(1);
        const refused = running(typed(`npx assay-node operator ${config}`, operating));
        expect(await refused.ended()).to.equal(1);
        expect(refused.output).to.match(/int8\.onnx is refused: the hash of its file is 0x/);
        served = bytes;
        const operator = running(typed(`npx assay-node operator ${config}`, operating));
        await operator.prints(/operator runs/);
        const image = "models/digits/images/digit-7.npy";
        const asked = running(
          typed(`npx assay-node ask --version ${version} ${image} --wait claimed ${config}`, await home(6)),
        );
        expect(await asked.ended(), asked.output).to.equal(0);
        const { outputs } = JSON.parse(asked.stdout) as { readonly outputs: { values: number[] }[] };
        const scores = outputs[0]?.values ?? [];
        expect(scores.indexOf(Math.max(...scores))).to.equal(7);
        expect(await operator.stop()).to.equal(0);
      } finally {
        server.close().closeAllConnections();
      }
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
