import type { ChainLog } from "../chain/blocks.ts";
import type { Deployment } from "../chain/deployment.ts";
import type { Journal, JournalPage } from "../chain/journal.ts";
import type { Database, Queries, Row } from "./database.ts";

/** Marks that a restart reads: more than can be undone. */
const MARKS = 300;
/** Rows of one statement. */
const BATCH = 1_000;

/**
 * A ledger's journal in a database. Deployments on several chains may share one.
 * @param reader Whose journal it is: processes that share a database read the chain through different nodes, and each
 * journal must be of one chain without gaps.
 */
export function databaseJournal(database: Database, { chainId, contracts }: Deployment, reader = ""): Journal {
  const name = `${String(chainId)}:${contracts.InferenceMarket.toLowerCase()}`;
  const deployment = reader === "" ? name : `${name}:${reader}`;
  return {
    async read() {
      const marks = await database.query(
        "select number, hash from marks where deployment = $1 order by number desc limit $2",
        [deployment, MARKS],
      );
      const logs = await database.query(
        `select block, index, block_hash, address, topics, encode(data, 'hex') as data from logs
         where deployment = $1 and not closed order by block, index`,
        [deployment],
      );
      return {
        marks: marks.map(({ number, hash }) => ({ number: Number(number), hash: String(hash) })).reverse(),
        logs: logs.map(logOf),
      };
    },

    async append(page) {
      await database.transaction(async (queries) => {
        await insertLogs(queries, deployment, contracts, page.logs);
        await insertMarks(queries, deployment, page.marks);
        const newest = page.marks.at(-1)?.number ?? 0;
        await queries.query("delete from marks where deployment = $1 and number < $2", [
          deployment,
          newest - 2 * MARKS,
        ]);
      });
    },

    async dropAfter(block) {
      await database.transaction(async (queries) => {
        await queries.query("delete from logs where deployment = $1 and block > $2", [deployment, block]);
        await queries.query("delete from marks where deployment = $1 and number > $2", [deployment, block]);
      });
    },

    async close(ids) {
      for (let from = 0; from < ids.length; from += BATCH) {
        await database.query(
          "update logs set closed = true where deployment = $1 and subject = any($2) and not closed",
          [deployment, ids.slice(from, from + BATCH)],
        );
      }
    },
  };
}

async function insertLogs(
  queries: Queries,
  deployment: string,
  contracts: Deployment["contracts"],
  logs: JournalPage["logs"],
): Promise<void> {
  for (let from = 0; from < logs.length; from += BATCH) {
    const part = logs.slice(from, from + BATCH);
    const column = (read: (entry: ChainLog) => string): readonly string[] => part.map(read);
    await queries.query(
      `insert into logs (deployment, block, index, block_hash, address, topics, data, subject)
       select $1, block, index, block_hash, address, topics, decode(data, 'hex'), subject from unnest(
         $2::bigint[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]
       ) as row (block, index, block_hash, address, topics, data, subject)
       on conflict do nothing`,
      [
        deployment,
        column(({ block }) => String(block)),
        column(({ index }) => String(index)),
        column(({ blockHash }) => blockHash),
        column(({ address }) => address),
        column(({ topics }) => topics.join(" ")),
        column(({ data }) => data.slice(2)),
        column(({ address, topics: [, first = "", second = ""] }) =>
          // What an event is about: a request, a claim, a version. DataAvailability names the source of the id before it.
          address === contracts.DataAvailability.toLowerCase() ? second : first,
        ),
      ],
    );
  }
}

async function insertMarks(queries: Queries, deployment: string, marks: JournalPage["marks"]): Promise<void> {
  await queries.query(
    `insert into marks (deployment, number, hash)
     select $1, number, hash from unnest($2::bigint[], $3::text[]) as row (number, hash) on conflict do nothing`,
    [deployment, marks.map(({ number }) => String(number)), marks.map(({ hash }) => hash)],
  );
}

function logOf({ block, index, block_hash: blockHash, address, topics, data }: Row): ChainLog {
  return {
    address: String(address),
    topics: String(topics).split(" "),
    data: `0x${String(data)}`,
    block: Number(block),
    blockHash: String(blockHash),
    index: Number(index),
  };
}
