import { AbiCoder, keccak256, parseEther, ZeroAddress, ZeroHash } from "ethers";

import { encodeTerms } from "../../../../services/chain/calldata.ts";
import { EPOCH_SECONDS, filled, MARKET, policyOf, type RequestStruct } from "../protocol.ts";
import { ANSWERS_OF } from "./actors.ts";
import {
  type Act,
  ACTIVE,
  addressOf,
  ASSIGNED,
  CHALLENGED,
  CLAIMED,
  FINAL,
  type Move,
  OPEN,
  present,
  type Refusal,
  REQUEST_STATES,
  short,
} from "./move.ts";
import type { Creditor } from "./ledger.ts";
import type { Named, Wanted } from "./plain-pools.ts";
import { evidenceFor, permitFor, requestSignedBy } from "./signatures.ts";
import { type Answer, INPUT_BYTES, LARGE_INPUT_ROOT, outputOfAnswer } from "./toy.ts";
import type { RequestView } from "./view.ts";
import type { Job, Version, World } from "./world.ts";

/*
 * Moves of requesters, operators and keepers on the market.
 */

const MINUTE = 60;
/** Blocks whose hash the EVM knows. */
export const SEED_BLOCKS = 256;

type Send = (request: RequestStruct, by: World["people"]["admin"], job: Job) => Promise<unknown>;

export const stateOf = ({ view }: World, { id }: Job): RequestView => {
  const state = view.requests.get(id);
  if (state === undefined) throw new Error(`no request ${id}`);
  return state;
};

const NOBODY: RequestStruct = {
  ...{ requester: ZeroAddress, nonce: 0, versionId: ZeroHash, inputRoot: ZeroHash, policy: ZeroHash },
  ...{ fee: 0, royalty: 0, royaltyRecipient: ZeroAddress, collateral: 0, numericsVersion: 0, claimSeconds: 0 },
  ...{ openUntil: 0, windowSeconds: 0, callback: ZeroAddress, callbackGas: 0, inputInline: false },
};

/**
 * A move on an existing request: it needs one state, the time on one side of the deadline, perhaps more. It is refused
 * in every other state, on the other side of the deadline, and as told.
 */
function onRequest(
  name: string,
  needs: {
    readonly weight: number;
    readonly state: bigint;
    readonly time: "before" | "after" | "late";
    readonly pausable?: boolean;
    /** States of which `refusals` says why the move is refused. */
    readonly apart?: readonly bigint[];
    readonly also?: (world: World, job: Job) => boolean;
    readonly send: (world: World) => Send;
    readonly refusals?: (world: World, fitting: readonly Job[], act: (job: Job, how: string) => Act) => Refusal[];
  },
): Move {
  const inTime = (world: World, job: Job): boolean => {
    const { deadline } = stateOf(world, job);
    const extra = needs.time === "late" ? MARKET.maxDisputeSeconds : 0;
    return needs.time === "before" ? world.nextClock < deadline : world.nextClock >= deadline + extra;
  };
  const act = (world: World, job: Job, how = ""): Act => ({
    text: `${name} ${short(job.id)}${how}`,
    send: async () => {
      const { operator } = stateOf(world, job);
      const by = operator === ZeroAddress ? world.people.pauper : actingFor(world, operator);
      return needs.send(world)(job.request, by, job);
    },
  });
  const stopped = (world: World): boolean => needs.pausable === true && world.pausedNext;
  return {
    name: `market.${name}`,
    weight: needs.weight,
    valid: (world) => {
      if (stopped(world)) return undefined;
      const job = world.some(world.jobs, (it) => {
        return stateOf(world, it).status === needs.state && inTime(world, it) && (needs.also?.(world, it) ?? true);
      });
      return job && act(world, job);
    },
    refusals: (world) => {
      const any = world.some(world.jobs);
      if (stopped(world)) return any ? [{ ...act(world, any), error: "PauseActive", args: [world.pausedUntil] }] : [];
      const wrongStates = REQUEST_STATES.flatMap((state, status) => {
        if (status === 0 || BigInt(status) === needs.state || needs.apart?.includes(BigInt(status)) === true) return [];
        const job = world.some(world.jobs, (it) => stateOf(world, it).status === BigInt(status));
        if (job === undefined) return [];
        const args = [job.id, BigInt(status)];
        return [{ ...act(world, job, ` while ${state}`), error: "MarketStatusForbids", args, state }];
      });
      const unknown: Refusal = {
        text: `${name} of a request that nobody made`,
        send: () => needs.send(world)(NOBODY, world.people.pauper, nobodys(world)),
        error: "MarketRequestUnknown",
        state: "None",
      };
      const here = world.jobs.filter((it) => stateOf(world, it).status === needs.state);
      const untimely = world.some(here, (it) => !inTime(world, it));
      const error = needs.time === "before" ? "MarketDeadlinePassed" : "MarketDeadlineAhead";
      const early = untimely && { ...act(world, untimely, " at the wrong time"), error };
      const more = needs.refusals?.(
        world,
        here.filter((it) => inTime(world, it)),
        (job, how) => act(world, job, how),
      );
      return [...wrongStates, unknown, ...present<Refusal>(early), ...(more ?? [])];
    },
  };
}

