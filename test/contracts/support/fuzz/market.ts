import { parseEther, ZeroAddress, ZeroHash } from "ethers";

import { filled, MARKET, policyOf, type RequestStruct } from "../protocol.ts";
import { ANSWERS_OF } from "./actors.ts";
import {
  type Act,
  ASSIGNED,
  CHALLENGED,
  CLAIMED,
  DEMANDED,
  FINAL,
  type Move,
  OPEN,
  present,
  type Refusal,
  REQUEST_STATES,
  short,
} from "./move.ts";
import { evidenceFor, permitFor } from "./signatures.ts";
import { type Answer, chunkOf, CHUNKS, INPUT_BYTES, INPUT_ROOTS, LARGE_INPUT_ROOT, outputOfAnswer } from "./toy.ts";
import type { RequestView } from "./view.ts";
import type { Job, Version, World } from "./world.ts";

/*
 * Moves of requesters, operators and keepers on the market.
 */

const MINUTE = 60;
/** Blocks whose hash the EVM knows. */
const SEED_BLOCKS = 256;

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
        if (status === 0 || BigInt(status) === needs.state) return [];
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

/** Collateral for a value at risk, and the least fee for it, as the market's parameters say. */
export function priceOf(valueAtRisk: bigint, lockSeconds: number) {
  const ceil = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;
  const caught = BigInt(MARKET.catchBps);
  const factor = (10_000n - caught > caught ? 10_000n - caught : caught) * 10_000n;
  const wanted = ceil(valueAtRisk * factor, caught * 7_500n);
  const collateral = wanted > MARKET.minimumCollateral ? wanted : MARKET.minimumCollateral;
  const rent = ceil(collateral * BigInt(MARKET.lockFeeBps * lockSeconds), 10_000n * 86_400n);
  return { collateral, leastFee: MARKET.minimumFee + rent };
}

const live = (world: World): string[] => [...world.routes].filter(([, { dead }]) => !dead).map(([mode]) => mode);

function termsFor(world: World, version: Version, by: string) {
  const { random, view } = world;
  const griefs = world.sideOf(by) === "griefing" && random.chance(0.5);
  const modes = live(world);
  const first = world.some(modes) ?? "0x00000000";
  const second = random.chance(0.3) ? world.some(modes, (mode) => mode !== first) : undefined;
  const callback = random.chance(griefs ? 0.8 : 0.3) ? (world.some(world.consumers) ?? ZeroAddress) : ZeroAddress;
  const inline = version.size === "small";
  const valueAtRisk = parseEther(String(random.below(700)));
  // Who griefs gives as little time, and pays as little, as it may.
  const seconds = (): number => MINUTE * (griefs ? random.between(1, 20) : random.between(60, 1_440));
  const [openSeconds, claimSeconds, windowSeconds] = [MINUTE * random.between(60, 1_440), seconds(), seconds()];
  const { leastFee } = priceOf(valueAtRisk, claimSeconds + windowSeconds);
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
      const version = askable(world);
      const busy = world.jobs.filter((job) => stateOf(world, job).status < 6n).length > 10;
      if (version === undefined || busy || world.pausedNext || world.view.court === ZeroAddress) return undefined;
      const by = asker(world);
      return live(world).length === 0 ? undefined : act(world, termsFor(world, version, by.address), "", by);
    },
    refusals: (world) => {
      const version = askable(world);
      if (version === undefined || live(world).length === 0) return [];
      const by = asker(world);
      const terms = termsFor(world, version, by.address);
      if (world.pausedNext) return [{ ...act(world, terms, "", by), error: "PauseActive" }];
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
        but({ fee: priceOf(terms.valueAtRisk, terms.claimSeconds + terms.windowSeconds).leastFee - 1n }, "MarketFeeTooLow"),
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
          error: name === "request" ? "ERC20InsufficientAllowance" : "ERC20InsufficientBalance",
        },
      );
    },
  };
}

