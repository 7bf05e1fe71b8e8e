import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { pino, type Logger } from "pino";

import type { Store } from "../../runner/files/store.ts";
import { hostVersion } from "../blobs/hosting.ts";
import { serveBlobs } from "../blobs/blobs.ts";
import type { ServiceContext } from "../chain/context.ts";
import { keepLooking } from "../chain/loop.ts";
import { findVersion } from "../chain/versions.ts";
import { type Database, isPostgres, openDatabase } from "../database/database.ts";
import { databaseJournal } from "../database/journal.ts";
import type { Reporter, ServiceEvent } from "../environment/events.ts";
import { eventText } from "../environment/log.ts";
import type { Environment } from "../environment/options.ts";
import { threadedExecutor } from "../models/executor.ts";
import { type HostedModel, hostModel } from "../models/models.ts";
import { closeWorkshop, openWorkshop, workChange, type Workshop } from "../work/workshop.ts";
import type { Account } from "./account.ts";
import { openChain } from "./chain.ts";
import type { Configuration } from "./configuration.ts";
import { storeOf } from "./store.ts";
import { Metrics } from "./metrics.ts";
import { openShare } from "./sharing.ts";
import { type Pulse, serveMonitor } from "./monitor.ts";

/** A running node. */
export interface Node {
  readonly configuration: Configuration;
  readonly context: ServiceContext;
  readonly account: Account;
  readonly database: Database;
  readonly store: Store;
  readonly workshop: Workshop;
  readonly models: readonly HostedModel[];
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly close: () => Promise<void>;
}

/** What a role does at each look, and what it shows. */
export interface Role {
  readonly name: string;
  readonly step: (signal: AbortSignal) => Promise<void>;
  /** Takes measurements after a look. */
  readonly measure?: () => void;
  readonly tables?: Readonly<Record<string, () => unknown>>;
}

/** Kinds of events that a person must look at some time. */
const WARNINGS: ReadonlySet<ServiceEvent["kind"]> = new Set([
  "retrying",
  "endpointFailed",
  "inputUnavailable",
  "outputUnavailable",
  "traceNotKept",
  "textUnusable",
  "eventUnusable",
  "reorganised",
]);
/** Looks that may fail in a row before a node counts as not ready. */
const PATIENCE_SECONDS = 180;

/** Fetches, verifies and compiles the models of a configuration's versions. @throws as `hostVersion` does. */
async function hostVersions(
  { versions, store, modelBytes: maxBytes }: Configuration,
  { ledger, suite, provider, report }: ServiceContext,
  { client }: Workshop,
): Promise<readonly HostedModel[]> {
  await ledger.sync();
  const models: HostedModel[] = [];
  for (const versionId of versions) {
    const version = ledger.version(versionId) ?? (await findVersion(suite, provider, versionId));
    const hosted = await hostVersion(version, { client, folder: join(store, "models"), maxBytes });
    report({ kind: "hosted", model: hosted.name, versionId });
    models.push(hosted);
  }
  return models;
}

