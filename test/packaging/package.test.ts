import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect } from "chai";
import {
  type BaseContract,
  ContractFactory,
  HDNodeWallet,
  Interface,
  type InterfaceAbi,
  isError,
  parseEther,
  ZeroHash,
} from "ethers";

import { OPTIMISTIC_MODE } from "../../ignition/modules/Assay.ts";
import { readTensorFile } from "../../runner/files/tensor-file.ts";
import { tensorBytes } from "../../runner/machine/tensor.ts";
import { ANSWER_STAGE } from "../../runner/protocol/enums.ts";
import { policyOf } from "../../services/chain/evidence.ts";
import { freePort, Service, until } from "../processes/network.ts";
import { FEE, type Network, openNetwork, PHRASE, type Sent, WINDOW_SECONDS } from "./network.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const DIGIT = 7;
const MODEL = "models/digits/digits.onnx";
const IMAGE = `models/digits/images/digit-${String(DIGIT)}.npy`;
const examples = fileURLToPath(new URL("../../examples/", import.meta.url));

/** Versions of what an integrator installs beside the package: those that this project pins. */
const pinned = (name: string): string => {
  const { version } = createRequire(import.meta.url)(`${root}node_modules/${name}/package.json`) as { version: string };
  return `${name}@${version}`;
};

/** What integrators import beside interfaces and types; each imports others of them. */
const IMPORTED = [
  ["consumers/PaidConsumer.sol", "a consumer base"],
  ["commitment/TensorTree.sol", "TensorTree"],
] as const;

/** The part of solc's interface that is used here: JSON in, JSON out. */
interface Solc {
  readonly compile: (input: string, options: { import: (path: string) => { contents: string } }) => string;
}

/** Errors of the compiler that is installed in a project, for one source of the packages there. */
const compile = (path: string, source: string): string[] => {
  const require = createRequire(join(path, "package.json"));
  const load = (name: string): string => readFileSync(join(path, "node_modules", name), "utf8");
  const input = {
    language: "Solidity",
    sources: { [source]: { content: load(source) } },
    settings: { outputSelection: { "*": { "*": ["evm.bytecode.object"] } } },
  };
  const { compile: run } = require("solc") as Solc;
  const output = JSON.parse(run(JSON.stringify(input), { import: (name) => ({ contents: load(name) }) })) as {
    readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  };
  return (output.errors ?? []).filter(({ severity }) => severity === "error").map((e) => e.formattedMessage);
};