// ------------------------------------------------------------------------------------------------ moves

const ticketOf = ({ ledger }: World, { id }: Job): number => ledger.job(id).ticket;
const seedOf = (world: World, job: Job): "pending" | "expired" | "ready" => {
  const block = world.chain.block + 1;
  const ticket = ticketOf(world, job);
  return block <= ticket ? "pending" : ticket < block - SEED_BLOCKS ? "expired" : "ready";
};
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
function actingFor(world: World, operator: string): World["people"]["admin"] {
  const agent = world.view.operators.get(operator)?.agent ?? ZeroAddress;
  return world.signerOf(agent !== ZeroAddress && world.random.chance(0.5) ? agent : operator);
}
/** Whether its operator claims: the lazy one often does not. */
const isClaimer = (world: World, job: Job): boolean => {
  const { operator } = stateOf(world, job);
  return world.isLit("operators", operator) && (world.characterOf(operator) !== "lazy" || world.random.chance(0.3));
};
/** What the operator of a request answers: chosen once. */
function answerFor(world: World, job: Job): Answer {
  const operator = world.view.requests.get(job.id)?.operator ?? ZeroAddress;
  if (job.answer === undefined || job.answeredBy !== operator) {
    job.answer = world.random.pick(ANSWERS_OF[world.characterOf(operator)]);
    job.answeredBy = operator;
  }
  return job.answer;
}

const claiming =
  (
    world: World,
    changed: { readonly bytes?: string; readonly evidence?: readonly string[]; readonly by?: "pauper" } = {},
  ): Send =>
  async (request, by, job) => {
    const { bytes, root } = outputOfAnswer(answerFor(world, job));
    const from = changed.by === undefined ? by : world.people[changed.by];
    const evidence = changed.evidence ?? (await evidenceFor(world, job, root));
    const market = world.contracts.market.connect(from);
    return market.claim(request, changed.bytes ?? bytes, root, "", [...evidence]);
  };

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

const answering =
  (world: World, changed: { readonly chunk?: number; readonly byte?: boolean; readonly roots?: boolean } = {}): Send =>
  async (request, _by, { id }) => {
    const { chunk } = world.ledger.job(id);
    const segment = chunkOf(changed.chunk ?? Math.min(chunk, CHUNKS - 1));
    const data = changed.byte === true ? `${segment.data.slice(0, -2)}ee` : segment.data;
    const roots = changed.roots === true ? [...INPUT_ROOTS].reverse() : [...INPUT_ROOTS];
    return world.contracts.market.answerInput(request, roots, { ...segment, data });
  };

const demanding =
  (world: World, by?: "pauper"): Send =>
  async (request, operator) =>
    world.contracts.market.connect(by === undefined ? operator : world.people[by]).demandInput(request);

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
const isNotified = ({ ledger }: World, { id }: Job): boolean => (ledger.job(id).callbacks[2] ?? 0) > 0;

