import { AssayError, isAssayError } from "../../runner/errors.ts";
import type { Clock } from "../environment/clock.ts";
import { describeError } from "../environment/describe.ts";
import type { Reporter } from "../environment/events.ts";

/** Longest that one look at the chain or one transaction may take before it is given up and tried again. */
const PATIENCE_MILLISECONDS = 120_000;
const LONGEST_PAUSE_MILLISECONDS = 60_000;

/** Gives up on what is not done when the signal fires: a server that hangs must not stop a service with deadlines. */
export async function withPatience<T>(task: string, work: Promise<T>, deadline: AbortSignal): Promise<T> {
  let giveUp = (): void => undefined;
  const impatience = new Promise<never>((_, reject) => {
    giveUp = () => {
      const reason = "no answer in time";
      reject(new AssayError("RPC_UNUSABLE", `${task}: ${reason}`, { reason }));
    };
    deadline.addEventListener("abort", giveUp);
    if (deadline.aborted) giveUp();
  });
  try {
    return await Promise.race([work, impatience]);
  } finally {
    deadline.removeEventListener("abort", giveUp);
  }
}

/**
 * Does the same for each, one after the other; what fails for one is no reason to leave the others.
 * @throws the first failure, at the end.
 */
export async function eachAlone<T>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const item of items) {
    if (signal?.aborted === true) break;
    await work(item).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

/** What `keepLooking` does, and how often. */
export interface Looking {
  readonly task: string;
  readonly intervalMilliseconds: number;
  readonly look: (signal: AbortSignal) => Promise<void>;
  /** Ends when there is a reason to look before the interval is over, or when the signal fires. */
  readonly wake?: (signal: AbortSignal) => Promise<void>;
}

/**
 * Looks again and again until the signal fires. A look that fails is reported and tried again, later each time; between
 * looks nothing is held that the chain does not hold. A look that takes too long is told to stop by its own signal, so
 * that it does not act beside the next one when the chain answers after all.
 */
export async function keepLooking(
  { clock, report }: { readonly clock: Clock; readonly report: Reporter },
  { task, intervalMilliseconds, look, wake }: Looking,
  signal: AbortSignal,
): Promise<void> {
  let wait = intervalMilliseconds;
  const attempt = async (): Promise<"done" | "failed" | "stopped"> => {
    const given = new AbortController();
    try {
      const work = look(AbortSignal.any([signal, given.signal]));
      await withPatience(task, work, clock.deadline(PATIENCE_MILLISECONDS));
      return "done";
    } catch (error) {
      given.abort(error);
      if (isAssayError(error, "ABORTED") && signal.aborted) return "stopped";
      report({ kind: "retrying", task, reason: describeError(error) });
      return "failed";
    }
  };
  while (!signal.aborted) {
    const end = await attempt();
    if (end === "stopped") return;
    wait = end === "done" ? intervalMilliseconds : Math.min(wait * 2, LONGEST_PAUSE_MILLISECONDS);
    const pausing = new AbortController();
    const until = AbortSignal.any([signal, pausing.signal]);
    // After a failure the whole pause is kept: what ends meanwhile is no reason to hurry.
    await Promise.race([clock.pause(wait, until), ...(wake === undefined || end === "failed" ? [] : [wake(until)])]);
    pausing.abort();
  }
}
