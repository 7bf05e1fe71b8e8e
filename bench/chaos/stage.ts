import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { HDNodeWallet, type JsonRpcProvider, parseEther } from "ethers";
import { network } from "hardhat";

import { SHIPPED } from "../../ignition/modules/Assay.ts";
import { contextOf } from "../../services/chain/connection.ts";
import type { ServiceContext } from "../../services/chain/context.ts";
import { deploySuite } from "../../services/chain/deploy.ts";
import type { Deployment } from "../../services/chain/deployment.ts";
import { SYSTEM_CLOCK } from "../../services/environment/clock.ts";
import { type HostedModel, hostModel } from "../../services/models/models.ts";
import { join as joinOperators } from "../../services/operator/stake.ts";
import { publish } from "../../services/publisher/publish.ts";
import { f32 } from "../../testing/onnx-model.ts";
import { hosted } from "../../testing/wide-kernels.ts";
import { chainAt, freePort, Service } from "../../test/processes/network.ts";

/* The chain of a chaos run: anvil, the suite with short windows, a model, honest and forging operators with stakes. */

/** Elements of a side of the wide model's input: 40,000 bytes. */
export const SIDE = 100;
export const MODEL = "models/digits/digits.int8.onnx?N=1";
/** Seconds of the chain between two blocks; a block comes each second of the wall clock. */
export const BLOCK_SECONDS = 9;

/** Accounts of the development phrase, by what they do. */
export const ACCOUNTS = {
  operators: [1, 2],
  watcher: 3,
  requester: 4,
  indexer: 5,
  flooder: 6,
  challenger: 7,
  liar: 8,
  /** Takes the exits that anybody may take, at the end. */
  anybody: 9,
  forgers: [10, 11, 12, 13, 14],
} as const;
const PHRASE = "test test test test test test test test test test test junk";

export const walletOf = (index: number): HDNodeWallet =>
  HDNodeWallet.fromPhrase(PHRASE, undefined, `m/44'/60'/0'/0/${String(index)}`);

export interface Stage {
  readonly folder: string;
  readonly chain: Service;
  /** The chain itself, without a proxy. */
  readonly url: string;
  readonly provider: JsonRpcProvider;
  readonly deployment: Deployment;
  readonly deploymentFile: string;
  readonly model: HostedModel;
  /** A model whose inputs are too large for calldata. */
  readonly wide: HostedModel;
  /** Block at which everybody was ready. */
  readonly firstBlock: number;
}

const MINUTE = 60;
const EPOCH_SECONDS = 10 * MINUTE;
/** Windows of a development chain: long enough for a process that is killed, short enough for the run. */
const PARAMETERS = {
  Assay: {
    minimumWindow: MINUTE,
    epochSeconds: EPOCH_SECONDS,
    court: {
      ...SHIPPED.court,
      traceWindow: 30 * MINUTE,
      demandWindow: 60 * MINUTE,
      answerWindow: 15 * MINUTE,
      proofMargin: 30 * MINUTE,
    },
  },
};

export async function openStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "assay-chaos-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${String(port)}`;
  const chain = new Service("anvil", process.execPath, [
    "node_modules/@foundry-rs/anvil/bin.mjs",
    ...["--port", String(port), "--hardfork", "osaka", "--accounts", "20", "--silent"],
  ]);
  try {
    return await prepare(folder, url, chain);
  } catch (error) {
    await chain.stop("SIGKILL");
    throw error;
  }
}

async function prepare(folder: string, url: string, chain: Service): Promise<Stage> {
  const provider = await chainAt(url, chain);
  const connection = await network.create({ network: "localhost", override: { url } });
  const deployments = join(folder, "deployments");
  await mkdir(deployments, { recursive: true });
  const { file, ...deployment } = await deploySuite(connection, { parameters: PARAMETERS, folder: deployments });
  const signers = await connection.ethers.getSigners();
  const model = await hostModel(MODEL);
  const contextFor = (index: number): ServiceContext => {
    const signer = signers[index];
    if (signer === undefined) throw new Error(`the chain has no account ${String(index)}`);
    return contextOf(connection, deployment, signer, { report: () => undefined, clock: SYSTEM_CLOCK });
  };
  const wide = await hosted(folder, "wide", {
    inputs: { x: f32([1, 1, SIDE, SIDE]) },
    nodes: [{ op: "Relu", in: ["x"], out: ["y"] }],
    outputs: ["y"],
  });
  for (const each of [model, wide]) await publish(contextFor(0), each, {});
  // Forgers are not drawn for the wide model: what is said about its inputs is for the honest.
  for (const index of [...ACCOUNTS.operators, ...ACCOUNTS.forgers]) {
    const models = index === ACCOUNTS.operators[0] || index === ACCOUNTS.operators[1] ? [model, wide] : [model];
    await joinOperators(contextFor(index), models, { amount: parseEther("10000"), endpoint: "http://127.0.0.1" });
  }
  await connection.close();
  // Draws count who joined from the next epoch on.
  await provider.send("evm_increaseTime", [2 * EPOCH_SECONDS]);
  await provider.send("evm_mine", []);
  const firstBlock = await provider.getBlockNumber();
  await provider.send("anvil_setBlockTimestampInterval", [BLOCK_SECONDS]);
  await provider.send("evm_setIntervalMining", [1]);
  return { folder, chain, url, provider, deployment, deploymentFile: file ?? "", model, wide, firstBlock };
}
