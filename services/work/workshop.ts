import type { Clock } from "../environment/clock.ts";
import { GuardedClient } from "../blobs/guarded-client.ts";
import { type Executor, localExecutor } from "../models/executor.ts";
import { TaskBoard } from "./board.ts";

/** Where the slow work of a service is done. */
export interface Workshop {
  readonly client: GuardedClient;
  readonly executor: Executor;
  readonly downloads: TaskBoard;
  readonly executions: TaskBoard;
}

type Boards = Pick<Workshop, "downloads" | "executions">;

export interface WorkshopOptions {
  readonly clock: Clock;
  /** Whether strangers' URLs may lead to private addresses. */
  readonly privateAddresses: boolean;
  readonly ipfsGateway?: string | undefined;
  readonly executor?: Executor;
}

const DOWNLOADS = { atOnce: 16, perCounterparty: 2, budgetSeconds: 120 };
const EXECUTION_BUDGET_SECONDS = 900;

export function openWorkshop({
  clock,
  privateAddresses,
  ipfsGateway,
  executor = localExecutor,
}: WorkshopOptions): Workshop {
  const { threads } = executor;
  return {
    client: new GuardedClient(clock, { privateAddresses, ipfsGateway }),
    executor,
    downloads: new TaskBoard({ clock, ...DOWNLOADS }),
    executions: new TaskBoard({
      clock,
      atOnce: threads,
      // One thread stays free for the others where there is more than one.
      perCounterparty: Math.max(1, threads - 1),
      budgetSeconds: EXECUTION_BUDGET_SECONDS,
    }),
  };
}

/** Waits until a task of a workshop ends, or the signal fires. */
export async function workChange({ downloads, executions }: Boards, signal: AbortSignal): Promise<void> {
  await Promise.race([downloads.change(signal), executions.change(signal)]);
}

/** Repeats a step until it leaves no slow work behind. @throws what a step throws. */
export async function workUntilIdle(
  { downloads, executions }: Boards,
  signal: AbortSignal | undefined,
  step: () => Promise<void>,
): Promise<void> {
  const ended = (): number => downloads.ended + executions.ended;
  for (;;) {
    const before = ended();
    await step();
    if (signal?.aborted === true) return;
    if (ended() !== before) continue;
    if (!downloads.busy && !executions.busy) return;
    const waiting = new AbortController();
    await workChange(
      { downloads, executions },
      signal === undefined ? waiting.signal : AbortSignal.any([signal, waiting.signal]),
    );
    waiting.abort();
  }
}

/** Executions that wait for each thread when there are enough of them. */
const ENOUGH = 2;

/** How many more executions may wait here; more than that are better done by another process. */
export const roomIn = ({ executions, executor }: Pick<Workshop, "executions" | "executor">): number =>
  ENOUGH * executor.threads - executions.counts.waiting;

/** Stops all that runs. */
export async function closeWorkshop({ downloads, executions, executor }: Workshop): Promise<void> {
  downloads.close();
  executions.close();
  await executor.close();
}