const nobodys = ({ versions: [version], people }: World): Job => ({
  ...{ id: ZeroHash, request: NOBODY },
  version: version ?? { id: ZeroHash, size: "small", publisher: people.pauper },
});

// ------------------------------------------------------------------------------------------------ requests

const ceilDiv = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;
const DAY = 86_400;

/** Collateral for a value at risk and a fee, as the market's parameters say: half of what is slashed may come back. */
export function collateralOf(valueAtRisk: bigint, fee: bigint): bigint {
  const wanted = ((valueAtRisk + fee) * 10_000n * 10_000n) / (BigInt(MARKET.catchBps) * 5_000n) + 1n;
  return wanted > MARKET.minimumCollateral ? wanted : MARKET.minimumCollateral;
}

/** Least fee for a collateral that is locked so long. */
export const rentOf = (collateral: bigint, lockSeconds: number): bigint =>
  MARKET.minimumFee +
  ceilDiv(collateral * BigInt(MARKET.lockFeeBps * Math.max(lockSeconds, DAY)), 10_000n * BigInt(DAY));

/** The least fee that pays for the stake that it locks itself. */
function leastFeeFor(valueAtRisk: bigint, lockSeconds: number): bigint {
  for (let fee = 0n; ;) {
    const next = rentOf(collateralOf(valueAtRisk, fee), lockSeconds);
    if (next <= fee) return fee;
    fee = next;
  }
}

/** Part of a fee that pays audits. */
export const auditShareOf = (fee: bigint): bigint => (fee * BigInt(MARKET.auditBps)) / 10_000n;

const live = (world: World): string[] => [...world.routes].filter(([, { dead }]) => !dead).map(([mode]) => mode);

function termsFor(world: World, version: Version, by: string) {
  const { random, view } = world;
  const griefs = world.sideOf(by) === "griefing" && random.chance(0.5);
  const modes = live(world);
  const first = world.some(modes) ?? "0x00000000";
  const second = random.chance(0.3) ? world.some(modes, (mode) => mode !== first) : undefined;
  const callback = random.chance(griefs ? 0.8 : 0.3) ? (world.some(world.consumers) ?? ZeroAddress) : ZeroAddress;
  const inline = version.size === "small";
  const valueAtRisk = parseEther(String(random.below(200)));
  // Who griefs gives as little time, and pays as little, as it may.
  const seconds = (): number => MINUTE * (griefs ? random.between(1, 20) : random.between(60, 1_440));
  const openSeconds = MINUTE * random.between(60, 1_440);
  // Mostly the window is long enough for an audit, in which an auditor has as much time as the operator.
  const [claimSeconds, windowSeconds] = [random.chance(0.7) ? MINUTE * random.between(20, 120) : seconds(), seconds()];
  const leastFee = leastFeeFor(valueAtRisk, claimSeconds + windowSeconds);
  return {
    versionId: version.id,
    inputs: inline ? INPUT_BYTES : "0x",
    inputRoot: inline ? ZeroHash : LARGE_INPUT_ROOT,
    inputUri: inline ? "" : "ipfs://input",
    policy: policyOf(...present(first, second)),
    fee: leastFee + (random.chance(griefs ? 1 : 0.2) ? 0n : parseEther(String(1 + random.below(20)))),
    valueAtRisk,
    openSeconds,
    claimSeconds,
    windowSeconds,
    callback,
    callbackGas: callback === ZeroAddress ? 0 : griefs ? 1_000_000 : 100_000,
    minimumHolders: random.chance(0.2) ? (view.versions.get(version.id)?.holders ?? 0n) : 0,
  };
}

