import { join } from "node:path";

import { allow } from "../chain/funds.ts";
import { secretIn } from "../watcher/secret.ts";
import { type QuorumOptions, QuorumService } from "./quorum.ts";

/**
 * An operator's service for quorums, with what it keeps in a folder of its own beside what it keeps of requests. Who sits in a
 * quorum accuses those who say something else, against a bond of the court.
 */
export async function quorumServiceOf(options: Omit<QuorumOptions, "secret">): Promise<QuorumService> {
  await allow(options, options.suite.court);
  const custody = join(options.custody, "quorums");
  return new QuorumService({ ...options, custody, secret: await secretIn(custody) });
}
