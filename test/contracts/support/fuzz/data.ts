import { ZeroHash } from "ethers";

import { encodeTerms } from "../../../../services/chain/calldata.ts";
import type { DataDemand } from "./ledger.ts";
import { committedData, payingIn, stateOf, withdrawing } from "./market.ts";
import { type Act, ASSIGNED, CHALLENGED, CLAIMED, type Move, present, type Refusal, short } from "./move.ts";
import { chunkOf, CHUNKS, INPUT_ROOTS } from "./toy.ts";
import type { Job, Signer, World } from "./world.ts";

/*
 * Moves of those who want to see committed inputs, and of those who show them.
 */

const demandsOf = ({ ledger }: World, { id: requestId }: Job): DataDemand[] =>
  ledger.data.filter((it) => it.requestId === requestId);
const jobOf = (world: World, { requestId }: DataDemand): Job | undefined =>
  world.jobs.find((job) => job.id === requestId);

/** Chunks that nobody asked for yet. */
const hidden = (world: World, job: Job): number[] => {
  const known = new Set(demandsOf(world, job).map(({ chunk }) => chunk));
  return Array.from({ length: CHUNKS }, (_, chunk) => chunk).filter((chunk) => !known.has(chunk));
};

/** Who may demand the input of a request now: its operator before the claim, anybody after it. */
function demander(world: World, job: Job): Signer | undefined {
  const { status, operator, deadline } = stateOf(world, job);
  if (job.version.size !== "large" || world.nextClock >= deadline) return undefined;
  if (status === ASSIGNED) {
    // An honest operator has what it was asked.
    const asks = !world.ledger.job(job.id).demanded && world.characterOf(operator) !== "honest";
    return asks && world.isLit("operators", operator) ? world.signerOf(operator) : undefined;
  }
  return status === CLAIMED || status === CHALLENGED ? world.random.pick(world.people.watchers.slice(1)) : undefined;
}

const demand = (world: World, job: Job, by: Signer, chunks: readonly number[], how = ""): Act => ({
  text: `demand ${chunks.join()} of ${short(job.id)} by ${short(by.address)}${how}`,
  send: () =>
    world.contracts.availability.connect(by).demand(world.contracts.market, encodeTerms(job.request), 0, [...chunks]),
});

/** Shows a chunk; whoever does gets the bond. */
export const showing = (world: World, found: DataDemand, by: Signer, changed?: "byte" | "chunk"): Act => ({
  text: `show ${found.chunk} of ${short(found.requestId)} by ${short(by.address)}`,
  send: () => {
    const job = jobOf(world, found);
    if (job === undefined) throw new Error(`no request ${found.requestId}`);
    const segment = chunkOf(changed === "chunk" ? (found.chunk + 1) % CHUNKS : found.chunk);
    const data = changed === "byte" ? `${segment.data.slice(0, -2)}ee` : segment.data;
    const { availability } = world.contracts;
    return availability
      .connect(by)
      .show(committedData(world, job), found.chunk, [...INPUT_ROOTS], { ...segment, data });
  },
});

const after = (world: World, name: "reclaim" | "settle", found: DataDemand, how = ""): Act => ({
  text: `${name} ${found.chunk} of ${short(found.requestId)}${how}`,
  send: async () => {
    const job = jobOf(world, found);
    if (job === undefined) throw new Error(`no request ${found.requestId}`);
    const { availability } = world.contracts;
    const data = committedData(world, job);
    if (name === "settle") await availability.settle(data, found.chunk, encodeTerms(job.request));
    else {
      await availability.reclaim(data, found.chunk);
      found.returned = true;
    }
  },
});

const isOpen = (world: World, { shown, until }: DataDemand): boolean => !shown && world.nextClock <= until;
const isLate = (world: World, { shown, until }: DataDemand): boolean => !shown && world.nextClock > until;
/** Whether the market does something about data that nobody showed. */
const settles = (world: World, found: DataDemand): boolean => {
  const job = jobOf(world, found);
  const status = job === undefined ? 0n : stateOf(world, job).status;
  return isLate(world, found) && (status === ASSIGNED || status === CLAIMED);
};

const one = (world: World, condition: (found: DataDemand) => boolean): DataDemand | undefined =>
  world.some(world.ledger.data, condition);