type Terms = ReturnType<typeof termsFor>;

/** A version that can be asked; nearly always one that somebody answers for. */
function askable(world: World): Version | undefined {
  const usable = world.versions.filter(({ id }) => (world.view.versions.get(id)?.status ?? 3n) < 3n);
  const held = usable.filter(({ id }) => (world.view.versions.get(id)?.holders ?? 0n) > 0n);
  return world.some(held.length > 0 && world.random.chance(0.9) ? held : usable);
}

function asking(
  name: string,
  weight: number,
  send: (world: World, terms: Terms, by: World["people"]["admin"]) => Act["send"],
): Move {
  const asker = (world: World) =>
    world.some(world.people.requesters, ({ address }) => world.isLit("requesters", address)) ?? world.people.pauper;
  const act = (world: World, terms: Terms, how: string, by: World["people"]["admin"]): Act => {
    const { versionId, policy, fee, windowSeconds, callback } = terms;
    const words = [short(versionId), policy.slice(0, 18), fee, windowSeconds, short(callback)];
    const text = `${name} ${words.join(" ")}${how} by ${short(by.address)}`;
    return { text, send: send(world, terms, by) };
  };
  return {
    name: `market.${name}`,
    weight,
    valid: (world) => {
      if (world.liar !== undefined && name === "requestWithPermit") return undefined;
      const version = askable(world);
      if (version === undefined || isBusy(world) || world.pausedNext || world.view.court === ZeroAddress)
        return undefined;
      const by = asker(world);
      return live(world).length === 0 ? undefined : act(world, termsFor(world, version, by.address), "", by);
    },
    refusals: (world) => {
      const version = askable(world);
      if (version === undefined || live(world).length === 0) return [];
      if (world.liar !== undefined && name === "requestWithPermit") return [];
      const by = asker(world);
      const terms = termsFor(world, version, by.address);
      // A permit takes a transaction before, and the pause may end meanwhile.
      const ends = name === "requestWithPermit" && world.next + 1 >= world.pausedUntil;
      if (world.pausedNext) return ends ? [] : [{ ...act(world, terms, "", by), error: "PauseActive" }];
      if (world.view.court === ZeroAddress) return [{ ...act(world, terms, "", by), error: "MarketCourtMissing" }];
      const but = (changed: Partial<Terms>, error: string): Refusal => ({
        ...act(world, { ...terms, ...changed }, ` (${error})`, by),
        error,
      });
      const gone = world.some(world.versions, ({ id }) => world.view.versions.get(id)?.status === 3n);
      const dead = world.some([...world.routes], ([, route]) => route.dead);
      const timed = world.some([...world.routes], ([, route]) => !route.dead && route.by === "time");
      return present<Refusal>(
        but({ versionId: ZeroHash }, "RegistryVersionUnknown"),
        gone && but({ versionId: gone.id }, "MarketVersionUnusable"),
        but({ policy: ZeroHash }, "AttestationPolicyMalformed"),
        dead && but({ policy: policyOf(dead[0]) }, "AttestationRouteUnusable"),
        timed && but({ policy: policyOf(timed[0]), windowSeconds: 59 }, "EvidenceTermsRefused"),
        but({ fee: leastFeeFor(terms.valueAtRisk, terms.claimSeconds + terms.windowSeconds) - 1n }, "MarketFeeTooLow"),
        but({ valueAtRisk: 2n ** 96n - 1n }, "MarketCollateralTooLarge"),
        but({ openSeconds: MINUTE - 1 }, "MarketSecondsOutOfRange"),
        but({ callback: ZeroAddress, callbackGas: 1 }, "MarketCallbackInvalid"),
        but({ minimumHolders: 99 }, "MarketHoldersTooFew"),
        but({ inputs: "0x", inputRoot: ZeroHash }, "MarketInlineRule"),
        version.size === "large" && but({ inputUri: "" }, "MarketUriLength"),
        version.size === "small" && but({ inputs: "0x11" }, "TensorListBytes"),
        version.size === "small" && but({ inputRoot: LARGE_INPUT_ROOT }, "MarketRootMismatch"),
        {
          ...act(world, terms, "", world.people.pauper),
          error: name === "requestWithPermit" ? "ERC20InsufficientBalance" : "ERC20InsufficientAllowance",
        },
      );
    },
  };
}

