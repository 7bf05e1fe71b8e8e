import { setTimeout as pause } from "node:timers/promises";

import { Wallet } from "ethers";

import { attach } from "../../services/chain/deployment.ts";
import { Ledger } from "../../services/chain/ledger.ts";
import type { Participant } from "./nodes.ts";
import { ACCOUNTS, type Stage, walletOf } from "./stage.ts";

/* The end of a run: no more faults, and time passes only when nobody has anything to do, so that a slow machine is not late. */

/** Seconds of the chain that those who are responsible have before anybody else acts. */
const PATIENCE = 180;
/** Looks of each node without a transaction of anybody, after which nobody has anything to do. */
const QUIET_LOOKS = 3;
const LOOKS = ['assay_looks_total{result="ok"}', 'assay_looks_total{result="failed"}'];

export class Settlement {
  readonly #stage: Stage;
  readonly #nodes: readonly Participant[];
  readonly #market: ReturnType<typeof attach>["market"];
  readonly #ledger: Ledger;

  constructor(stage: Stage, nodes: readonly Participant[]) {
    const { provider, deployment } = stage;
    const signer = new Wallet(walletOf(ACCOUNTS.anybody).privateKey, provider);
    this.#stage = stage;
    this.#nodes = nodes.filter(({ hasMetrics }) => hasMetrics);
    this.#market = attach(deployment, signer).market;
    this.#ledger = new Ledger(attach(deployment, signer), provider, deployment, () => undefined);
  }

  /**
   * Waits until nobody has anything to do, takes the exits that anybody may take, and lets time pass until the next deadline.
   * @returns Requests that are not settled.
   */
  async round(until: number): Promise<number> {
    await this.quiet(until);
    const open = await this.#exits();
    if (open === 0) return 0;
    const { provider } = this.#stage;
    const now = (await provider.getBlock("latest"))?.timestamp ?? 0;
    const ahead = this.#deadlines().filter((deadline) => deadline > now);
    const next = Math.min(now + 7_200, ...ahead);
    await provider.send("evm_increaseTime", [Math.max(PATIENCE, next - now + 1)]);
    return open;
  }

  /** Waits until all nodes have looked a few times, execute nothing, and nobody has sent anything meanwhile. */
  async quiet(until: number): Promise<void> {
    let [from, looked] = [await this.#head(), await this.#looks()];
    while (Date.now() < until) {
      await pause(1_000);
      const now = await this.#looks();
      if (now.some((looks, i) => looks < (looked[i] ?? 0) + QUIET_LOOKS)) continue;
      const head = await this.#head();
      if (!(await this.#sentSince(from)) && (await this.#idle())) return;
      [from, looked] = [head, now];
    }
  }

  async #head(): Promise<number> {
    return await this.#stage.provider.getBlockNumber();
  }

  async #looks(): Promise<readonly number[]> {
    const all = await Promise.all(this.#nodes.map((node) => node.measure()));
    return all.map((values) => LOOKS.reduce((sum, name) => sum + (values.get(name) ?? 0), 0));
  }

  async #idle(): Promise<boolean> {
    const all = await Promise.all(this.#nodes.map((node) => node.measure()));
    const busy = ["running", "waiting"].map((state) => `assay_tasks{board="executions",state="${state}"}`);
    return all.every((values) => busy.every((name) => (values.get(name) ?? 0) === 0));
  }

  async #sentSince(first: number): Promise<boolean> {
    for (let number = first + 1; number <= (await this.#head()); number++) {
      const block = await this.#stage.provider.getBlock(number);
      if ((block?.transactions.length ?? 0) > 0) return true;
    }
    return false;
  }

  #deadlines(): readonly number[] {
    return [...this.#ledger.requests.values()].flatMap((view) => {
      if (view.settled) return [];
      const dispute = view.claim === undefined ? undefined : this.#ledger.dispute(view.claim.id);
      const answers = [...(dispute?.demands.values() ?? [])].map(({ answerUntil }) => answerUntil);
      const shown = view.demands.map(({ answerUntil }) => answerUntil);
      return [
        view.deadline,
        view.deadline + PATIENCE,
        dispute?.traceUntil ?? 0,
        dispute?.end ?? 0,
        ...answers,
        ...shown,
      ];
    });
  }

  /** Hostile requesters take no refund, and forgers that were convicted answer nothing: somebody ends their requests. */
  async #exits(): Promise<number> {
    await this.#ledger.sync();
    const market = this.#market;
    const clock = Number(await market.clock());
    let open = 0;
    for (const { request, settled, status, deadline, claim } of this.#ledger.requests.values()) {
      if (settled) continue;
      open++;
      if (clock < deadline + PATIENCE) continue;
      try {
        if (status === "open") await (await market.refund(request)).wait();
        if (status === "assigned") await (await market.timeOut(request)).wait();
        if (status === "claimed") await (await market.finalise(request, claim?.outputs ?? "0x")).wait();
      } catch {
        // Somebody else was quicker, or it is not possible yet: the next round sees.
      }
    }
    return open;
  }
}
