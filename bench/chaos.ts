/**
 * Chaos: the services as processes, on a chain that is reorganised, behind endpoints that fail, among hostile parties.
 *
 *   npm run chaos                               a seed of its own, 300 seconds of faults
 *   npm run chaos -- --seed 7 --seconds 60      the same plan of faults again, for so long
 *   npm run chaos -- --out docs/chaos.md        writes what it found as a page
 *
 * It ends by itself, with code 1 when something did not hold. Its files stay where it says when that is so.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

import { createRandom } from "../runner/machine/prng.ts";
import { judge, mayRepeat, type Verdict } from "./chaos/checks.ts";
import { inflict, kindOf, planOf } from "./chaos/faults.ts";
import type { HostilePlan } from "./chaos/hostile.ts";
import { actor, assayNode, bytesUnder, configure, type Home, type Participant } from "./chaos/nodes.ts";
import { Proxy } from "./chaos/proxy.ts";
import { pageOf } from "./chaos/report.ts";
import { Settlement } from "./chaos/settle.ts";
import { ACCOUNTS, MODEL, openStage, type Stage, walletOf } from "./chaos/stage.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 100_000) },
    seconds: { type: "string", default: "300" },
    out: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});
const seed = Number(values.seed);
const milliseconds = 1_000 * Number(values.seconds);

/** Milliseconds between two faults. */
const GAP = 6_000;
/** Longest that starting and settling may take. */
const STARTING_MILLISECONDS = 240_000;
const SETTLING_MILLISECONDS = 900_000;
const WINDOW_SECONDS = 1_800;
/** Most that a process may take, and that its files may grow to. */
const LIMITS = { residentBytes: 1.2e9, fileBytes: 300e6 };
const DISK_BYTES = "160m";

const random = createRandom(seed);
const began = Date.now();
const say = (text: string): void => {
  console.log(`${String(Math.round((Date.now() - began) / 1_000)).padStart(4)} s  ${text}`);
};

/** A small file system for a node's files, where this process may make one. */
async function smallDisk(folder: string): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", folder], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const hostilePlan = (stage: Stage, folder: string): HostilePlan => ({
  ...{
    seed,
    url: stage.url,
    deployment: stage.deploymentFile,
    folder,
    model: MODEL,
    wide: stage.wide.path,
    milliseconds,
  },
  forgers: ACCOUNTS.forgers.map((index) => walletOf(index).privateKey),
  flooder: walletOf(ACCOUNTS.flooder).privateKey,
  challenger: walletOf(ACCOUNTS.challenger).privateKey,
  liar: walletOf(ACCOUNTS.liar).privateKey,
  windowSeconds: WINDOW_SECONDS,
  ...{ floods: 2, floodSize: 12, lies: 8, challenges: 3 },
});

