import type { Clock } from "../environment/clock.ts";
import { compareOrders, type WorkOrder } from "./order.ts";

/** How a task ended. */
export type TaskResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

export interface BoardOptions {
  readonly clock: Clock;
  /** Tasks that run at a time. */
  readonly atOnce: number;
  /** Of these, for one counterparty. */
  readonly perCounterparty: number;
  /** Seconds of running, in an hour, after which the tasks of a counterparty come after those of all others. */
  readonly budgetSeconds: number;
}

interface Task {
  readonly order: WorkOrder;
  readonly work: (signal: AbortSignal) => Promise<unknown>;
  result?: TaskResult<unknown>;
  running: boolean;
  /** Ends in a row without a result, and when the last one was. */
  failures: number;
  failedAt: number;
}

const HOUR = 3_600;
/** Seconds until a failed task is tried again, doubled each time, and the longest. */
const RETRY = { first: 15, longest: 900 };

/**
 * Slow work beside the looks at the chain: downloads, executions. A look asks for a result and goes on with something else
 * until it is there, so that nothing that is slow delays a deadline, and nothing is begun anew because a look was given up.
 * Each counterparty has a share of its own: a hostile one delays nobody else's tasks.
 */
export class TaskBoard {
  readonly #options: BoardOptions;
  readonly #tasks = new Map<string, Task>();
  readonly #running = new Map<string, number>();
  readonly #spent = new Map<string, number>();
  readonly #stop = new AbortController();
  #hour = 0;
  #atWork = 0;
  #ended = 0;
  readonly #wake: (() => void)[] = [];

  constructor(options: BoardOptions) {
    this.#options = options;
  }

  /** The result of a task; begins it when it is new, or when it failed long enough ago; undefined while it lasts. */
  get<T>(key: string, order: WorkOrder, work: (signal: AbortSignal) => Promise<T>): TaskResult<T> | undefined {
    const known = this.#tasks.get(key);
    if (known?.result?.ok === false && this.#mayRetry(known)) delete known.result;
    const task = known ?? { order, work, running: false, failures: 0, failedAt: 0 };
    if (known === undefined) this.#tasks.set(key, task);
    this.#start();
    return task.result as TaskResult<T> | undefined;
  }

  /** The result of a task is not needed any more. */
  forget(key: string): void {
    this.#tasks.delete(key);
  }

  /** Whether any task runs. */
  get busy(): boolean {
    return this.#atWork > 0;
  }

  /** How many tasks wait, run, and are done but still asked for. */
  get counts(): Readonly<Record<"waiting" | "running" | "done" | "failed", number>> {
    const counts = { waiting: 0, running: 0, done: 0, failed: 0 };
    for (const { running, result } of this.#tasks.values()) {
      counts[running ? "running" : result === undefined ? "waiting" : result.ok ? "done" : "failed"]++;
    }
    return counts;
  }

  /** How many tasks have ended so far. */
  get ended(): number {
    return this.#ended;
  }

  /** Waits until a task ends; ends early, without an error, when the signal fires. */
  async change(signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake.push(resolve);
      signal?.addEventListener("abort", () => {
        resolve();
      });
      if (signal?.aborted === true) resolve();
    });
  }

  /** Stops everything. */
  close(): void {
    this.#stop.abort();
    this.#tasks.clear();
  }

  #mayRetry({ failures, failedAt }: Task): boolean {
    const wait = Math.min(RETRY.longest, RETRY.first * 2 ** (failures - 1));
    return this.#options.clock.now() >= failedAt + wait;
  }

  #start(): void {
    const { atOnce } = this.#options;
    while (this.#atWork < atOnce && !this.#stop.signal.aborted) {
      const next = this.#next();
      if (next === undefined) return;
      void this.#run(next);
    }
  }

  /** The best task that waits and whose counterparty has a place left. */
  #next(): Task | undefined {
    const { clock, perCounterparty, budgetSeconds } = this.#options;
    const now = clock.now();
    if (Math.floor(now / HOUR) !== this.#hour) {
      this.#hour = Math.floor(now / HOUR);
      this.#spent.clear();
    }
    const over = (task: Task): boolean => (this.#spent.get(task.order.counterparty) ?? 0) > budgetSeconds;
    let best: Task | undefined;
    for (const task of this.#tasks.values()) {
      if (task.running || task.result !== undefined) continue;
      if ((this.#running.get(task.order.counterparty) ?? 0) >= perCounterparty) continue;
      if (best === undefined) best = task;
      else if (over(task) !== over(best)) best = over(task) ? best : task;
      else if (compareOrders(task.order, best.order, now) < 0) best = task;
    }
    return best;
  }

  async #run(task: Task): Promise<void> {
    const { clock } = this.#options;
    const { counterparty } = task.order;
    const started = clock.now();
    task.running = true;
    this.#atWork++;
    this.#running.set(counterparty, (this.#running.get(counterparty) ?? 0) + 1);
    try {
      task.result = { ok: true, value: await task.work(this.#stop.signal) };
    } catch (error) {
      task.failures++;
      task.failedAt = clock.now();
      task.result = { ok: false, error };
    }
    task.running = false;
    this.#atWork--;
    this.#ended++;
    const left = (this.#running.get(counterparty) ?? 1) - 1;
    if (left > 0) this.#running.set(counterparty, left);
    else this.#running.delete(counterparty);
    this.#spent.set(counterparty, (this.#spent.get(counterparty) ?? 0) + clock.now() - started);
    this.#start();
    for (const wake of this.#wake.splice(0)) wake();
  }
}
