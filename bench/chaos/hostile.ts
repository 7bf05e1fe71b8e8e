/**
 * The hostile process of a chaos run: operators that forge, requesters that flood and lie about inputs, and who accuses and
 * demands without a reason. All of it is bounded in number, and reaches nothing but the loopback.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { hexlify, parseEther, type Signer, Wallet, ZeroAddress, ZeroHash } from "ethers";

import { createRandom } from "../../runner/machine/prng.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { readInputs } from "../../runner/files/model.ts";
import { serveBlobs } from "../../services/blobs/blobs.ts";
import type { ServiceContext } from "../../services/chain/context.ts";
import { attach, deploymentIn } from "../../services/chain/deployment.ts";
import { Endpoints } from "../../services/chain/endpoints.ts";
import { OPTIMISTIC_MODE, policyOf } from "../../services/chain/evidence.ts";
import { allow, fund } from "../../services/chain/funds.ts";
import { Ledger } from "../../services/chain/ledger.ts";
import { TransactionManager } from "../../services/chain/transactions.ts";
import { SYSTEM_CLOCK } from "../../services/environment/clock.ts";
import type { Reporter } from "../../services/environment/events.ts";
import { eventText } from "../../services/environment/log.ts";
import { listen } from "../../services/environment/listen.ts";
import { type HostedModel, hostModel, joinTensors } from "../../services/models/models.ts";
import { threadedExecutor } from "../../services/models/executor.ts";
import { OperatorService } from "../../services/operator/operator.ts";
import { openWorkshop } from "../../services/work/workshop.ts";
import { changeOneWeight, flipOneBit } from "../../testing/forgeries.ts";

/** What a hostile process is told. */
export interface HostilePlan {
  readonly seed: number;
  readonly url: string;
  readonly deployment: string;
  readonly folder: string;
  readonly model: string;
  readonly wide: string;
  /** Keys of accounts. */
  readonly forgers: readonly string[];
  readonly flooder: string;
  readonly challenger: string;
  readonly liar: string;
  readonly windowSeconds: number;
  readonly floods: number;
  readonly floodSize: number;
  readonly lies: number;
  readonly challenges: number;
  readonly milliseconds: number;
}

const plan = JSON.parse(await readFile(process.argv[2] ?? "", "utf8")) as HostilePlan;
const random = createRandom(plan.seed);
const stop = new AbortController();
process.on("SIGTERM", () => {
  stop.abort();
});
const { signal } = stop;

const deployment = await deploymentIn(plan.deployment);
const report: Reporter = (event) => {
  if (event.kind !== "endpointFailed") console.log(new Date().toISOString(), eventText(event));
};
const provider = new Endpoints([plan.url], deployment.chainId, SYSTEM_CLOCK, report);
const [model, wide] = [await hostModel(plan.model), await hostModel(plan.wide)];
const picture = joinTensors(readInputs(model.model, "image", ["image=models/digits/images/digit-7.npy"]));

/** Servers of strangers: one says nothing for ever, one gives a small archive that becomes a gigabyte. */
const silent = createServer(() => undefined);
const silentUrl = `http://127.0.0.1:${String(await listen(silent, { host: "127.0.0.1", port: 0 }, signal))}/blobs/`;
const archive = gzipSync(Buffer.alloc(64 << 20));
const bomb = createServer((_, response) => {
  response.writeHead(200, { "content-encoding": "gzip" });
  for (let i = 0; i < 16; i++) response.write(archive);
  response.end();
});
const bombUrl = `http://127.0.0.1:${String(await listen(bomb, { host: "127.0.0.1", port: 0 }, signal))}/blobs/`;

const policy = { maxFeePerGas: 10n ** 13n, dailyWei: parseEther("1000"), bumpSeconds: 10, dryRun: false };
const ledger = new Ledger(attach(deployment, provider), provider, deployment, report);
function contextOf(key: string): ServiceContext {
  const signer: Signer = new Wallet(key, provider);
  const sender = new TransactionManager({ provider, signer, clock: SYSTEM_CLOCK, report, policy });
  const suite = attach(deployment, signer);
  return { suite, signer, sender, provider, randomness: deployment.randomness, ledger, report, clock: SYSTEM_CLOCK };
}

interface Forger {
  readonly address: string;
  readonly silent: boolean;
  readonly step: () => Promise<void>;
}

/** Forgers of several kinds: one that defends itself, one whose server is silent, one that does not defend itself at all. */
async function openForgers(): Promise<readonly Forger[]> {
  const forgers: Forger[] = [];
  const executor = threadedExecutor(1);
  for (const [i, key] of plan.forgers.entries()) {
    const context = contextOf(key);
    const folder = join(plan.folder, `forger-${String(i)}`);
    await mkdir(folder, { recursive: true });
    const store = createFolderStore(join(folder, "store"));
    const port = await serveBlobs(store, { host: "127.0.0.1", port: 0 }, signal);
    const locationPrefix = i % 3 === 1 ? silentUrl : `http://127.0.0.1:${String(port)}/blobs/`;
    const forge = i % 2 === 0 ? changeOneWeight : flipOneBit;
    const workshop = openWorkshop({ clock: SYSTEM_CLOCK, privateAddresses: true, executor });
    const service = new OperatorService({
      ...{ ...context, models: [model], store, custody: join(folder, "held"), workshop, locationPrefix },
      tamper: async (honest, hosted) => (await forge(hosted, honest)).run,
    });
    const address = await context.signer.getAddress();
    forgers.push({ address, silent: i % 3 === 2, step: () => service.step(signal) });
  }
  return forgers;
}