/** Requests that their requester only signed. */
const relaying: Move = {
  name: "relay.request",
  weight: 2,
  valid: (world) => {
    const version = askable(world);
    if (version === undefined || world.pausedNext || world.view.court === ZeroAddress || isBusy(world))
      return undefined;
    return live(world).length === 0 ? undefined : relayed(world, version, {});
  },
  refusals: (world) => {
    const version = askable(world);
    if (version === undefined || live(world).length === 0) return [];
    const late = { ...relayed(world, version, { late: true }), error: "RelaySignatureExpired" };
    return [late, { ...relayed(world, version, { forged: true }), error: "RelaySignatureInvalid" }];
  },
};

function relayed(world: World, version: Version, changed: { readonly late?: boolean; readonly forged?: boolean }): Act {
  const requester = world.random.pick(world.people.requesters);
  const terms = termsFor(world, version, requester.address);
  return {
    text: `relay.request ${short(version.id)} of ${short(requester.address)}${changed.forged === true ? " forged" : ""}`,
    send: async () => {
      const deadline = changed.late === true ? world.chain.time : world.next;
      const signer = changed.forged === true ? world.people.pauper : requester;
      const signature = await requestSignedBy(world, signer, requester, terms, deadline);
      await world.contracts.relay.request(requester.address, terms, deadline, signature);
    },
  };
}

const cancelling: Move = {
  name: "relay.cancel",
  weight: 0.5,
  valid: (world) => {
    const by = world.random.pick(world.people.requesters);
    return { text: `relay.cancel by ${short(by.address)}`, send: () => world.contracts.relay.connect(by).cancel() };
  },
  // Everybody may take back what it signed.
  refusals: () => [],
};

/** Whether so many requests are under way that no other is opened. */
const isBusy = (world: World): boolean => world.jobs.filter((job) => stateOf(world, job).status < FINAL).length > 10;

// ------------------------------------------------------------------------------------------------ moves

const ticketOf = ({ ledger }: World, { id }: Job): number => ledger.job(id).ticket;
const seedOf = (world: World, job: Job): "pending" | "expired" | "ready" => {
  // Weights of older epochs are not kept, whatever became of the seed.
  if (world.ledger.job(job.id).epoch + 1 < Math.floor(world.next / EPOCH_SECONDS)) return "expired";
  const block = world.chain.block + 1;
  const ticket = ticketOf(world, job);
  return block <= ticket ? "pending" : ticket < block - SEED_BLOCKS ? "expired" : "ready";
};
/** Whether all that was demanded of its data was shown. */
export const isShown = ({ ledger }: World, { id }: Job): boolean =>
  ledger.data.every(({ requestId, shown }) => requestId !== id || shown);
