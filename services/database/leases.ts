import type { Share } from "../chain/share.ts";
import type { Database } from "./database.ts";

/*
 * Work that several processes share has a lease: a name, an owner, and a time until which it is the owner's. All times are
 * the database's, so that clocks of machines do not matter. Who dies loses its leases when they end.
 */

/** Seconds until the work of a process that died is somebody else's. */
export const LEASE_SECONDS = 30;
/** The database's clock, in milliseconds. */
const NOW = "(extract(epoch from clock_timestamp()) * 1000)::bigint";

/** Takes a lease that is free, over, or one's own already. @returns Whether it is one's own now. */
export async function takeLease(database: Database, name: string, owner: string, seconds: number): Promise<boolean> {
  const rows = await database.query(
    `insert into leases (name, owner, until) values ($1, $2, ${NOW} + $3::bigint)
     on conflict (name) do update set owner = excluded.owner, until = excluded.until
     where leases.owner = excluded.owner or leases.until <= ${NOW}
     returning name`,
    [name, owner, 1_000 * seconds],
  );
  return rows.length > 0;
}

/** Gives up leases that are one's own. */
export async function giveUpLeases(database: Database, names: readonly string[], owner: string): Promise<void> {
  await database.query("delete from leases where name = any($1) and owner = $2", [names, owner]);
}

export interface LeaseOptions {
  /** What the work is of: a chain, a market, an account. Only processes with the same one share it. */
  readonly realm: string;
  /** This process; another one at each start. */
  readonly owner: string;
  readonly seconds?: number;
}

/** Leases of one process on the work of an account. */
export class SharedWork implements Share {
  readonly #database: Database;
  readonly #options: Required<LeaseOptions>;
  readonly #held = new Set<string>();
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(database: Database, options: LeaseOptions) {
    this.#database = database;
    this.#options = { seconds: LEASE_SECONDS, ...options };
  }

  holds(work: string): boolean {
    return this.#held.has(work);
  }

  async take(work: string): Promise<boolean> {
    const { owner, seconds } = this.#options;
    const taken = await takeLease(this.#database, this.#nameOf(work), owner, seconds);
    if (taken) this.#held.add(work);
    else this.#held.delete(work);
    return taken;
  }

  async retain(work: ReadonlySet<string>): Promise<void> {
    const over = [...this.#held].filter((each) => !work.has(each));
    if (over.length === 0) return;
    for (const each of over) this.#held.delete(each);
    await giveUpLeases(this.#database, over.map(this.#nameOf), this.#options.owner);
  }

  /** Keeps what is held, whatever else the process is busy with. What was lost meanwhile is held no more. */
  async renew(): Promise<void> {
    const { owner, seconds } = this.#options;
    if (this.#held.size === 0) return;
    const names = [...this.#held].map(this.#nameOf);
    const rows = await this.#database.query(
      `update leases set until = ${NOW} + $3::bigint where name = any($1) and owner = $2 returning name`,
      [names, owner, 1_000 * seconds],
    );
    const kept = new Set(rows.map(({ name }) => name));
    for (const work of this.#held) if (!kept.has(this.#nameOf(work))) this.#held.delete(work);
  }

  /** Does something that only one may do at a time: waits for its turn, and keeps it until it is done. */
  async alone<T>(name: string, pause: () => Promise<void>, work: () => Promise<T>): Promise<T> {
    // A lease keeps others out, not this process itself.
    const mine = (this.#turns.get(name) ?? Promise.resolve()).then(() => this.#inTurn(name, pause, work));
    this.#turns.set(
      name,
      mine.catch(() => undefined),
    );
    return await mine;
  }

  async #inTurn<T>(name: string, pause: () => Promise<void>, work: () => Promise<T>): Promise<T> {
    while (!(await this.take(name))) await pause();
    try {
      return await work();
    } finally {
      this.#held.delete(name);
      await giveUpLeases(this.#database, [this.#nameOf(name)], this.#options.owner);
    }
  }

  readonly #nameOf = (work: string): string => `${this.#options.realm}:${work}`;
}
