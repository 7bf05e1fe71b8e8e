/**
 * How services bear many requests: 10,000 open ones and 20,000 settled ones in the database. Times are of the
 * processor; with Postgres, its own processes are not counted.
 *
 *   npm run load                                     the embedded database
 *   npm run load -- postgres://localhost/assay_load  a Postgres, whose tables of Assay are emptied
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { keccak256, toBeHex } from "ethers";
import { network } from "hardhat";

import type { Hash } from "../runner/commitment/keccak.ts";
import type { ChainLog } from "../services/chain/blocks.ts";
import type { Journal } from "../services/chain/journal.ts";
import { Ledger } from "../services/chain/ledger.ts";
import { deploySuite } from "../services/chain/deploy.ts";
import { attach } from "../services/chain/deployment.ts";
import { openDatabase } from "../services/database/database.ts";
import { databaseJournal } from "../services/database/journal.ts";

const OPEN = 10_000;
const SETTLED = 20_000;
const PAGE = 500;

const folder = await mkdtemp(join(tmpdir(), "assay-load-"));
const connection = await network.create();
const { provider } = connection.ethers;
const deployment = await deploySuite(connection);
const suite = attach(deployment, provider);
const event = suite.market.interface.getEvent("RequestOpened");
const url = process.argv[2] ?? join(folder, "database");

const idOf = (i: number): Hash => keccak256(toBeHex(i, 32)) as Hash;

/** A request's first event, as the market emits it. */
const opened = (i: number, block: number): ChainLog => {
  const id = idOf(i);
  const party = `0x${"11".repeat(20)}`;
  const values = event.inputs.map((input): unknown => valueOf(input, { id, party }));
  const { topics, data } = suite.market.interface.encodeEventLog(event, values);
  const address = deployment.contracts.InferenceMarket.toLowerCase();
  return { address, topics, data, block, blockHash: toBeHex(block, 32), index: i };
};

interface Input {
  readonly name: string;
  readonly type: string;
  readonly components?: readonly Input[] | null;
}

/** Any value of an argument's type. */
function valueOf({ name, type, components }: Input, { id, party }: { id: string; party: string }): unknown {
  if (type === "tuple") return (components ?? []).map((part) => valueOf(part, { id, party }));
  if (name === "requestId") return id;
  if (type === "address") return party;
  if (type === "bytes") return `0x${"07".repeat(784)}`;
  if (type === "string") return "";
  if (type === "bool") return true;
  return type.startsWith("bytes") ? `0x${"22".repeat(Number(type.slice(5)))}` : 1n;
}

/** Seconds of this process alone, so that what else the machine does is not measured. */
const processor = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const seconds = async <T>(work: () => Promise<T>): Promise<readonly [number, T]> => {
  const start = processor();
  const result = await work();
  return [processor() - start, result];
};
const print = (what: string, value: number, unit: string): void => {
  console.log(`${what.padEnd(58)} ${value.toFixed(2).padStart(10)} ${unit}`);
};

const fill = async (journal: Journal, first: number, count: number, block: number): Promise<void> => {
  for (let at = first; at < first + count; at += PAGE) {
    const logs = Array.from({ length: Math.min(PAGE, first + count - at) }, (_, i) => opened(at + i, block));
    await journal.append({ marks: [], logs });
  }
};

try {
  const [cold, database] = await seconds(() => openDatabase(url));
  print("database opened, new", cold, "s");
  for (const table of ["logs", "marks"]) await database.query(`delete from ${table}`);
  const journal = databaseJournal(database, deployment);
  const head = await provider.getBlock("latest");
  const block = head?.number ?? 0;
  const [filled] = await seconds(() => fill(journal, 0, OPEN, block));
  print(`${String(OPEN)} open requests kept`, OPEN / filled, "a second");
  await journal.append({ marks: [{ number: block, hash: head?.hash ?? "" }], logs: [] });

  const restart = async (what: string): Promise<Ledger> => {
    const [took, ledger] = await seconds(async () => {
      const again = url.startsWith("postgres") ? database : await openDatabase(url);
      const fresh = new Ledger(suite, provider, deployment, () => undefined, databaseJournal(again, deployment));
      await fresh.sync();
      if (again !== database) await again.close();
      return fresh;
    });
    print(what, took, "s");
    if (ledger.requests.size !== OPEN) throw new Error(`${String(ledger.requests.size)} requests are known`);
    return ledger;
  };
  if (!url.startsWith("postgres")) await database.close();
  const ledger = await restart("from start to the first action");
  const [look] = await seconds(async () => {
    for (let i = 0; i < 50; i++) await ledger.sync();
  });
  print("a look at the chain, nothing new", (look / 50) * 1_000, "ms");

  const more = url.startsWith("postgres") ? database : await openDatabase(url);
  const settled = databaseJournal(more, deployment);
  await fill(settled, OPEN, SETTLED, block);
  await settled.close(Array.from({ length: SETTLED }, (_, i) => idOf(OPEN + i)));
  if (more !== database) await more.close();
  await restart(`the same beside ${String(SETTLED)} settled requests`);
  print("memory", process.memoryUsage.rss() / 1e6, "MB");
  if (url.startsWith("postgres")) await database.close();
} finally {
  await connection.close();
  await rm(folder, { recursive: true, force: true });
}
