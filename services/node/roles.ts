import type { RequestView } from "../chain/ledger.ts";
import { expectReady, fundsOf, operatorFindings } from "../operator/readiness.ts";
import { OperatorService } from "../operator/operator.ts";
import { allow, fund } from "../chain/funds.ts";
import { quorumServiceOf } from "../quorum/seats.ts";
import { secretIn } from "../watcher/secret.ts";
import { WatcherService } from "../watcher/watcher.ts";
import { custodyOf, type Node, type Role, runRole, serveStore } from "./node.ts";

/** Answers, defends and collects. @throws AssayError NOT_READY when the account cannot be drawn. */
export async function runOperator(node: Node, signal: AbortSignal): Promise<void> {
  const { context, models, store, workshop } = node;
  expectReady(await operatorFindings(context, models));
  const locationPrefix = await serveStore(node, signal);
  const custody = await custodyOf(node);
  const { beacons } = node.configuration;
  const operator = new OperatorService({ ...context, models, store, custody, workshop, locationPrefix, beacons });
  const quorums = await quorumServiceOf({ ...context, models, store, custody, workshop, locationPrefix, beacons });
  const own = await context.signer.getAddress();
  const role: Role = {
    name: "operator",
    step: async (given) => {
      await operator.step(given);
      if (!given.aborted) await quorums.step(given);
    },
    measure: () => {
      node.metrics.deadline.set(nextDeadline([...context.ledger.requests.values()], own, context.clock.now()));
    },
  };
  await runRole(node, role, signal);
}

/** Executes again, and convicts. @throws AssayError NOT_READY when the account has no ether. */
export async function runWatcher(node: Node, signal: AbortSignal): Promise<void> {
  const { context, models, store, workshop, configuration } = node;
  expectReady([await fundsOf(context)]);
  // Bonds must be at hand before there is something to challenge.
  await fund(context, configuration.bonds);
  await allow(context, context.suite.court);
  const secret = await secretIn(configuration.store);
  const { traceBytes } = configuration;
  const watcher = new WatcherService({ ...context, models, store, workshop, secret, traceBytes });
  const role: Role = {
    name: "watcher",
    step: (given) => watcher.step(given),
    measure: () => {
      node.metrics.heldBytes.set(watcher.heldBytes);
    },
  };
  await runRole(node, role, signal);
}

/** Follows the chain into the database, and serves what it knows. */
export async function runIndexer(node: Node, signal: AbortSignal): Promise<void> {
  const { ledger, report } = node.context;
  const role: Role = {
    name: "indexer",
    step: async (given) => {
      if (await ledger.sync(given)) report({ kind: "reorganised" });
    },
    tables: {
      "/requests": () => [...ledger.requests.values()],
      "/disputes": () =>
        [...ledger.requests.values()].flatMap(({ id, claim }) => {
          const dispute = claim === undefined ? undefined : ledger.dispute(claim.id);
          if (dispute === undefined || dispute.status === "none") return [];
          const { status, challenger, operator, claimId, end, demands, accusations } = dispute;
          const counts = { demands: demands.size, accusations: accusations.size };
          return [{ requestId: id, claimId, status, challenger, operator, end, ...counts }];
        }),
      "/models": () => ledger.versions,
    },
  };
  await runRole(node, role, signal);
}

/** Seconds until the first deadline of an operator's own requests. */
export function nextDeadline(requests: readonly RequestView[], operator: string, now: number): number {
  let next = NaN;
  for (const view of requests) {
    if (view.operator !== operator || view.status !== "assigned") continue;
    const left = view.deadline - now;
    next = Number.isNaN(next) ? left : Math.min(next, left);
  }
  return next;
}
