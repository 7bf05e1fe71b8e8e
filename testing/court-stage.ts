import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parseEther } from "ethers";
import { network } from "hardhat";

import { OPTIMISTIC_MODE } from "../ignition/modules/Assay.ts";
import type { Hash } from "../runner/commitment/keccak.ts";
import { ANSWER_STAGE } from "../runner/protocol/enums.ts";
import type { Tensor } from "../runner/machine/tensor.ts";
import type { Store } from "../runner/files/store.ts";
import { type Connection, contextOf, type Signer } from "../services/chain/connection.ts";
import { ask, newestVersion } from "../services/requester/ask.ts";
import { type DeployOptions, deploySuite } from "../services/chain/deploy.ts";
import { attach, type Deployment } from "../services/chain/deployment.ts";
import { policyOf } from "../services/chain/evidence.ts";
import type { Journal } from "../services/chain/journal.ts";
import type { RequestView } from "../services/chain/ledger.ts";
import type { HostedModel } from "../services/models/models.ts";
import { type OperatorOptions, OperatorService } from "../services/operator/operator.ts";
import { publish } from "../services/publisher/publish.ts";
import type { ServiceContext } from "../services/chain/context.ts";
import { CHAIN_CLOCK } from "../services/environment/clock.ts";
import type { SentEvent, ServiceEvent } from "../services/environment/events.ts";
import { allow, fund } from "../services/chain/funds.ts";
import { join as joinOperators } from "../services/operator/stake.ts";
import { type WatcherOptions, WatcherService } from "../services/watcher/watcher.ts";
import { openWorkshop, type Workshop } from "../services/work/workshop.ts";

export const WINDOW_SECONDS = 3_600;
export const FEE = parseEther("20");
/** Later than any clock, so that services must use the time of the chain. */
export const BEGINNING = new Date("2040-01-01T00:00:00Z");
const MINING = new Set(["eth_sendTransaction", "eth_sendRawTransaction", "evm_mine", "hardhat_mine"]);

/** Makes each block one second later than the one before, independent of the clock: the same run gives the same bytes. */
export function steadyTime({ provider }: Pick<Connection, "provider">): void {
  const request = provider.request.bind(provider) as (call: { method: string; params?: unknown }) => Promise<unknown>;
  let chosen = false;
  provider.request = async (call): Promise<unknown> => {
    if (call.method === "evm_setNextBlockTimestamp") chosen = true;
    if (MINING.has(call.method)) {
      if (!chosen) {
        const latest: unknown = await request({ method: "eth_getBlockByNumber", params: ["latest", false] });
        const { timestamp } = latest as { readonly timestamp: string };
        await request({ method: "evm_setNextBlockTimestamp", params: [Number(timestamp) + 1] });
      }
      chosen = false;
    }
    return await request(call);
  };
}

/** How the suite is deployed, and what is done to the chain before. */
export interface StageOptions extends DeployOptions {
  readonly prepare?: (connection: Connection) => Promise<void>;
}

export type CourtStage = Awaited<ReturnType<typeof openStage>>;

/**
 * The whole suite with its services on a chain of its own: models published, one operator with a stake, one watcher
 * with bonds, one requester with money; all that services report is kept. One operator, so that the draw is certain.
 */
