import { type DrandBeacon, drandTimeOf } from "../../runner/randomness/drand.ts";
import type { Now } from "../chain/context.ts";

/** Where the seeds of draws come from, as far as services have to do something for them. */
export type SeedSource =
  { readonly kind: "drand"; readonly beacon: DrandBeacon } | { readonly kind: "randao" } | { readonly kind: "local" };

/** What the seed of a ticket needs now. */
export type SeedMove =
  | { readonly kind: "submitRound"; readonly round: bigint }
  | { readonly kind: "submitHeader"; readonly block: bigint }
  | { readonly kind: "wait" };

/**
 * What to do for a ticket whose seed is pending.
 * @param now Block and time of the next transaction.
 */
export function nextSeedMove(source: SeedSource, ticket: bigint, now: Pick<Now, "block" | "time">): SeedMove {
  switch (source.kind) {
    case "drand":
      return drandTimeOf(source.beacon, Number(ticket)) <= now.time
        ? { kind: "submitRound", round: ticket }
        : { kind: "wait" };
    case "randao":
      return ticket < BigInt(now.block) ? { kind: "submitHeader", block: ticket } : { kind: "wait" };
    case "local":
      // The chain itself gives the seed.
      return { kind: "wait" };
  }
}
