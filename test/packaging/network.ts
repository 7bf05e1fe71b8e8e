import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { ContractTransactionReceipt } from "ethers";
import { parseEther, ZeroAddress, ZeroHash } from "ethers";

import { OPTIMISTIC_MODE } from "../../ignition/modules/Assay.ts";
import { policyOf } from "../../services/chain/evidence.ts";
import type { Deployment } from "../../services/chain/deployment.ts";
import { AssayToken__factory, InferenceMarket__factory } from "../../typechain-types/index.ts";
import type { RequestStruct } from "../../typechain-types/market/InferenceMarket.ts";
import { chainAt, CHAINS, done, freePort, script, type Service, until } from "../processes/network.ts";

/** Of the accounts that Hardhat's node gives money to. */
export const PHRASE = "test test test test test test test test test test test junk";
export const FEE = parseEther("20");
/** Long enough that no machine is so slow that an answer becomes final before a test has looked at it. */
export const WINDOW_SECONDS = 3_600;

/** A transaction on its way. */
export interface Sent {
  readonly wait: () => Promise<ContractTransactionReceipt | null>;
}

export type Network = Awaited<ReturnType<typeof openNetwork>>;

/** A chain with the suite, a published model and an operator that serves it: what an integrator's code meets. */
export async function openNetwork(folder: string, model: string) {
  const port = await freePort();
  const services: Service[] = [];
  const running = (service: Service | undefined): Service => {
    if (service === undefined) throw new Error("there is no such chain");
    services.push(service);
    return service;
  };
  const chain = running(CHAINS["hardhat node"]?.(port));
  const url = `http://127.0.0.1:${String(port)}`;
  const provider = await chainAt(url, chain);
  const deployments = join(folder, "deployments");
  const environment = {
    ASSAY_RPC_URL: url,
    ASSAY_DEPLOYMENTS: deployments,
    ASSAY_STORE: join(folder, "store"),
    ASSAY_INTERVAL: "250",
  };
  await done("deploy", environment);
  const published = await done("publish-model", { ...environment, ASSAY_MODEL: model });
  const versionId = /version (0x[0-9a-f]{64})/.exec(published)?.[1] ?? ZeroHash;
  const operator = { ...environment, ASSAY_ACCOUNT: "1", ASSAY_MODELS: model };
  await done("stake", operator);
  const operating = running(script("serve", operator));

  const deploymentFile = join(deployments, "31337.json");
  const { contracts } = JSON.parse(await readFile(deploymentFile, "utf8")) as Deployment;
  const [owner, stranger] = [await provider.getSigner(4), await provider.getSigner(5)];
  const market = InferenceMarket__factory.connect(contracts.InferenceMarket, owner);
  const token = AssayToken__factory.connect(contracts.AssayToken, owner);

  const advance = async (seconds: number): Promise<void> => {
    await provider.send("evm_increaseTime", [seconds]);
    await provider.send("evm_mine", []);
  };
  /** Id of the request that a transaction opens. */
  const openedBy = async (transaction: Sent): Promise<string> => {
    const receipt = await transaction.wait();
    const entries = receipt?.logs.map((log) => market.interface.parseLog(log)) ?? [];
    return String(entries.find((entry) => entry?.name === "RequestOpened")?.args.requestId);
  };
  /** What was agreed when the request was opened. */
  const requestOf = async (id: string): Promise<RequestStruct> => {
    const [entry] = await market.queryFilter(market.filters.RequestOpened(id));
    const parsed = entry === undefined ? null : market.interface.parseLog(entry);
    if (parsed === null) throw new Error(`no request ${id}`);
    return (parsed.args.request as { readonly toObject: () => RequestStruct }).toObject();
  };
  const claimed = async (id: string): Promise<void> => {
    await until(async () => (await market.queryFilter(market.filters.Claimed(id))).length === 1);
  };
  /** What the market is asked with when no consumer asks. */
  const termsOf = (version: string, inputs: Uint8Array) => ({
    versionId: version,
    inputs,
    inputRoot: ZeroHash,
    inputUri: "",
    policy: policyOf(OPTIMISTIC_MODE),
    fee: FEE,
    valueAtRisk: parseEther("200"),
    openSeconds: 3_600,
    claimSeconds: 3_600,
    windowSeconds: WINDOW_SECONDS,
    callback: ZeroAddress,
    callbackGas: 0,
    minimumHolders: 1,
  });
  const stopServing = async (): Promise<void> => {
    await operating.stop();
  };
  const close = async (): Promise<void> => {
    provider.destroy();
    for (const service of services.reverse()) await service.stop(service === chain ? "SIGKILL" : "SIGINT");
  };
  const operatorAddress = await (await provider.getSigner(6)).getAddress();
  const places = { operatorAddress, url, deploymentFile, versionId, owner, stranger, market, token };
  return { ...places, advance, openedBy, requestOf, claimed, termsOf, stopServing, close };
}
