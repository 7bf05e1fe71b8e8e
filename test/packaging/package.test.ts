import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect } from "chai";

import { tensorFrom, tensorRoot } from "../../runner/index.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const examples = fileURLToPath(new URL("../../examples", import.meta.url));

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
  });

  after(async () => {
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

    it("compiles against bindings and runner, and computes what the clone computes", async () => {
      await run(process.execPath, [join(path, "node_modules/typescript/bin/tsc")], { cwd: path });
      const { stdout } = await run(process.execPath, [join(path, "out/main.js")], { cwd: path });
      const result = JSON.parse(stdout) as Record<string, unknown>;
      expect(result).to.include({ root: tensorRoot(tensorFrom("f32", [1, 2, 3])), sameAbi: true });
      expect(result.refusal).to.equal("TENSOR_MISMATCH");
    });
  });

  describe("given a fresh Solidity project", () => {
    it("compiles a consumer of the market", async () => {
      const path = await project("solidity", pinned("hardhat"), pinned("solc"));
      await run(process.execPath, [join(path, "node_modules/hardhat/dist/src/cli.js"), "build"], { cwd: path });
      const artifact = JSON.parse(await readFile(join(path, "artifacts/contracts/Oracle.sol/Oracle.json"), "utf8")) as {
        readonly bytecode: string;
      };
      expect(artifact.bytecode.length).to.be.greaterThan(200);
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