const isChallenged = (operator: string): boolean =>
  [...ledger.requests.values()].some((view) => view.operator === operator && view.status === "challenged");

/** An input that is named and not there, in a text that is not UTF-8 or leads to a hostile server. */
async function lie(context: ServiceContext, kind: number): Promise<void> {
  const root = hexlify(randomBytes(32));
  const marker = "Z".repeat(40);
  const uri = [marker, `${silentUrl}${root}`, `${bombUrl}${root}`, `store:${root}`][kind % 4] ?? marker;
  const call = await context.suite.market.request.populateTransaction({
    ...terms(wide),
    ...{ inputs: "0x", inputRoot: root, inputUri: uri },
  });
  const data = call.data.replace("5a".repeat(40), "ff".repeat(40));
  await context.sender.send({ ...call, data });
}

const terms = ({ commitment }: HostedModel) => ({
  versionId: ledger.versionsOf(commitment.commitment).at(-1) ?? ZeroHash,
  policy: policyOf(OPTIMISTIC_MODE),
  ...{ fee: parseEther("20"), valueAtRisk: parseEther("80"), openSeconds: 3_600, claimSeconds: 3_600 },
  ...{ windowSeconds: plan.windowSeconds, callback: ZeroAddress, callbackGas: 0, minimumHolders: 0 },
});

/** Many requests in as few blocks as they fit. */
async function flood(context: ServiceContext): Promise<void> {
  const { suite, signer } = context;
  const from = await signer.getAddress();
  const given = { ...terms(model), inputs: picture, inputRoot: ZeroHash, inputUri: "" };
  const call = await suite.market.request.populateTransaction(given);
  const first = await provider.getTransactionCount(from, "latest");
  for (let i = 0; i < plan.floodSize; i++) {
    await signer.sendTransaction({ ...call, nonce: first + i, gasLimit: 1_500_000n });
  }
}

/** Requests whose right answers were challenged, and claims of which parts were demanded. */
const molested = new Set<string>();
const burdened = new Set<string>();

/** Challenges a right answer, demands parts of its trace and accuses it of anything. */
async function molest(context: ServiceContext): Promise<boolean> {
  const { suite } = context;
  const forgers = new Set(plan.forgers.map((key) => new Wallet(key).address));
  for (const { id, claim, status } of ledger.requests.values()) {
    if (claim === undefined || forgers.has(claim.operator)) continue;
    const dispute = ledger.dispute(claim.id);
    if (status === "claimed" && !molested.has(id) && molested.size < plan.challenges) {
      molested.add(id);
      await context.sender.send(await suite.court.challenge.populateTransaction(suite.market, id, claim.id));
      return true;
    }
    if (!molested.has(id) || dispute.status !== "traceCommitted" || burdened.has(claim.id)) continue;
    burdened.add(claim.id);
    const places = Array.from({ length: 8 }, (_, index) => ({ level: 0, index }));
    await context.sender.send(await suite.court.demandTrace.populateTransaction(claim.id, places));
    for (let i = 0; i < 3; i++) {
      const call = await suite.court.accuse.populateTransaction(claim.id, hexlify(randomBytes(32)));
      await context.sender.send(call);
    }
    return true;
  }
  return false;
}

const forgers = await openForgers();
const [flooder, challenger, liar] = [contextOf(plan.flooder), contextOf(plan.challenger), contextOf(plan.liar)];
for (const [context, spender] of [
  [flooder, flooder.suite.market],
  [liar, liar.suite.market],
  [challenger, challenger.suite.court],
] as const) {
  await fund(context, parseEther("20000"));
  await allow(context, spender);
}

const began = Date.now();
const done: Record<string, number> = { floods: 0, lies: 0, challenges: 0, errors: 0 };
/** What is hostile happens evenly over the run. */
const due = (count: number, of: number): boolean => count < of && Date.now() - began > (plan.milliseconds * count) / of;
const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
  try {
    if ((await work()) === false) return;
    done[what] = (done[what] ?? 0) + 1;
  } catch (error) {
    done.errors = (done.errors ?? 0) + 1;
    console.error(what, String(error).slice(0, 300));
  }
};
while (!signal.aborted) {
  await ledger.sync(signal).catch(() => undefined);
  for (const forger of forgers) {
    if (forger.silent && isChallenged(forger.address)) continue;
    await forger.step().catch((error: unknown) => {
      if (!signal.aborted) console.error("forger", String(error).slice(0, 200));
    });
  }
  if (due(done.floods ?? 0, plan.floods)) await attempt("floods", () => flood(flooder));
  if (due(done.lies ?? 0, plan.lies)) await attempt("lies", () => lie(liar, done.lies ?? 0));
  if (due(done.challenges ?? 0, plan.challenges * 2)) await attempt("challenges", () => molest(challenger));
  await writeFile(join(plan.folder, "hostile.json"), JSON.stringify(done));
  await pause(500 + random.below(500), undefined, { signal }).catch(() => undefined);
}
process.exit();
