import { randomUUID } from "node:crypto";

import type { Deployment } from "../chain/deployment.ts";
import { type Sender, senderInTurn } from "../chain/sender.ts";
import type { Database } from "../database/database.ts";
import { LEASE_SECONDS, SharedWork } from "../database/leases.ts";
import type { Clock } from "../environment/clock.ts";
import { describeError } from "../environment/describe.ts";
import type { Reporter } from "../environment/events.ts";

/** What a process shares with others that act for the same account from the same database. */
export interface Sharing {
  readonly work: SharedWork;
  /** Sends in turn with the others. */
  readonly sender: (own: Sender, clock: Clock) => Sender;
  readonly close: () => Promise<void>;
}

/** Milliseconds between two tries to have the turn. */
const TURN_MILLISECONDS = 250;

export function openShare(
  database: Database,
  {
    deployment: { chainId, contracts },
    account,
    role,
    report,
  }: {
    readonly deployment: Deployment;
    readonly account: string;
    readonly role: string;
    readonly report: Reporter;
  },
): Sharing {
  const owner = randomUUID();
  const realm = `${String(chainId)}:${contracts.InferenceMarket.toLowerCase()}:${account}`;
  const work = new SharedWork(database, { realm: `${realm}:${role}`, owner });
  // An account has one nonce, whatever roles it plays.
  const turns = new SharedWork(database, { realm, owner });
  const renew = (): void => {
    Promise.all([work.renew(), turns.renew()]).catch((error: unknown) => {
      report({ kind: "retrying", task: "leases", reason: describeError(error) });
    });
  };
  const timer = setInterval(renew, (LEASE_SECONDS * 1_000) / 3).unref();
  return {
    work,
    sender: (own, clock) => {
      const pause = (): Promise<void> => clock.pause(TURN_MILLISECONDS, new AbortController().signal);
      return senderInTurn(own, (sending) => turns.alone("sender", pause, sending));
    },
    close: async () => {
      clearInterval(timer);
      await Promise.all([work.retain(new Set()), turns.retain(new Set())]);
    },
  };
}
