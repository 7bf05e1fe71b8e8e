import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import hardhatToolboxMochaEthers from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import { configVariable, defineConfig } from "hardhat/config";
import { definePlugin } from "hardhat/plugins";
import type { HttpNetworkUserConfig } from "hardhat/types/config";
import type { HookContext, SolidityHooks } from "hardhat/types/hooks";

const require = createRequire(import.meta.url);

/** A public testnet: both values are read from the environment or from `npx hardhat keystore set NAME`. */
const testnet = (prefix: string, chainId: number, chainType: "l1" | "op" | "generic"): HttpNetworkUserConfig => ({
  type: "http",
  chainId,
  chainType,
  url: configVariable(`${prefix}_RPC_URL`),
  accounts: [configVariable(`${prefix}_PRIVATE_KEY`)],
});

/** Whether sources are verified with an explorer. */
const verifies = (explorer: string): boolean => (process.env.ASSAY_VERIFY || "sourcify").split(",").includes(explorer);

/** The compiler comes from npm, so a build needs nothing but the npm registry. */
const compiler = (runs: number) => ({
  version: "0.8.37",
  path: require.resolve("solc/soljson.js"),
  settings: {
    viaIR: true,
    optimizer: { enabled: true, runs },
    evmVersion: "osaka",
    metadata: { bytecodeHash: "none" },
  },
});

/** Whether nobody can call what an artifact describes: an abstract part of a contract. Interfaces are not such parts. */
const isAbstractPart = (artifactPath: string): boolean => {
  const { sourceName, bytecode } = JSON.parse(readFileSync(artifactPath, "utf8")) as Record<string, string>;
  return bytecode === "0x" && sourceName?.startsWith("contracts/interfaces/") === false;
};

/**
 * Which contracts get bindings, and in which order. Abstract parts get none: their functions are in the bindings of the
 * contract that inherits them. Hardhat's walk over the artifacts has no fixed order: sorted here, every machine writes
 * the same files. The handlers of a build share one list and run in the order of the plugins, so the list is changed in
 * place.
 */
const selectedBindings = definePlugin({
  id: "selected-bindings",
  hookHandlers: {
    solidity: () =>
      Promise.resolve({
        default: (): Promise<Partial<SolidityHooks>> =>
          Promise.resolve({
            processArtifactsAfterSuccessfulBuild: (_context: HookContext, artifactPaths: readonly string[]) => {
              const list = artifactPaths as string[];
              list.splice(0, list.length, ...list.filter((path) => !isAbstractPart(path)).sort());
              return Promise.resolve();
            },
          }),
      }),
  },
});

const build = {
  compilers: [compiler(10_000)],
  // Near the limit of a contract's size: size counts there, not the last unit of gas.
  overrides: {
    "contracts/court/DisputeCourt.sol": compiler(200),
    "contracts/market/InferenceMarket.sol": compiler(200),
  },
  isolated: false,
  toolVersionsInBuildInfo: false,
};

export default defineConfig({
  plugins: [selectedBindings, hardhatToolboxMochaEthers],
  // `ignition deploy` builds with the profile `production`: what it deploys must be what is tested.
  solidity: { profiles: { default: build, production: build } },
  paths: { sources: "./contracts", tests: { mocha: "./test" } },
  typechain: { outDir: "typechain-types" },
  coverage: { skipFiles: ["contracts/mocks/**"] },
  // What `scripts/deploy.ts` and `npx hardhat ignition verify` do: see ASSAY_VERIFY.
  verify: {
    etherscan: verifies("etherscan") ? { apiKey: configVariable("ETHERSCAN_API_KEY") } : { enabled: false },
    sourcify: { enabled: verifies("sourcify") },
    blockscout: { enabled: false },
  },
  // No limit of time for a test: how long one takes depends on how busy the machine is.
  test: { mocha: { timeout: 0, reporter: require.resolve("./tools/reporter.cjs") } },
  networks: {
    // What `npx hardhat node` runs: a block a second, so that time passes and draws find their future block.
    node: { type: "edr-simulated", chainId: 31_337, mining: { auto: true, interval: 1_000 } },
    localhost: { type: "http", url: process.env.ASSAY_RPC_URL || "http://127.0.0.1:8545" },
    sepolia: testnet("SEPOLIA", 11_155_111, "l1"),
    baseSepolia: testnet("BASE_SEPOLIA", 84_532, "op"),
    opSepolia: testnet("OP_SEPOLIA", 11_155_420, "op"),
    arbitrumSepolia: testnet("ARBITRUM_SEPOLIA", 421_614, "generic"),
  },
});