const faults: Record<string, number> = {};
const stopping = new AbortController();
const processes: Participant[] = [];
const homes: Home[] = [];
const stage = await openStage();
const disk = join(stage.folder, "operator-1");
const mounted = await smallDisk(disk);
let failed = true;
try {
  say(`seed ${String(seed)}; files are in ${stage.folder}${mounted ? "" : "; no disk can be filled here"}`);
  const proxies = ["a", "b", "c"].map((name) => new Proxy(name, stage.url));
  for (const proxy of proxies) await proxy.open(stopping.signal);
  const rpcFrom = (first: number) => [0, 1, 2].map((i) => (proxies[(first + i) % 3] as Proxy).url);
  const home = async (name: string, account: number, first: number, folder = join(stage.folder, name)) => {
    const made = await configure(stage, name, { account, rpc: rpcFrom(first), folder });
    homes.push(made);
    return made;
  };
  const [first, second] = ACCOUNTS.operators;
  const victims = [
    assayNode(stage, "operator", "operator-1", await home("operator-1", first, 0, disk)),
    assayNode(stage, "operator", "operator-2", await home("operator-2", second, 1)),
    assayNode(stage, "watcher", "watcher", await home("watcher", ACCOUNTS.watcher, 2)),
    assayNode(stage, "indexer", "indexer", await home("indexer", ACCOUNTS.indexer, 0)),
    actor(stage, "requester", await home("requester", ACCOUNTS.requester, 1)),
  ];
  await writeFile(
    `${join(stage.folder, "requester")}.json.plan`,
    JSON.stringify({ seed, everyMilliseconds: 8_000, windowSeconds: WINDOW_SECONDS }),
  );
  const hostileFolder = join(stage.folder, "hostile");
  await mkdir(hostileFolder, { recursive: true });
  const hostileConfig = join(stage.folder, "hostile.json");
  await writeFile(hostileConfig, JSON.stringify(hostilePlan(stage, hostileFolder)));
  const hostile = actor(stage, "hostile", { folder: hostileFolder, config: hostileConfig, metrics: "", env: {} });
  processes.push(...victims, hostile);
  for (const each of processes) each.start();
  const ready = Date.now() + STARTING_MILLISECONDS;
  while (Date.now() < ready) {
    await pause(1_000);
    const looks = await Promise.all(victims.map((each) => each.measure()));
    if (victims.every(({ hasMetrics }, i) => !hasMetrics || (looks[i]?.size ?? 0) > 0)) break;
  }
  const chainStart = (await stage.provider.getBlock("latest"))?.timestamp ?? 0;

  const plan = planOf(random, {
    count: Math.floor(milliseconds / GAP),
    victims: victims.length,
    endpoints: proxies.length,
    disk: mounted,
  });
  const pending: Promise<void>[] = [];
  for (const fault of plan) {
    say(JSON.stringify(fault));
    faults[kindOf(fault)] = (faults[kindOf(fault)] ?? 0) + 1;
    pending.push(inflict(fault, { stage, victims, proxies, disk: mounted ? disk : undefined }));
    await pause(GAP);
    // A process that ends by itself is an error, and is started again as systemd does it.
    for (const each of processes) {
      await each.measure();
      if (!each.running) each.start();
    }
  }
  await Promise.all(pending);

  // Everybody goes on without faults until all is settled; nobody asks any more.
  say("settling");
  await stage.provider.send("evm_mine", []);
  await victims.at(-1)?.stop();
  const settlement = new Settlement(stage, victims);
  const until = Date.now() + SETTLING_MILLISECONDS;
  for (let open = 1; open > 0 && Date.now() < until;) {
    open = await settlement.round(until);
    say(`${String(open)} requests are not settled`);
  }
  // The last collections.
  await settlement.quiet(until);
  const chainEnd = (await stage.provider.getBlock("latest"))?.timestamp ?? 0;
  for (const each of processes) await each.stop();
  await stage.provider.send("evm_setIntervalMining", [0]);

  say("judging");
  mayRepeat(stage);
  const ends = processes.flatMap((each) => each.ends);
  const bytes = await Promise.all(homes.map(({ folder }) => bytesUnder(folder)));
  const resident = victims.map(({ residentBytes }) => Math.max(0, ...residentBytes));
  const mb = (of: readonly number[]): string => of.map((each) => String(Math.round(each / 1e6))).join(", ");
  const verdicts: readonly Verdict[] = [
    ...(await judge(stage)),
    { what: "no process ends by itself", holds: ends.length === 0, figures: ends.join("; ") || "none" },
    {
      what: `no process takes more than ${mb([LIMITS.residentBytes])} MB`,
      holds: resident.every((each) => each < LIMITS.residentBytes),
      figures: `${mb(resident.slice(0, -1))} MB`,
    },
    {
      what: `files of a node stay below ${mb([LIMITS.fileBytes])} MB`,
      holds: bytes.every((each) => each < LIMITS.fileBytes),
      figures: `${mb(bytes)} MB`,
    },
  ];
  for (const { what, holds, figures } of verdicts) say(`${holds ? "holds" : "FAILS"}  ${what}: ${figures}`);
  failed = verdicts.some(({ holds }) => !holds);
  const done = await readFile(join(hostileFolder, "hostile.json"), "utf8").catch(() => "{}");
  if (values.out !== undefined) {
    const page = pageOf({
      ...{ seed, faults, verdicts },
      wallSeconds: Math.round((Date.now() - began) / 1_000),
      chainSeconds: chainEnd - chainStart,
      blocks: await stage.provider.getBlockNumber(),
      hostile: JSON.parse(done) as Record<string, number>,
    });
    await writeFile(values.out, page);
  }
  say(failed ? `something does not hold; files stay in ${stage.folder}` : "all holds");
} finally {
  for (const each of processes) await each.stop();
  stopping.abort();
  stage.provider.destroy();
  await stage.chain.stop("SIGKILL");
  if (mounted && !failed) execFileSync("umount", [disk], { stdio: "ignore" });
  if (!failed && !values.keep) await rm(stage.folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