/** Whether somebody still verifies the evidence that a request asks for. */
export const isLive = (world: World, { request }: Job): boolean => {
  const modes = String(request.policy).slice(2).match(/.{8}/g) ?? [];
  return modes.every((mode) => Number(`0x${mode}`) === 0 || world.routes.get(`0x${mode}`)?.dead === false);
};
const hasKey = (world: World, job: Job): boolean => {
  const [first] = world.ledger.account(stateOf(world, job).operator).keys;
  return first !== undefined;
};
/** An operator, or now and then its agent. */
export function actingFor(world: World, operator: string): World["people"]["admin"] {
  const agent = world.view.operators.get(operator)?.agent ?? ZeroAddress;
  return world.signerOf(agent !== ZeroAddress && world.random.chance(0.5) ? agent : operator);
}
/** Whether its operator claims: the lazy one often does not. */
const isClaimer = (world: World, job: Job): boolean => {
  const { operator } = stateOf(world, job);
  return world.isLit("operators", operator) && (world.characterOf(operator) !== "lazy" || world.random.chance(0.3));
};
/** What the operator of a request answers: chosen once. */
function answerFor(world: World, job: Job, by?: string): Answer {
  const { operator: assigned = ZeroAddress } = world.view.requests.get(job.id) ?? {};
  const operator = assigned === ZeroAddress ? (by ?? assigned) : assigned;
  if (job.answer === undefined || job.answeredBy !== operator) {
    job.answer = world.random.pick(ANSWERS_OF[world.characterOf(operator)]);
    job.answeredBy = operator;
  }
  return job.answer;
}

const claiming =
  (
    world: World,
    changed: {
      readonly bytes?: string;
      readonly evidence?: readonly string[];
      readonly by?: World["people"]["admin"];
    } = {},
  ): Send =>
  async (request, by, job) => {
    const { bytes, root } = outputOfAnswer(answerFor(world, job, changed.by?.address));
    const from = changed.by ?? by;
    const evidence = changed.evidence ?? (await evidenceFor(world, job, root));
    const market = world.contracts.market.connect(from);
    return market.claim(request, changed.bytes ?? bytes, root, "", [...evidence]);
  };

/** The operator that the seed of a request's draw names, when it is able and its evidence names no deadline. */
async function ableClaimer(world: World, job: Job): Promise<World["people"]["admin"] | undefined> {
  const { ledger, chain, view } = world;
  const { ticket, epoch } = ledger.job(job.id);
  const { status: stage, deadline = 0 } = view.requests.get(job.id) ?? {};
  if (stage !== OPEN || world.nextClock >= deadline || world.pausedNext) return undefined;
  if (seedOf(world, job) !== "ready" || epoch + 1 < Math.floor(world.next / EPOCH_SECONDS)) return undefined;
  const modes = String(job.request.policy).slice(2).match(/.{8}/g) ?? [];
  const signed = modes.some((mode) => world.routes.get(`0x${mode}`)?.by === "signature");
  if (signed || !isLive(world, job)) return undefined;
  const { operator, capacity } = namedFor(world, job, epoch, await chain.hashOf(ticket));
  const { status, stake = 0n, locked = 0n, open = 0n } = view.operators.get(operator) ?? {};
  const able = status === ACTIVE && stake - locked >= BigInt(job.request.collateral) && open < capacity;
  return able ? world.signerOf(operator) : undefined;
}

/** Whom the plain model of the pools names. */
export function namedFor({ ledger }: World, { id, request }: Job, epoch: number, hash: string): Named {
  const seed = keccak256(AbiCoder.defaultAbiCoder().encode(["bytes32", "bytes32"], [hash, id]));
  return ledger.pool(String(request.versionId)).draw(wantedBy(request), epoch, seed);
}

/** What the draw of a request must find. */
export const wantedBy = ({ fee, royalty, collateral, claimSeconds, callbackGas }: RequestStruct): Wanted => ({
  ...{ fee: BigInt(fee) - BigInt(royalty) - auditShareOf(BigInt(fee)), collateral: BigInt(collateral) },
  ...{ claimSeconds: BigInt(claimSeconds), callbackGas: BigInt(callbackGas) },
});

/** A claim by the operator itself. */
export const claimed = (world: World, job: Job): Act => ({
  text: `claim ${short(job.id)} in duty`,
  send: () => claiming(world)(job.request, world.signerOf(stateOf(world, job).operator), job),
});

const finalising =
  (world: World, wrong = false): Send =>
  async (request, _by, job) =>
    world.contracts.market.finalise(
      request,
      wrong ? filled(1424, 3) : request.callback === ZeroAddress ? "0x" : outputOfAnswer(job.answer ?? "honest").bytes,
    );

