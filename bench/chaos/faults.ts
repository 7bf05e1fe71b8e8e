import { writeFile, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import type { Random } from "../../runner/machine/prng.ts";
import type { Participant } from "./nodes.ts";
import { FAILURES, type Mode, type Proxy } from "./proxy.ts";
import type { Stage } from "./stage.ts";

/* What is done to the honest processes, by a plan that a seed gives. */

export type Fault =
  | { readonly kind: "kill"; readonly victim: number }
  | { readonly kind: "reorganisation"; readonly depth: number }
  | { readonly kind: "endpoint"; readonly mode: Mode; readonly endpoint: number; readonly seconds: number }
  | { readonly kind: "all endpoints"; readonly mode: Mode; readonly seconds: number }
  | { readonly kind: "full disk"; readonly seconds: number };

/** What a plan chooses among. */
export interface Extent {
  readonly count: number;
  readonly victims: number;
  readonly endpoints: number;
  /** Whether a disk can be filled here. */
  readonly disk: boolean;
}

export const DEEPEST = 8;

/** A plan of faults: each kind often enough that none is missing, in an order that the seed gives. */
export function planOf(random: Random, { count, victims, endpoints, disk }: Extent): readonly Fault[] {
  const makers: (() => Fault)[] = [
    () => ({ kind: "kill", victim: random.below(victims) }),
    () => ({ kind: "reorganisation", depth: random.between(1, DEEPEST) }),
    () => ({
      kind: "endpoint",
      mode: random.pick(FAILURES),
      endpoint: random.below(endpoints),
      seconds: random.between(5, 15),
    }),
    () => ({ kind: "kill", victim: random.below(victims) }),
    () => ({ kind: "reorganisation", depth: DEEPEST }),
    () => ({ kind: "all endpoints", mode: random.pick(["hang", "refuse", "overload", "lag"]), seconds: 6 }),
    () => (disk ? { kind: "full disk", seconds: 8 } : { kind: "kill", victim: random.below(victims) }),
    ...FAILURES.map((mode) => (): Fault => {
      const [endpoint, seconds] = [random.below(endpoints), random.between(5, 15)];
      return { kind: "endpoint", mode, endpoint, seconds };
    }),
  ];
  const plan = Array.from({ length: count }, (_, i) => (makers[i % makers.length] as () => Fault)());
  for (let i = plan.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [plan[i], plan[j]] = [plan[j] as Fault, plan[i] as Fault];
  }
  return plan;
}

/** What a fault is done to. */
export interface Scene {
  readonly stage: Stage;
  readonly victims: readonly Participant[];
  readonly proxies: readonly Proxy[];
  /** Where the first node's files are, when that can be filled. */
  readonly disk: string | undefined;
}

/** Does a fault, and takes it back. */
export async function inflict(fault: Fault, { stage, victims, proxies, disk }: Scene): Promise<void> {
  switch (fault.kind) {
    case "kill": {
      const victim = victims[fault.victim];
      await victim?.kill();
      victim?.start();
      return;
    }
    case "reorganisation":
      await stage.provider.send("anvil_reorg", [fault.depth, []]);
      return;
    case "endpoint":
    case "all endpoints": {
      const chosen = fault.kind === "endpoint" ? proxies.slice(fault.endpoint, fault.endpoint + 1) : proxies;
      for (const proxy of chosen) proxy.mode = fault.mode;
      await pause(fault.seconds * 1_000);
      for (const proxy of chosen) proxy.mode = "honest";
      return;
    }
    case "full disk": {
      if (disk === undefined) return;
      const filler = join(disk, "filler");
      const { bavail, bsize } = await statfs(disk);
      await writeFile(filler, Buffer.alloc(bavail * bsize)).catch(() => undefined);
      await pause(fault.seconds * 1_000);
      await rm(filler, { force: true });
      return;
    }
  }
}

/** A fault in words, for counting. */
export const kindOf = (fault: Fault): string => {
  if (fault.kind === "endpoint") return `one endpoint: ${fault.mode}`;
  if (fault.kind === "all endpoints") return `all endpoints: ${fault.mode}`;
  return fault.kind;
};
