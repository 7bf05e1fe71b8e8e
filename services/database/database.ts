import { mkdir } from "node:fs/promises";

/** Values of a statement: text, whole numbers, truth, bytes, and lists of them. */
export type SqlValue = string | number | bigint | boolean | null | Uint8Array | readonly string[];

export type Row = Readonly<Record<string, unknown>>;

/** Runs statements in the dialect of Postgres. */
export interface Queries {
  readonly query: (sql: string, values?: readonly SqlValue[]) => Promise<readonly Row[]>;
}

/** Where services keep what they know between two starts. */
export interface Database extends Queries {
  /** Runs some statements, all of them or none. */
  readonly transaction: <T>(work: (queries: Queries) => Promise<T>) => Promise<T>;
  readonly close: () => Promise<void>;
}

/** Tables, in the order of the versions that brought them. A version never changes once it was released. */
const VERSIONS = [
  `create table marks (
     deployment text not null, number bigint not null, hash text not null, primary key (deployment, number));
   create table logs (
     deployment text not null, block bigint not null, index integer not null, block_hash text not null,
     address text not null, topics text not null, data bytea not null, subject text not null,
     closed boolean not null default false, primary key (deployment, block, index));
   create index logs_open on logs (deployment, block, index) where not closed;
   create index logs_subject on logs (deployment, subject) where not closed;
   create table leases (name text primary key, owner text not null, until bigint not null);`,
];

/** Whether a URL is of a Postgres, which several processes may share. */
export const isPostgres = (url: string): boolean => /^postgres(ql)?:\/\//.test(url);

/** Opens the database of a URL: `postgres://…`, or a folder for the one that is built in. @throws what it refuses with. */
export async function openDatabase(url: string): Promise<Database> {
  const database = isPostgres(url) ? await openPostgres(url) : await openEmbedded(url);
  await migrate(database);
  return database;
}

async function openEmbedded(folder: string): Promise<Database> {
  const { PGlite } = await import("@electric-sql/pglite");
  await mkdir(folder, { recursive: true });
  const engine = await PGlite.create(folder);
  const queriesOf = (on: Pick<typeof engine, "query">): Queries => ({
    query: async (sql, values = []) => (await on.query<Row>(sql, values.map(plain))).rows,
  });
  return {
    ...queriesOf(engine),
    transaction: async (work) => await engine.transaction(async (inside) => await work(queriesOf(inside))),
    close: () => engine.close(),
  };
}

async function openPostgres(connectionString: string): Promise<Database> {
  const { default: pg } = await import("pg");
  const pool = new pg.Pool({ connectionString, max: 8 });
  const queriesOf = (on: Pick<InstanceType<typeof pg.Client>, "query">): Queries => ({
    query: async (sql, values = []) => (await on.query<Row>(sql, values.map(plain))).rows,
  });
  return {
    query: async (sql, values = []) => (await pool.query<Row>(sql, values.map(plain))).rows,
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query("begin");
        const result = await work(queriesOf(client));
        await client.query("commit");
        client.release();
        return result;
      } catch (error) {
        // A connection in an unknown state is not used again.
        client.release(true);
        throw error;
      }
    },
    close: () => pool.end(),
  };
}

/** Brings the tables to the newest version. Several processes may start at a time: one of them does it. */
async function migrate(database: Database): Promise<void> {
  await database.query("create table if not exists versions (number integer primary key)").catch(() => undefined);
  for (const [number, sql] of VERSIONS.entries()) {
    await database.transaction(async (queries) => {
      await queries.query("lock table versions in exclusive mode");
      const known = await queries.query("select number from versions where number = $1", [number]);
      if (known.length > 0) return;
      for (const statement of sql.split(";").filter((part) => part.trim() !== "")) await queries.query(statement);
      await queries.query("insert into versions (number) values ($1)", [number]);
    });
  }
}

/** What drivers take: whole numbers of any size as text, lists as they are. */
const plain = (value: SqlValue): unknown => (typeof value === "bigint" ? String(value) : value);
