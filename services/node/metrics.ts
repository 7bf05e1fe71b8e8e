import { Counter, Gauge, Histogram, Registry } from "prom-client";

import { REQUEST_STATUS, type RequestStatus } from "../../runner/protocol/enums.ts";
import type { ServiceEvent } from "../environment/events.ts";

/** Kinds of events that alerts go by. */
const COUNTED: readonly ServiceEvent["kind"][] = ["endpointFailed", "feeRaised", "inputUnavailable", "retrying"];

/** Numbers of a running node, in the form that Prometheus reads. Names and labels are used by ops/alerts.yml. */
export class Metrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];

  readonly looks = new Counter({
    name: "assay_looks_total",
    help: "Looks at the chain, by how they ended",
    labelNames: ["result"],
    registers: this.#registers,
  });
  readonly lookSeconds = new Histogram({
    name: "assay_look_seconds",
    help: "How long a look takes",
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
    registers: this.#registers,
  });
  readonly events = new Counter({
    name: "assay_events_total",
    help: "What the node noticed, by kind",
    labelNames: ["kind"],
    registers: this.#registers,
  });
  readonly transactions = new Counter({
    name: "assay_transactions_total",
    help: "Transactions that were included, by what they do",
    labelNames: ["action"],
    registers: this.#registers,
  });
  readonly gas = new Counter({
    name: "assay_gas_total",
    help: "Gas of included transactions",
    registers: this.#registers,
  });
  readonly lastLook = new Gauge({
    name: "assay_last_look_timestamp_seconds",
    help: "When the last look ended without an error",
    registers: this.#registers,
  });
  readonly tip = new Gauge({
    name: "assay_ledger_block",
    help: "Newest block that was read",
    registers: this.#registers,
  });
  readonly head = new Gauge({
    name: "assay_chain_timestamp_seconds",
    help: "Time of the newest block",
    registers: this.#registers,
  });
  readonly requests = new Gauge({
    name: "assay_requests",
    help: "Requests that are known, by status",
    labelNames: ["status"],
    registers: this.#registers,
  });
  readonly deadline = new Gauge({
    name: "assay_next_deadline_seconds",
    help: "Seconds until the first deadline that this account must meet; NaN when there is none",
    registers: this.#registers,
  });
  readonly tasks = new Gauge({
    name: "assay_tasks",
    help: "Slow work, by board and state",
    labelNames: ["board", "state"],
    registers: this.#registers,
  });
  readonly heldBytes = new Gauge({
    name: "assay_trace_bytes",
    help: "Bytes of traces in memory",
    registers: this.#registers,
  });
  readonly wei = new Gauge({ name: "assay_account_wei", help: "Ether of the account", registers: this.#registers });
  readonly tokens = new Gauge({
    name: "assay_account_tokens",
    help: "Tokens of the account",
    registers: this.#registers,
  });
  readonly spent = new Gauge({
    name: "assay_spent_today_wei",
    help: "What transactions cost today",
    registers: this.#registers,
  });
  readonly memory = new Gauge({
    name: "assay_resident_bytes",
    help: "Memory of the process",
    registers: this.#registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });

  constructor() {
    // A series that begins with its first event shows no increase: the first one would go unnoticed.
    for (const result of ["ok", "failed"]) this.looks.inc({ result }, 0);
    for (const kind of COUNTED) this.events.inc({ kind }, 0);
    this.countRequests([]);
  }

  /** Sets how many requests have each status. */
  countRequests(requests: Iterable<{ readonly status: RequestStatus }>): void {
    for (const status of Object.keys(REQUEST_STATUS)) this.requests.set({ status }, 0);
    for (const { status } of requests) this.requests.inc({ status });
  }

  /** Counts what a service reports. */
  count(event: ServiceEvent): void {
    this.events.inc({ kind: event.kind });
    if (event.kind !== "sent") return;
    this.transactions.inc({ action: event.action.kind });
    this.gas.inc(Number(event.receipt.gasUsed));
  }
}