const instead = (world: World, act: (job: Job, how: string) => Act, job: Job | undefined, error: string, send: Send) =>
  job !== undefined && {
    ...act(job, ` (${error})`),
    send: () => send(job.request, actingFor(world, stateOf(world, job).operator), job),
    error,
  };

const notice = (world: World, { id, request }: Job, how = ""): Act => ({
  text: `notifyFailure ${short(id)}${how}`,
  send: () => world.contracts.market.notifyFailure(request),
});
const failure: Move = {
  name: "market.notifyFailure",
  weight: 3,
  valid: (world) => {
    const job = world.some(world.jobs, (it) => failed(world, it) && hasConsumer(it) && !isNotified(world, it));
    return job && notice(world, job);
  },
  refusals: (world) => {
    const elsewhere = REQUEST_STATES.flatMap((state, status): Refusal[] => {
      const here = world.some(world.jobs, (it) => stateOf(world, it).status === BigInt(status));
      if (here === undefined || BigInt(status) > FINAL) return [];
      const args = [here.id, BigInt(status)];
      return [{ ...notice(world, here, ` while ${state}`), error: "MarketStatusForbids", args, state }];
    });
    const silent = world.some(world.jobs, (it) => failed(world, it) && !hasConsumer(it));
    const told = world.some(world.jobs, (it) => failed(world, it) && hasConsumer(it) && isNotified(world, it));
    return present<Refusal>(
      ...elsewhere,
      { ...notice(world, nobodys(world), " that nobody made"), error: "MarketStatusForbids", state: "None" },
      silent && { ...notice(world, silent), error: "MarketNoCallback", args: [silent.id] },
      told && { ...notice(world, told, " again"), error: "MarketNoCallback", args: [told.id] },
    );
  },
};
const failed = (world: World, job: Job): boolean => stateOf(world, job).status > FINAL;
const hasConsumer = ({ request }: Job): boolean => request.callback !== ZeroAddress;
const isNotified = ({ ledger }: World, { id }: Job): boolean => (ledger.job(id).callbacks[3] ?? 0) > 0;

/** Money paid in before it is needed: for oneself, or for somebody else. */
export const payingIn = (of: "market" | "court" | "availability" | "desk"): Move => {
  const act = (world: World, account: string, amount: bigint, by: World["people"]["admin"]): Act => ({
    text: `${of}.deposit ${amount} for ${short(account)} by ${short(by.address)}`,
    send: () => world.contracts[of].connect(by).deposit(account, amount),
  });
  return {
    name: `${of}.deposit`,
    weight: of === "market" ? 1.5 : 0.7,
    valid: (world) => {
      // Who watches honestly gives nothing away: in the end it must have all that it had.
      const all = [...world.people.requesters, ...world.people.watchers.slice(1)];
      const by = world.some(all, ({ address }) => world.isLit("requesters", address)) ?? world.random.pick(all);
      const account = world.random.chance(0.7) ? by.address : world.random.pick(world.people.requesters).address;
      return act(world, account, parseEther(String(world.random.between(1, 60))), by);
    },
    refusals: (world) => {
      const { pauper } = world.people;
      return [{ ...act(world, pauper.address, 1n, pauper), error: "ERC20InsufficientAllowance" }];
    },
  };
};

/** Somebody's credit, paid to it by whoever sends it. */
export const withdrawing = (of: Creditor): Move => {
  const act = ({ contracts }: World, account: string): Act => ({
    text: `${of}.withdraw ${short(account)}`,
    send: () => contracts[of].withdraw(account),
  });
  return {
    name: `${of}.withdraw`,
    weight: 2.5,
    valid: (world) => {
      const owed = world.some(world.view.credits[of], ([, amount]) => amount > 0n)?.[0];
      return owed === undefined ? undefined : act(world, owed);
    },
    refusals: (world) => {
      const none = world.some(world.view.credits[of], ([, amount]) => amount === 0n)?.[0];
      return none === undefined ? [] : [{ ...act(world, none), error: "CreditZero", args: [none] }];
    },
  };
};