describe("the npm package", () => {
  let folder: string;
  let tarball: string;
  let network: Network;

  const npm = async (cwd: string, ...args: string[]): Promise<string> => {
    const shell = process.platform === "win32";
    return (await run("npm", args, { cwd, shell, maxBuffer: 64 << 20 })).stdout;
  };

  /** A copy of one of the examples with the package installed, far from this clone. */
  const project = async (name: string, ...dependencies: string[]): Promise<string> => {
    const path = await mkdtemp(join(folder, `${name}-`));
    await cp(join(examples, name), path, { recursive: true });
    await npm(path, "install", "--prefer-offline", "--no-audit", "--no-fund", tarball, ...dependencies);
    return path;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-package-"));
    await npm(root, "pack", "--silent", "--pack-destination", folder);
    const name = (await readdir(folder)).find((file) => file.endsWith(".tgz"));
    if (name === undefined) throw new Error("npm pack gave no package");
    tarball = join(folder, name);
    network = await openNetwork(folder, `${MODEL}?N=1`);
  });

  after(async () => {
    await network.close();
    await rm(folder, { recursive: true, force: true });
  });

  describe("given a fresh TypeScript project", () => {
    let path: string;
    before(async () => {
      path = await project("typescript", pinned("typescript"), pinned("ethers"), pinned("@types/node"));
    });

    it("contains neither mocks nor sources that are not for users", async () => {
      const files = (await readdir(join(path, "node_modules/@assay/contracts"), { recursive: true })).map((file) =>
        file.replaceAll("\\", "/"),
      );
      expect(files).to.include.members(["contracts/interfaces/IInferenceMarket.sol", "dist/runner/index.d.ts"]);
      expect(files.filter((file) => /mock|\btest\b|(?<!\.d)\.ts$|\.onnx$/i.test(file))).to.deep.equal([]);
    });

    it("gives the ABIs as files", () => {
      const abi = createRequire(join(path, "main.js"))("@assay/contracts/abi/ITensorMachine.json") as InterfaceAbi;
      expect(new Interface(abi).hasFunction("execute")).to.equal(true);
    });

    it("asks, waits until the answer is final, and verifies it by running the model", async () => {
      await run(process.execPath, [join(path, "node_modules/typescript/bin/tsc")], { cwd: path });
      const { url, deploymentFile, versionId, advance } = network;
      const files = [deploymentFile, versionId, `${join(root, MODEL)}?N=1`, join(root, IMAGE)];
      const asked = new Service("main.js", process.execPath, [join(path, "out/main.js"), url, ...files], {
        PRIVATE_KEY: HDNodeWallet.fromPhrase(PHRASE, "", "m/44'/60'/0'/0/3").privateKey,
      });
      const [, id = ""] = await asked.prints(/request (0x[0-9a-f]{64})/);
      await network.claimed(id);
      await advance(61);
      expect(await asked.ended(), asked.output).to.equal(0);
      const result = JSON.parse(asked.stdout) as Record<string, unknown>;
      expect(result).to.include({ requestId: id, finality: "final", verified: true });
      const [scores = []] = result.outputs as number[][];
      expect(scores.indexOf(Math.max(...scores))).to.equal(DIGIT);
    });
  });

  describe("given an empty folder", () => {
    it("assay-node stakes, starts with an embedded database of its own, and is ready", async () => {
      const path = await mkdtemp(join(folder, "node-"));
      await writeFile(join(path, "package.json"), "{}");
      await npm(path, "install", "--prefer-offline", "--no-audit", "--no-fund", tarball);
      const { url, deploymentFile, advance, operatorAddress } = network;
      const [monitor, listen] = [await freePort(), await freePort()];
      const configuration = {
        rpc: [url],
        deployment: deploymentFile,
        remoteAccount: operatorAddress,
        models: [`${join(root, MODEL)}?N=1`],
        monitor: `127.0.0.1:${String(monitor)}`,
        listen: `127.0.0.1:${String(listen)}`,
        privateUrls: true,
      };
      await writeFile(join(path, "node.json"), JSON.stringify(configuration));
      const command = (...args: readonly string[]): Service => {
        const bin = join(path, "node_modules/@assay/contracts/bin/assay-node.mjs");
        return new Service(args.join(" "), process.execPath, [bin, ...args, "--config", "node.json"], {}, path);
      };
      const staked = command("stake", "2000");
      expect(await staked.ended(), staked.output).to.equal(0);
      await advance(61);
      const checked = command("doctor");
      expect(await checked.ended(), checked.output).to.equal(0);
      const operator = command("operator");
      await operator.prints(/operator runs/);
      const ready = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${String(monitor)}/ready`)).ok;
      await until(ready);
      expect(await operator.stop()).to.equal(0);
      expect(await readdir(join(path, ".assay"))).to.have.members(["database", "store"]);
    });
  });

  describe("given a fresh Solidity project", () => {
    let oracle: BaseContract;
    let image: Uint8Array;
    const call = (method: string) => oracle.getFunction(method);
    /** What a call as a stranger reverts with. */
    const refusal = async (method: string, ...args: readonly unknown[]): Promise<unknown> => {
      const asStranger = oracle.connect(network.stranger);
      const error: unknown = await asStranger
        .getFunction(method)
        .staticCall(...args)
        .then(
          () => "nothing",
          (reason: unknown) => reason,
        );
      return isError(error, "CALL_EXCEPTION")
        ? [error.revert?.name, ...((error.revert?.args ?? []) as readonly unknown[])]
        : error;
    };
    const answerOf = async (id: string): Promise<unknown> => [...((await call("answerOf")(id)) as Iterable<unknown>)];
    const ask = async (): Promise<string> => await network.openedBy((await call("ask")(image)) as Sent);

    before(async () => {
      const path = await project("solidity", pinned("hardhat"), pinned("solc"));
      await run(process.execPath, [join(path, "node_modules/hardhat/dist/src/cli.js"), "build"], { cwd: path });
      const artifact = JSON.parse(await readFile(join(path, "artifacts/contracts/Oracle.sol/Oracle.json"), "utf8")) as {
        readonly abi: InterfaceAbi;
        readonly bytecode: string;
      };
      const { owner, market, token, versionId } = network;
      const settings = {
        versionId,
        policy: policyOf(OPTIMISTIC_MODE),
        fee: FEE,
        valueAtRisk: parseEther("200"),
        openSeconds: 3_600,
        claimSeconds: 3_600,
        windowSeconds: WINDOW_SECONDS,
        callbackGas: 200_000,
        minimumHolders: 1,
        acceptedStage: ANSWER_STAGE.final,
      };
      oracle = await new ContractFactory(artifact.abi, artifact.bytecode, owner).deploy(market, settings);
      await oracle.waitForDeployment();
      await (await token.connect(owner).mint(owner, 10n * FEE)).wait();
      await (await token.connect(owner).approve(oracle, 10n * FEE)).wait();
      image = tensorBytes(readTensorFile(join(root, IMAGE), { name: "image", element: "f32", shape: [1, 1, 8, 8] }));
    });

    it("the oracle keeps an answer once it is final, and not before", async () => {
      const id = await ask();
      await network.claimed(id);
      expect(await answerOf(id)).to.deep.equal([0n, false]);
      await network.advance(WINDOW_SECONDS + 1);
      await until(async () => String(await answerOf(id)) !== "0,false");
      expect(await answerOf(id)).to.deep.equal([BigInt(DIGIT), true]);
    });

    it("the oracle refuses a stranger that asks, or gives it an answer", async () => {
      const { market, owner, stranger } = network;
      expect(await refusal("ask", image)).to.deep.equal(["OracleNotOwner", stranger.address, owner.address]);
      const lie = [ZeroHash, ANSWER_STAGE.final, ZeroHash, "0x"];
      const expected = ["ConsumerNotMarket", stranger.address, await market.getAddress()];
      expect(await refusal("onInference", ...lie)).to.deep.equal(expected);
    });

    it("the oracle refuses the answer to a question of a stranger that names it as the callback", async () => {
      const { market, token, stranger, versionId } = network;
      await (await token.connect(stranger).mint(stranger, FEE)).wait();
      await (await token.connect(stranger).approve(market, FEE)).wait();
      const terms = { ...network.termsOf(versionId, image), callback: oracle, callbackGas: 200_000 };
      const id = await network.openedBy(await market.connect(stranger).request(terms));
      await network.claimed(id);
      await network.advance(WINDOW_SECONDS + 1);
      const done = async () => await market.queryFilter(market.filters.CallbackDone(id));
      await until(async () => (await done()).length === 2);
      expect((await done()).map(({ args }) => args.success)).to.deep.equal([false, false]);
      expect(await answerOf(id)).to.deep.equal([0n, false]);
    });

    it("the oracle returns the fee of a question that nobody answered", async () => {
      const { market, token, owner, stopServing, advance } = network;
      await stopServing();
      const before = await token.balanceOf(owner);
      const id = await ask();
      expect(await token.balanceOf(owner)).to.equal(before - FEE);
      await advance(3_700);
      await (await market.refund(await network.requestOf(id))).wait();
      await ((await call("reclaim")()) as Sent).wait();
      expect(await token.balanceOf(owner)).to.equal(before);
      expect(await answerOf(id)).to.deep.equal([0n, false]);
    });

    for (const [file, contract] of IMPORTED) {
      it(`compiles ${contract} with the oldest compiler that its pragma allows`, async () => {
        const source = await readFile(join(root, "contracts", file), "utf8");
        const oldest = /^pragma solidity >=([0-9.]+) /mu.exec(source)?.[1] ?? "";
        const path = await project("solidity", `solc@${oldest}`);
        expect(compile(path, `@assay/contracts/contracts/${file}`)).to.deep.equal([]);
      });
    }
  });
});