export const DATA_MOVES: readonly Move[] = [
  {
    name: "availability.demand",
    weight: 6,
    valid: (world) => {
      if (world.pausedNext) return undefined;
      const job = world.some(world.jobs, (it) => hidden(world, it).length > 0 && demander(world, it) !== undefined);
      const by = job && demander(world, job);
      if (job === undefined || by === undefined) return undefined;
      const chunks = hidden(world, job);
      return demand(world, job, by, chunks.slice(0, 1 + world.random.below(chunks.length)));
    },
    refusals: (world) => {
      const by = world.random.pick(world.people.watchers.slice(1));
      const any = world.some(world.jobs);
      if (world.pausedNext) return any ? [{ ...demand(world, any, by, [0]), error: "PauseActive" }] : [];
      const ahead = (it: Job): boolean => world.nextClock < stateOf(world, it).deadline;
      const small = world.some(
        world.jobs,
        (it) => it.version.size === "small" && stateOf(world, it).status === CLAIMED && ahead(it),
      );
      const seen = world.some(
        world.jobs,
        (it) => demandsOf(world, it).length === CHUNKS && stateOf(world, it).status === CLAIMED && ahead(it),
      );
      const large = world.some(
        world.jobs,
        (it) => it.version.size === "large" && stateOf(world, it).status === CLAIMED && ahead(it),
      );
      const assigned = world.some(world.jobs, (it) => stateOf(world, it).status === ASSIGNED && ahead(it));
      return present<Refusal>(
        small && { ...demand(world, small, by, [0], " inline"), error: "MarketDataPublic" },
        seen && { ...demand(world, seen, by, [0], " again"), error: "DataNothingNew" },
        large && { ...demand(world, large, by, [CHUNKS], " outside"), error: "DataChunkOutside" },
        assigned && { ...demand(world, assigned, world.people.pauper, [0], " of another"), error: "MarketNotOperator" },
      );
    },
  },
  {
    name: "availability.show",
    weight: 4,
    valid: (world) => {
      const found = one(world, (it) => isOpen(world, it));
      // Not the pauper: what it earned would make it one no more.
      const { requesters, watchers } = world.people;
      return found && showing(world, found, world.random.pick([...requesters, ...watchers]));
    },
    refusals: (world) => {
      const { pauper } = world.people;
      const open = one(world, (it) => isOpen(world, it));
      const late = one(world, (it) => isLate(world, it));
      const shown = one(world, (it) => it.shown);
      return present<Refusal>(
        open && { ...showing(world, open, pauper, "byte"), error: "RegistryTensorRootMismatch" },
        open && { ...showing(world, open, pauper, "chunk"), error: "RegistryChunkMismatch" },
        late && { ...showing(world, late, pauper), error: "DataTooLate" },
        shown && { ...showing(world, shown, pauper), error: "DataShownBefore" },
      );
    },
  },
  ...(["reclaim", "settle"] as const).map((name): Move => ({
    name: `availability.${name}`,
    weight: 6,
    valid: (world) => {
      const fits = (it: DataDemand): boolean =>
        name === "settle" ? settles(world, it) : isLate(world, it) && !it.returned;
      const found = one(world, fits);
      return found && after(world, name, found);
    },
    refusals: (world) => {
      const open = one(world, (it) => isOpen(world, it));
      const shown = one(world, (it) => it.shown);
      const returned = name === "reclaim" ? one(world, (it) => isLate(world, it) && it.returned) : undefined;
      const ended = name === "settle" ? one(world, (it) => isLate(world, it) && !settles(world, it)) : undefined;
      const job = world.some(world.jobs, (it) => demandsOf(world, it).length === 0);
      const nobodys = job && {
        requestId: job.id,
        chunk: 0,
        demander: ZeroHash,
        until: 0,
        shown: false,
        returned: false,
      };
      return present<Refusal>(
        open && { ...after(world, name, open, " too early"), error: "DataTooEarly" },
        shown && { ...after(world, name, shown, " that was shown"), error: "DataShownBefore" },
        returned && { ...after(world, name, returned, " again"), error: "DataBondReturned" },
        ended && { ...after(world, name, ended, " too late"), error: "MarketStatusForbids" },
        nobodys && { ...after(world, name, nobodys, " that nobody demanded"), error: "DataDemandUnknown" },
      );
    },
  })),
  payingIn("availability"),
  withdrawing("availability"),
];

/** Ends what nobody showed, when its time is over. */
export async function settleAll(world: World): Promise<void> {
  for (const found of world.ledger.data) {
    if (!isLate(world, found)) continue;
    if (settles(world, found)) await after(world, "settle", found).send();
    if (!found.returned) await after(world, "reclaim", found).send();
    await world.look();
  }
}