/** The court's own functions, called by somebody else; that the court calls them is counted by their events. */
const byCourtOnly = (name: string, send: (world: World, job: Job, claimId: string) => Promise<unknown>): Move => ({
  name: `market.${name}`,
  weight: 0,
  valid: () => undefined,
  refusals: (world) => {
    const job = world.some(world.jobs, (it) => stateOf(world, it).claimId !== ZeroHash);
    if (job === undefined) return [];
    const { claimId } = stateOf(world, job);
    const args = [world.people.pauper.address, world.view.court];
    return [{ text: `${name} by a stranger`, send: () => send(world, job, claimId), error: "MarketNotCourt", args }];
  },
});
/** The functions of the contract that asks for data, called by somebody else. */
const byAvailabilityOnly = (name: string, send: (world: World, job: Job) => Promise<unknown>): Move => ({
  name: `market.${name}`,
  weight: 0,
  valid: () => undefined,
  refusals: (world) => {
    const job = world.some(world.jobs);
    if (job === undefined) return [];
    const args = [world.people.pauper.address, addressOf(world.contracts.availability)];
    const [error, text] = ["MarketNotAvailability", `${name} by a stranger`];
    return [{ text, send: () => send(world, job), error, args }];
  },
});
/** What opens the disputes of audits; that the desk calls it is counted by its moves. */
const byDeskOnlyToo: Move = {
  name: "market.challengeFor",
  weight: 0,
  valid: () => undefined,
  refusals: (world) => [
    {
      text: "market.challengeFor by a stranger",
      send: () => stranger(world).challengeFor(ZeroHash, ZeroHash, world.people.pauper.address),
      error: "MarketNotAuditDesk",
    },
  ],
};
/** What pays audits; that the desk calls it is counted by what it says. */
const byDeskOnly: Move = {
  name: "market.payAudit",
  weight: 0,
  valid: () => undefined,
  refusals: (world) => [
    {
      text: "payAudit by a stranger",
      send: () => stranger(world).payAudit(ZeroHash, world.people.pauper.address, 1),
      error: "MarketNotAuditDesk",
    },
  ],
};
/** A request's committed input. */
export const committedData = ({ contracts }: World, { id, request }: Job) => ({
  ...{ source: addressOf(contracts.market), id, versionId: String(request.versionId) },
  ...{ root: String(request.inputRoot), kind: 0 },
});
const stranger = ({ contracts, people }: World) => contracts.market.connect(people.pauper);