/** Opens what a configuration names, for a role. @throws AssayError and what the database or a file is refused with. */
export async function openNode(configuration: Configuration, environment: Environment, role = "node"): Promise<Node> {
  const log = pino({ level: configuration.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  const metrics = new Metrics();
  const report: Reporter = (event) => {
    metrics.count(event);
    log[WARNINGS.has(event.kind) ? "warn" : "info"]({ event: event.kind, ...fieldsOf(event) }, eventText(event));
  };
  const chain = await openChain(configuration, environment, report);
  const { deployment, account, provider, clock } = chain;
  const database = await openDatabase(configuration.database);
  // Several processes share a Postgres; the embedded database is of one.
  const shared = isPostgres(configuration.database)
    ? openShare(database, { deployment, account: await account.signer.getAddress(), role, report })
    : undefined;
  const journal = databaseJournal(database, deployment, shared === undefined ? "" : `${role}:${configuration.worker}`);
  const alone = chain.contextWith(journal);
  const context: ServiceContext =
    shared === undefined ? alone : { ...alone, share: shared.work, sender: shared.sender(alone.sender, clock) };
  await mkdir(configuration.store, { recursive: true });
  const store = storeOf(configuration, environment);
  const workshop = openWorkshop({
    clock,
    privateAddresses: configuration.privateUrls,
    ipfsGateway: configuration.ipfsGateway,
    executor: threadedExecutor(configuration.threads),
  });
  const close = async (): Promise<void> => {
    await closeWorkshop(workshop);
    await shared?.close();
    await database.close();
    provider.destroy();
  };
  const models: HostedModel[] = [];
  try {
    for (const spec of configuration.models) models.push(await hostModel(spec));
    if (configuration.versions.length > 0) models.push(...(await hostVersions(configuration, context, workshop)));
  } catch (error) {
    await close();
    throw error;
  }
  return { configuration, context, account, database, store, workshop, models, metrics, log, close };
}

/** Serves the store's blobs if the configuration says so. @returns What stands before a blob's id in locations. */
export async function serveStore({ configuration, store }: Node, signal: AbortSignal): Promise<string> {
  const { listen, endpoint } = configuration;
  if (listen === undefined) return "store:";
  const port = await serveBlobs(store, listen, signal);
  return `${endpoint ?? `http://${listen.host}:${String(port)}`}/blobs/`;
}

/** Runs a role until the signal fires. */
export async function runRole(node: Node, role: Role, signal: AbortSignal): Promise<void> {
  const { configuration, context, metrics, workshop, log } = node;
  const { clock } = context;
  const pulse: Pulse = { begun: clock.now(), done: 0 };
  if (configuration.monitor !== undefined) {
    const monitored = { clock, metrics, patienceSeconds: PATIENCE_SECONDS, tables: role.tables ?? {} };
    const port = await serveMonitor(configuration.monitor, monitored, pulse, signal);
    log.info({ port }, `/health, /ready and /metrics are on port ${String(port)}`);
  }
  log.info({ role: role.name, account: await context.signer.getAddress() }, `${role.name} runs`);
  const look = async (given: AbortSignal): Promise<void> => {
    pulse.begun = clock.now();
    const stop = metrics.lookSeconds.startTimer();
    try {
      await role.step(given);
      pulse.done = clock.now();
      metrics.looks.inc({ result: "ok" });
      metrics.lastLook.set(pulse.done);
      await measure(node);
      role.measure?.();
    } catch (error) {
      metrics.looks.inc({ result: "failed" });
      throw error;
    } finally {
      stop();
    }
  };
  const { intervalMilliseconds } = configuration;
  const wake = (given: AbortSignal): Promise<void> => workChange(workshop, given);
  await keepLooking(context, { task: role.name, intervalMilliseconds, look, wake }, signal);
  log.info(`${role.name} stopped`);
}

async function measure({ context, metrics, workshop, account }: Node): Promise<void> {
  const { ledger, provider, signer, suite } = context;
  const own = await signer.getAddress();
  const [block, wei, tokens] = await Promise.all([
    provider.getBlock("latest"),
    provider.getBalance(own),
    suite.token.balanceOf(own),
  ]);
  metrics.tip.set(ledger.tip);
  metrics.head.set(block?.timestamp ?? 0);
  metrics.wei.set(Number(wei));
  metrics.tokens.set(Number(tokens) / 1e18);
  metrics.spent.set(Number(account.spentToday()));
  metrics.countRequests(ledger.requests.values());
  for (const [board, { counts }] of Object.entries({
    downloads: workshop.downloads,
    executions: workshop.executions,
  })) {
    for (const [state, count] of Object.entries(counts)) metrics.tasks.set({ board, state }, count);
  }
}

/** What a line says besides its words. Receipts are large: only their hash and gas are named. */
function fieldsOf(event: ServiceEvent): Readonly<Record<string, unknown>> {
  if (event.kind !== "sent") return event.kind === "feeRaised" ? { nonce: event.nonce } : { ...event, kind: undefined };
  const { action, receipt } = event;
  const requestId = "requestId" in action ? action.requestId : undefined;
  return { action: action.kind, requestId, transaction: receipt.hash, gas: String(receipt.gasUsed) };
}

/** Folder of what an operator keeps for its answers. */
export const custodyOf = async ({ configuration, context }: Node): Promise<string> =>
  join(configuration.store, "held", await context.signer.getAddress());
