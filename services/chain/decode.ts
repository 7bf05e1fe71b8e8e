import type { Interface, LogDescription } from "ethers";

import type { ChainLog } from "./blocks.ts";
import type { Suite } from "./deployment.ts";

/** A log of the suite, decoded. */
export interface SuiteEvent {
  /** Contract and event: `market.Claimed`. */
  readonly name: string;
  /** Arguments by name. A text that is not UTF-8 is empty. */
  readonly args: Readonly<Record<string, unknown>>;
  /** The same in order. */
  readonly list: readonly unknown[];
  readonly block: number;
  /** Names of arguments that could not be decoded. */
  readonly unusable: readonly string[];
}

const READ = ["registry", "market", "availability", "court", "quorums"] as const;

export type ReadContract = (typeof READ)[number];

/** Decodes the logs of the suite's contracts, each on its own: whatever one of them holds, the others are read. */
export class EventDecoder {
  readonly #interfaces: ReadonlyMap<string, readonly [ReadContract, Interface]>;
  readonly #handled = new Set<string>();

  /** @param handled Names of the events that somebody wants. */
  constructor(suite: Suite, handled: readonly string[]) {
    this.#interfaces = new Map(
      READ.map((name) => [(suite[name].target as string).toLowerCase(), [name, suite[name].interface]] as const),
    );
    for (const name of handled) {
      const [contract, event = ""] = name.split(".");
      const found = READ.find((each) => each === contract);
      const topic = found === undefined ? undefined : (suite[found].interface as Interface).getEvent(event)?.topicHash;
      if (topic === undefined) throw new Error(`no contract has the event ${name}`);
      this.#handled.add(topic);
    }
  }

  /** Whether anybody wants the event with this topic. */
  isHandled(topic: string): boolean {
    return this.#handled.has(topic);
  }

  /** Contracts whose logs are read. */
  get addresses(): readonly string[] {
    return [...this.#interfaces.keys()];
  }

  /** The event of a log; undefined when it is not one of these contracts' events. */
  decode({ address, topics, data, block }: ChainLog): SuiteEvent | undefined {
    const found = this.#interfaces.get(address);
    const parsed = found === undefined ? null : parse(found[1], topics, data);
    if (found === undefined || parsed === null) return undefined;
    const unusable: string[] = [];
    const list = parsed.fragment.inputs.map(({ name }, i): unknown => {
      try {
        return parsed.args[i];
      } catch {
        // ethers throws when an argument is read that is not UTF-8. Strangers write such texts.
        unusable.push(name);
        return "";
      }
    });
    const args = Object.fromEntries(parsed.fragment.inputs.map(({ name }, i) => [name, list[i]]));
    return { name: `${found[0]}.${parsed.name}`, args, list, block, unusable };
  }
}

function parse(contract: Interface, topics: readonly string[], data: string): LogDescription | null {
  try {
    return contract.parseLog({ topics: [...topics], data });
  } catch {
    return null;
  }
}