export const MARKET_MOVES: readonly Move[] = [
  asking("request", 10, (world, terms, by) => async () => {
    await world.contracts.market.connect(by).request(terms);
  }),
  asking("requestWithPermit", 2, (world, terms, by) => async () => {
    const { market, token } = world.contracts;
    const { deadline, v, r, s } = await permitFor(world.contracts, by, market, terms.fee);
    try {
      await market.connect(by).requestWithPermit(terms, deadline, v, r, s);
    } finally {
      await token.connect(by).approve(market, by === world.people.pauper ? 0 : 2n ** 256n - 1n);
    }
  }),
  asking("requestFor", 2, (world, terms, by) => async () => {
    // Somebody else pays; what it is worth is the requester's.
    const payer = by === world.people.pauper ? by : (world.people.requesters[0] ?? by);
    await world.contracts.market.connect(payer).requestFor(by.address, terms);
  }),
  onRequest("assign", {
    ...{ weight: 24, state: OPEN, time: "before", pausable: true },
    also: (world, job) => seedOf(world, job) !== "pending",
    send: (world) => async (request, _by, job) => {
      const named = world.random.chance(0.3) ? await ableClaimer(world, job) : undefined;
      if (named === undefined) return world.contracts.market.assign(request);
      // Whoever the seed names draws itself with its claim.
      world.playedAs = "market.claim";
      return claiming(world, { by: named })(request, named, job);
    },
    refusals: (world, fitting, act) => {
      const pending = world.some(fitting, (job) => seedOf(world, job) === "pending");
      return present<Refusal>(
        pending && { ...act(pending, ""), error: "MarketSeedPending", args: [ticketOf(world, pending)] },
      );
    },
  }),
  onRequest("claim", {
    ...{ weight: 24, state: ASSIGNED, time: "before", pausable: true, apart: [OPEN] },
    also: (world, job) => isLive(world, job) && hasKey(world, job) && isClaimer(world, job),
    send: (world) => claiming(world),
    refusals: (world, fitting, act) => {
      const job = world.some(fitting, (it) => isLive(world, it));
      const dead = world.some(fitting, (it) => !isLive(world, it));
      const bytes = filled(1424, 3);
      // A claim draws first: it is refused as the draw is.
      const open = world.jobs.filter((it) => stateOf(world, it).status === OPEN);
      const late = world.some(open, (it) => world.nextClock >= stateOf(world, it).deadline);
      const early = world.some(
        open,
        (it) => world.nextClock < stateOf(world, it).deadline && seedOf(world, it) === "pending",
      );
      const state = { state: "Open" };
      return present<Refusal>(
        late && { ...act(late, " while Open"), error: "MarketDeadlinePassed", ...state },
        early && { ...act(early, " while Open"), error: "MarketSeedPending", ...state },
        instead(world, act, job, "MarketNotOperator", claiming(world, { by: world.people.pauper })),
        instead(world, act, job, "MarketRootMismatch", claiming(world, { bytes })),
        instead(world, act, job, "MarketInlineRule", claiming(world, { bytes: "0x" })),
        instead(world, act, job, "AttestationEvidenceCount", claiming(world, { evidence: [] })),
        job &&
          instead(world, act, job, "EvidenceRejected", async (request, by, it) => {
            const evidence = await evidenceFor(world, it, outputOfAnswer(answerFor(world, it)).root);
            return claiming(world, { evidence: evidence.map((part) => `${part}00`) })(request, by, it);
          }),
        instead(world, act, dead, "AttestationRouteUnusable", claiming(world)),
      );
    },
  }),
  onRequest("finalise", {
    ...{ weight: 10, state: CLAIMED, time: "after" },
    also: isShown,
    send: (world) => finalising(world),
    refusals: (world, fitting, act) => {
      const shown = fitting.filter((it) => isShown(world, it));
      const job = world.some(shown, ({ request }) => request.callback !== ZeroAddress);
      const hidden = world.some(fitting, (it) => !isShown(world, it));
      return present<Refusal>(
        instead(world, act, job, "MarketRootMismatch", finalising(world, true)),
        hidden && { ...act(hidden, " (hidden)"), error: "MarketDemandsOpen" },
      );
    },
  }),
  ...(
    [
      ["refund", OPEN, "after"],
      ["timeOut", ASSIGNED, "after"],
      ["expireDispute", CHALLENGED, "late"],
    ] as const
  ).map(([name, state, time]) =>
    onRequest(name, {
      weight: 5,
      state,
      time,
      also: (world, job) => name !== "timeOut" || isShown(world, job),
      send: (world) => async (request) => world.contracts.market[name](request),
      refusals: (world, fitting, act) => {
        const hidden = name === "timeOut" ? world.some(fitting, (it) => !isShown(world, it)) : undefined;
        return present<Refusal>(hidden && { ...act(hidden, " (hidden)"), error: "MarketDemandsOpen" });
      },
    }),
  ),
  relaying,
  cancelling,
  failure,
  payingIn("market"),
  withdrawing("market"),
  byCourtOnly("markChallenged", (world, { id }, claimId) => stranger(world).markChallenged(id, claimId)),
  byCourtOnly("upheld", (world, { id }, claimId) => stranger(world).upheld(id, claimId)),
  byCourtOnly("convict", (world, { request }, claimId) =>
    stranger(world).convict(claimId, encodeTerms(request), ZeroAddress),
  ),
  byDeskOnly,
  byDeskOnlyToo,
  byAvailabilityOnly("noteDemand", (world, { request }) =>
    stranger(world).noteDemand(encodeTerms(request), 0, world.people.pauper, 0),
  ),
  byAvailabilityOnly("noteWithheld", (world, job) =>
    stranger(world).noteWithheld(encodeTerms(job.request), committedData(world, job), ZeroAddress),
  ),
];