/** Money paid in before it is needed: for oneself, or for somebody else. */
export const payingIn = (of: "market" | "court"): Move => {
  const act = (world: World, account: string, amount: bigint, by: World["people"]["admin"]): Act => ({
    text: `${of}.deposit ${amount} for ${short(account)} by ${short(by.address)}`,
    send: () => world.contracts[of].connect(by).deposit(account, amount),
  });
  return {
    name: `${of}.deposit`,
    weight: 1.5,
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
const deposit = payingIn("market");

const money: Move = {
  name: "market.withdraw",
  weight: 2,
  valid: (world) => {
    const owed = world.some(world.view.credits.market, ([, amount]) => amount > 0n)?.[0];
    return owed === undefined ? undefined : withdrawal(world, owed);
  },
  refusals: (world) => [
    {
      ...withdrawal(world, world.people.pauper.address),
      error: "CreditZero",
      args: [world.people.pauper.address],
    },
  ],
};
const withdrawal = ({ contracts }: World, account: string): Act => ({
  text: `market.withdraw ${short(account)}`,
  send: () => contracts.market.withdraw(account),
});

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
  onRequest("assign", {
    ...{ weight: 24, state: OPEN, time: "before", pausable: true },
    also: (world, job) => seedOf(world, job) !== "pending",
    send: (world) => async (request) => world.contracts.market.assign(request),
    refusals: (world, fitting, act) => {
      const pending = world.some(fitting, (job) => seedOf(world, job) === "pending");
      return present<Refusal>(
        pending && { ...act(pending, ""), error: "MarketSeedPending", args: [ticketOf(world, pending)] },
      );
    },
  }),
  onRequest("demandInput", {
    ...{ weight: 8, state: ASSIGNED, time: "before", pausable: true },
    also: (world, job) => job.version.size === "large" && world.ledger.job(job.id).chunk < CHUNKS,
    send: (world) => demanding(world),
    refusals: (world, fitting, act) => {
      const hidden = world.some(fitting, ({ version }) => version.size === "large");
      const shown = world.some(fitting, ({ version }) => version.size === "small");
      const whole = world.some(fitting, ({ id }) => world.ledger.job(id).chunk === CHUNKS);
      return present<Refusal>(
        instead(world, act, hidden, "MarketNotOperator", demanding(world, "pauper")),
        instead(world, act, shown, "MarketInputPublic", demanding(world)),
        instead(world, act, whole, "MarketDemandsExhausted", demanding(world)),
      );
    },
  }),
  onRequest("answerInput", {
    ...{ weight: 1, state: DEMANDED, time: "before" },
    send: (world) => answering(world),
    refusals: (world, fitting, act) => {
      const job = world.some(fitting);
      if (job === undefined) return [];
      const next = (world.ledger.job(job.id).chunk + 1) % CHUNKS;
      return present<Refusal>(
        instead(world, act, job, "RegistryChunkMismatch", answering(world, { chunk: next })),
        instead(world, act, job, "RegistryTensorRootMismatch", answering(world, { byte: true })),
        instead(world, act, job, "RegistryTensorRootMismatch", answering(world, { roots: true })),
      );
    },
  }),
  onRequest("claim", {
    ...{ weight: 24, state: ASSIGNED, time: "before", pausable: true },
    also: (world, job) => isLive(world, job) && hasKey(world, job) && isClaimer(world, job),
    send: (world) => claiming(world),
    refusals: (world, fitting, act) => {
      const job = world.some(fitting, (it) => isLive(world, it));
      const dead = world.some(fitting, (it) => !isLive(world, it));
      const bytes = filled(1424, 3);
      return present<Refusal>(
        instead(world, act, job, "MarketNotOperator", claiming(world, { by: "pauper" })),
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
    send: (world) => finalising(world),
    refusals: (world, fitting, act) => {
      const job = world.some(fitting, ({ request }) => request.callback !== ZeroAddress);
      return present<Refusal>(instead(world, act, job, "MarketRootMismatch", finalising(world, true)));
    },
  }),
  ...(
    [
      ["refund", OPEN, "after"],
      ["timeOut", ASSIGNED, "after"],
      ["cancelWithheld", DEMANDED, "after"],
      ["expireDispute", CHALLENGED, "late"],
    ] as const
  ).map(([name, state, time]) =>
    onRequest(name, {
      weight: 5,
      state,
      time,
      send: (world) => async (request) => world.contracts.market[name](request),
    }),
  ),
  failure,
  deposit,
  money,
  byCourtOnly("markChallenged", (world, { id }, claimId) => stranger(world).markChallenged(id, claimId)),
  byCourtOnly("upheld", (world, { id }, claimId) => stranger(world).upheld(id, claimId)),
  byCourtOnly("convict", (world, { request }, claimId) => stranger(world).convict(request, claimId, ZeroAddress)),
];
