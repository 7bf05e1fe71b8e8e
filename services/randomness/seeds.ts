import type { Provider } from "ethers";

import { ticketStateOf } from "../../runner/protocol/enums.ts";
import type { DrandBeacon } from "../../runner/randomness/drand.ts";
import { DrandRandomness__factory, RandaoRandomness__factory } from "../../typechain-types/index.ts";
import { type Now, send, type ServiceContext } from "../chain/context.ts";
import { describeError } from "../environment/describe.ts";
import { beaconsOf, fetchSignature } from "./beacons.ts";
import { headerOf } from "./header.ts";
import { nextSeedMove, type SeedMove, type SeedSource } from "./move.ts";

/** How long a seed that could not be had is left alone: seconds for the first time, doubled each time, and the longest. */
const REST = { first: 3, longest: 60 };

/**
 * Brings what the source of seeds needs, for whoever wants a draw: rounds of the beacon, headers of blocks. One
 * transaction serves all draws of a round or block, and it does not matter who sends it.
 */
export class SeedService {
  readonly #context: ServiceContext;
  readonly #beacons: readonly string[] | undefined;
  readonly #failures = new Map<bigint, { readonly count: number; readonly until: number }>();
  #source: SeedSource | undefined;

  /** @param beacons Where a beacon's rounds are published; see `parseBeacons`. */
  constructor(context: ServiceContext, beacons?: readonly string[]) {
    this.#context = context;
    this.#beacons = beacons;
  }

  /**
   * Looks whether the seed of a ticket is there, or cannot come any more, and if not, does what can be done for it now.
   * What cannot be had is reported, and left alone for some time.
   * @returns Whether the ticket's state is final: a draw, or a new commitment, can follow.
   */
  async bring(ticket: bigint, now: Now, signal?: AbortSignal): Promise<boolean> {
    if (!(await this.#isPending(ticket))) return true;
    const move = nextSeedMove(await this.#sourceOfSeeds(), ticket, now);
    if (move.kind === "wait" || this.#rests(ticket, now)) return false;
    try {
      await this.#submit(move, signal);
    } catch (error) {
      if (signal?.aborted === true) return false;
      this.#failed(ticket, now);
      this.#context.report({ kind: "seedUnavailable", ticket, reason: describeError(error) });
      return false;
    }
    this.#failures.delete(ticket);
    return signal?.aborted !== true;
  }

  async #isPending(ticket: bigint): Promise<boolean> {
    return ticketStateOf((await this.#context.suite.randomness.seedOf(ticket)).state) === "pending";
  }

  /** Somebody else may be first: then the transaction costs a read, and the seed is the same. */
  async #submit(move: Exclude<SeedMove, { kind: "wait" }>, signal: AbortSignal | undefined): Promise<void> {
    const { suite, signer, provider, clock } = this.#context;
    const source = await this.#sourceOfSeeds();
    if (move.kind === "submitHeader") {
      const { rlp } = await headerOf(provider, move.block);
      const randao = RandaoRandomness__factory.connect(await suite.randomness.getAddress(), signer);
      if (signal?.aborted === true || !(await this.#isPending(move.block))) return;
      await send(
        this.#context,
        { kind: "headerSubmitted", block: move.block },
        randao.submit.populateTransaction(move.block, rlp),
      );
    } else if (source.kind === "drand") {
      const urls = this.#beacons ?? beaconsOf(source.beacon);
      const signature = await fetchSignature(urls, source.beacon, move.round, { clock, signal });
      const drand = DrandRandomness__factory.connect(await suite.randomness.getAddress(), signer);
      if (signal?.aborted === true || !(await this.#isPending(move.round))) return;
      await send(
        this.#context,
        { kind: "roundSubmitted", round: move.round },
        drand.submit.populateTransaction(move.round, signature),
      );
    }
  }

  /** The source, with the beacon as its contract has it: that never changes. */
  async #sourceOfSeeds(): Promise<SeedSource> {
    const { suite, randomness, provider } = this.#context;
    if (this.#source !== undefined) return this.#source;
    const source: SeedSource =
      randomness === "drand"
        ? { kind: "drand", beacon: await beaconOf(await suite.randomness.getAddress(), provider) }
        : { kind: randomness };
    this.#source = source;
    return source;
  }

  #rests(ticket: bigint, { time }: Now): boolean {
    return time < (this.#failures.get(ticket)?.until ?? 0);
  }

  #failed(ticket: bigint, { time }: Now): void {
    const count = (this.#failures.get(ticket)?.count ?? 0) + 1;
    const until = time + Math.min(REST.longest, REST.first * 2 ** (count - 1));
    this.#failures.set(ticket, { count, until });
    // Tickets whose requests ended without their seeds.
    for (const [other, failure] of this.#failures)
      if (failure.until + REST.longest < time) this.#failures.delete(other);
  }
}

async function beaconOf(address: string, provider: Provider): Promise<DrandBeacon> {
  const drand = DrandRandomness__factory.connect(address, provider);
  const [publicKey, genesisTime, periodSeconds] = await Promise.all([
    drand.publicKey(),
    drand.GENESIS_TIME(),
    drand.PERIOD_SECONDS(),
  ]);
  return { publicKey, genesisTime: Number(genesisTime), periodSeconds: Number(periodSeconds) };
}