export async function openStage(
  models: readonly HostedModel[],
  store: Store,
  { prepare, ...options }: StageOptions = {},
) {
  const connection = await network.create({ override: { initialDate: BEGINNING } });
  steadyTime(connection);
  const { ethers, networkHelpers } = connection;
  const signers = await ethers.getSigners();
  const [publisher, requester, watching, operating, stranger] = signers.slice(1, 6) as [
    Signer,
    Signer,
    Signer,
    Signer,
    Signer,
  ];
  await prepare?.(connection);
  const deployment: Deployment = await deploySuite(connection, options);
  const events: ServiceEvent[] = [];
  const report = (event: ServiceEvent): void => {
    events.push(event);
  };
  /** The transactions that services sent, from a place in the list of events on. */
  const sentSince = (from: number): readonly SentEvent[] => events.slice(from).filter((event) => event.kind === "sent");
  const contextFor = (signer: Signer, journal?: Journal): ServiceContext =>
    contextOf(connection, deployment, signer, {
      report,
      clock: CHAIN_CLOCK,
      ...(journal === undefined ? {} : { journal }),
    });
  const publishing = contextFor(publisher);
  for (const model of models) {
    await publish(publishing, model, { royaltyBps: 500, royaltyRecipient: publisher.address });
  }
  await joinOperators(contextFor(operating), models, {
    amount: parseEther("10000"),
    endpoint: "https://operator.example",
  });
  // Draws count who joined from the next epoch on.
  await networkHelpers.time.increase(await attach(deployment, requester).pools.EPOCH_SECONDS());
  const asking = contextFor(requester);
  await fund(asking, parseEther("1000"));
  await allow(asking, asking.suite.market);
  const accusing = contextFor(watching);
  await fund(accusing, parseEther("10000"));
  await allow(accusing, accusing.suite.court);

  const custody = await mkdtemp(join(tmpdir(), "assay-held-"));
  const workshopOf = (): Workshop => openWorkshop({ clock: CHAIN_CLOCK, privateAddresses: true });

  /** An operator that has just started: it knows only what is on chain, and what it kept. */
  const operator = (more: Partial<OperatorOptions> = {}): OperatorService =>
    new OperatorService({
      ...contextFor(operating),
      ...{ models, store, custody, workshop: workshopOf(), locationPrefix: "store:" },
      ...more,
    });
  const watcher = (more: Partial<WatcherOptions> = {}): WatcherService =>
    new WatcherService({
      ...contextFor(watching),
      ...{ models, store, workshop: workshopOf(), secret: `0x${"5e".repeat(32)}` },
      ...more,
    });

  /** The present state of a request on chain. */
  const view = async (id: Hash): Promise<RequestView> => {
    await asking.ledger.sync();
    const found = asking.ledger.requests.get(id);
    if (found === undefined) throw new Error(`no request ${id}`);
    return found;
  };
  const status = async (id: Hash): Promise<bigint> => (await asking.suite.market.stateOf(id)).status;

  /** Lets time pass on the chain. */
  const advance = async (seconds: number): Promise<void> => {
    await networkHelpers.time.increaseTo((await networkHelpers.time.latest()) + seconds);
  };

  /** Opens a request and mines until its operator can be drawn. */
  const open = async (
    model: HostedModel,
    inputs: readonly Tensor[],
    { policy = policyOf(OPTIMISTIC_MODE), from = store }: { readonly policy?: string; readonly from?: Store } = {},
  ): Promise<Hash> => {
    const question = { inputs, policy, fee: FEE, valueAtRisk: parseEther("80"), windowSeconds: WINDOW_SECONDS };
    await asking.ledger.sync();
    const id = await ask(asking, newestVersion(asking, model), { ...question, store: from });
    await networkHelpers.mine(3);
    return id;
  };

  /** Terms of a consumer contract. */
  const termsOf = (versionId: Hash) => ({
    versionId,
    policy: policyOf(OPTIMISTIC_MODE),
    fee: FEE,
    valueAtRisk: parseEther("80"),
    openSeconds: WINDOW_SECONDS,
    claimSeconds: WINDOW_SECONDS,
    windowSeconds: WINDOW_SECONDS,
    callbackGas: 150_000,
    minimumHolders: 1,
    acceptedStage: ANSWER_STAGE.provisional,
  });

  const { suite } = asking;
  const accounts = { publisher, requester, watching, operating, stranger };
  return {
    ...{
      connection,
      custody,
      deployment,
      networkHelpers,
      suite,
      asking,
      accusing,
      events,
      sentSince,
      accounts,
      contextFor,
    },
    ...{ operator, watcher, view, status, advance, open, termsOf },
  };
}
