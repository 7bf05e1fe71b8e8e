import { AbiCoder, id, keccak256, ZeroAddress, ZeroHash } from "ethers";

import { metadataOf } from "../protocol.ts";
import { type Act, ASSIGNED, type Move, present, type Refusal, short } from "./move.ts";
import { publicationBy } from "./signatures.ts";
import { manifestFor } from "./toy.ts";
import { COURT_TERMS, type Signer, type Version, type World } from "./world.ts";

/*
 * Moves of governance on all contracts, and of publishers on the registry.
 */

type Send = (world: World, by: Signer) => Promise<unknown>;

/** A restricted move: governance makes it, and anybody else is refused. */
function restricted(
  name: string,
  weight: number,
  send: Send,
  ready: (world: World) => boolean = () => true,
  refusals: (
    world: World,
    act: (send: Send, error: string) => Refusal,
  ) => readonly (Refusal | undefined | false)[] = () => [],
): Move {
  const act = (world: World, how = "", by = world.people.admin, sent = send): Act => ({
    text: `${name}${how}`,
    send: () => sent(world, by),
  });
  return {
    name,
    weight,
    valid: (world) => (ready(world) ? act(world) : undefined),
    refusals: (world) => {
      const { pauper, admin } = world.people;
      return present<Refusal>(
        { ...act(world, " by a stranger", pauper), error: "AccessManagedUnauthorized", args: [pauper.address] },
        ...refusals(world, (sent, error) => ({ ...act(world, ` (${error})`, admin, sent), error })),
      );
    },
  };
}

// ------------------------------------------------------------------------------------------------ routes, terms

const addRoute =
  (selectorOf: (world: World) => string, verifier: "optimistic" | "signature" | "nobody" = "optimistic"): Send =>
  async (world, by) => {
    const { attestation, ...contracts } = world.contracts;
    const selector = selectorOf(world);
    const which = verifier === "optimistic" && world.random.chance(0.5) ? "signature" : verifier;
    const target = which === "nobody" ? world.people.pauper : contracts[which];
    await attestation.connect(by).addRoute(selector, target);
    world.routes.set(selector, { by: which === "signature" ? "signature" : "time", dead: false });
  };
const freshSelector = (world: World): string => id(`route ${world.serial()}`).slice(0, 10);

const tombstone =
  (selectorOf: (world: World) => string | undefined): Send =>
  async (world, by) => {
    const selector = selectorOf(world) ?? "0xffffffff";
    await world.contracts.attestation.connect(by).tombstoneRoute(selector);
    const route = world.routes.get(selector);
    if (route !== undefined) route.dead = true;
  };
const route =
  (dead: boolean) =>
  (world: World): string | undefined => {
    const fitting = [...world.routes].filter(([, it]) => it.dead === dead).map(([selector]) => selector);
    // Rather one that an operator is about to bring evidence for.
    const needed = world.some(world.jobs, ({ id: job }) => world.view.requests.get(job)?.status === ASSIGNED)?.request;
    return world.some(fitting, (it) => String(needed?.policy).includes(it.slice(2))) ?? world.some(fitting);
  };

const addTerms =
  (changed: object = {}): Send =>
  async (world, by) => {
    const bond = COURT_TERMS.challengeBond + BigInt(world.random.below(1_000));
    const terms = { ...COURT_TERMS, challengeBond: bond, burnBps: world.random.below(10_001), ...changed };
    await world.contracts.court.connect(by).addTerms(terms);
    world.terms.push(terms);
  };

const pauseFor = 3 * 86_400;

/** Hands a contract from one authority to the other; both are the same people. */
const setAuthority = (name: "market" | "staking" | "attestation" | "court"): Move => {
  const hand: Send = async (world, by) => {
    const { authority, successor } = world.contracts;
    const contract = world.contracts[name];
    const now = await contract.authority();
    const [from, to] = now === authority.target ? [authority, successor] : [successor, authority];
    await from.connect(by).updateAuthority(contract, to);
  };
  const seize: Send = (world) =>
    world.contracts[name].connect(world.people.admin).setAuthority(world.contracts.successor);
  return {
    name: `${name}.setAuthority`,
    weight: 0.5,
    valid: (world) => ({ text: `${name}.setAuthority`, send: () => hand(world, world.people.admin) }),
    refusals: (world) => [
      {
        text: `${name}.setAuthority by governance itself`,
        send: () => seize(world, world.people.admin),
        ...{ error: "AccessManagedUnauthorized", args: [world.people.admin.address] },
      },
    ],
  };
};

// ------------------------------------------------------------------------------------------------ registry

type Status = 1n | 2n | 3n;
const versionAt = (world: World, ...statuses: readonly Status[]): Version | undefined =>
  world.some(world.versions, ({ id: version }) =>
    statuses.includes(world.view.versions.get(version)?.status as Status),
  );

const publication = (world: World) => {
  const size = world.random.pick(["small", "large"] as const);
  const parent = world.some(world.versions);
  const parents = parent && world.random.chance(0.5) ? [{ versionId: parent.id, relation: 0 }] : [];
  const royalty = world.random.chance(0.5)
    ? { royaltyBps: world.random.between(1, 5_000), royaltyRecipient: world.people.royaltee.address }
    : {};
  return {
    size,
    manifest: manifestFor(size),
    metadata: metadataOf({ fileHash: id(`${world.serial()}`), parents, ...royalty }),
  };
};

interface Changed {
  readonly manifest?: object;
  readonly metadata?: object;
  readonly late?: boolean;
  readonly forged?: boolean;
}

async function publish(world: World, signed: boolean, changed: Changed = {}): Promise<void> {
  const { registry } = world.contracts;
  const made = publication(world);
  const [manifest, metadata] = [
    { ...made.manifest, ...changed.manifest },
    { ...made.metadata, ...changed.metadata },
  ];
  const publisher = world.random.pick(world.people.publishers);
  const version = await registry.versionIdFor(publisher, manifest, metadata);
  if (signed) {
    const deadline = changed.late === true ? world.chain.time : world.next;
    const signer = changed.forged === true ? world.people.pauper : publisher;
    const hash = metadataHash(world, metadata);
    const signature = await publicationBy(
      world,
      signer,
      publisher,
      await registry.commitmentFor(manifest),
      hash,
      deadline,
    );
    await registry.connect(world.people.pauper).publishBySig(publisher, manifest, metadata, deadline, signature);
  } else {
    await registry.connect(publisher).publish(manifest, metadata);
  }
  world.versions.push({ id: version, size: made.size, publisher });
}

/** keccak256 of the metadata as the contract encodes it. */
function metadataHash({ contracts }: World, metadata: object): string {
  const fragment = contracts.registry.interface.getFunction("publish");
  const type = fragment.inputs[1];
  return type === undefined ? ZeroHash : keccak256(AbiCoder.defaultAbiCoder().encode([type], [metadata]));
}

const publishing = (name: "publish" | "publishBySig", weight: number): Move => {
  const signed = name === "publishBySig";
  const act = (world: World, changed?: Changed, how = ""): Act => ({
    text: `${name}${how}`,
    send: () => publish(world, signed, changed),
  });
  return {
    name: `registry.${name}`,
    weight,
    valid: (world) => (world.versions.length < 9 ? act(world) : undefined),
    refusals: (world) => {
      const but = (error: string, changed: Changed): Refusal => ({ ...act(world, changed, ` (${error})`), error });
      const zero = ZeroAddress;
      return present<Refusal>(
        but("RegistryNumericsUnsupported", { manifest: { numericsVersion: 2 } }),
        but("RegistryProgramRootZero", { manifest: { programRoot: ZeroHash } }),
        but("RegistryKernelCountZero", { manifest: { kernelCount: 0 } }),
        but("RegistryWeightsMismatch", { manifest: { constantCount: 0 } }),
        but("RegistryOutputKernelDuplicate", { manifest: { outputKernels: [1, 1] } }),
        but("RegistryFileHashZero", { metadata: { fileHash: ZeroHash } }),
        but("RegistryTextLength", { metadata: { licence: "" } }),
        but("RegistryParentUnknown", { metadata: { parents: [{ versionId: id("nobody"), relation: 0 }] } }),
        but("RegistryRoyaltyInvalid", { metadata: { royaltyBps: 1, royaltyRecipient: zero } }),
        signed && but("RegistrySignatureExpired", { late: true }),
        signed && but("RegistrySignatureInvalid", { forged: true }),
      );
    },
  };
};

const flagging = (name: "deprecate" | "withdraw", status: 2n | 3n): Move => {
  const act = (world: World, version: Version, reason = "old", by = version.publisher): Act => ({
    text: `registry.${name} ${short(version.id)}`,
    send: () => world.contracts.registry.connect(by)[name](version.id, reason),
  });
  const before = status === 2n ? ([1n] as const) : ([1n, 2n] as const);
  return {
    name: `registry.${name}`,
    weight: 0.5,
    valid: (world) => {
      const usable = [...world.view.versions.values()].filter((it) => it.status < 3n).length;
      const version = versionAt(world, ...before);
      return version && (status === 2n || usable > 3) ? act(world, version) : undefined;
    },
    refusals: (world) => {
      const version = versionAt(world, ...before);
      const flagged = versionAt(world, ...(status === 2n ? ([2n, 3n] as const) : ([3n] as const)));
      const [first] = world.versions;
      return present<Refusal>(
        version && { ...act(world, version, "old", world.people.pauper), error: "RegistryNotPublisher" },
        version && { ...act(world, version, ""), error: "RegistryTextLength" },
        flagged && { ...act(world, flagged), error: "RegistryStatusBackward" },
        first && { ...act(world, { ...first, id: ZeroHash }), error: "RegistryVersionUnknown", args: [ZeroHash] },
      );
    },
  };
};

// ------------------------------------------------------------------------------------------------ moves

const setCourt: Send = ({ contracts }, by) => contracts.market.connect(by).setCourt(contracts.court, contracts.desk);
const pause: Send = async (world, by) => {
  await world.contracts.market.connect(by).pause();
  world.pauseSpent = true;
  world.pausedUntil = world.chain.time + pauseFor;
};
const unpause: Send = async (world, by) => {
  await world.contracts.market.connect(by).unpause();
  world.pausedUntil = 0;
};
const rearm: Send = async (world, by) => {
  await world.contracts.market.connect(by).rearmPause();
  world.pauseSpent = false;
  world.pausedUntil = 0;
};
const addManager =
  (of: (world: World) => string): Send =>
  async (world, by) => {
    const manager = of(world);
    await world.contracts.staking.connect(by).addManager(manager);
    world.managers.push(manager);
  };
const freeze =
  (of: (world: World) => number): Send =>
  (world, by) =>
    world.contracts.staking.connect(by).freezePayout(of(world));
const payout = (frozen: boolean) => (world: World) =>
  1 +
  world.view.payouts.indexOf(
    world.some(world.view.payouts, (it) => it.frozen === frozen) ?? { amounts: [], payableAt: 0, frozen },
  );

export const GOVERNANCE_MOVES: readonly Move[] = [
  restricted(
    "market.setCourt",
    20,
    setCourt,
    ({ view, jobs }) => view.court === ZeroAddress && jobs.length === 0,
    ({ view }, but) => [view.court !== ZeroAddress && but(setCourt, "MarketCourtKnown")],
  ),
  restricted(
    "market.pause",
    0.6,
    pause,
    ({ pauseSpent }) => !pauseSpent,
    ({ pauseSpent }, but) => [pauseSpent && but(pause, "PauseSpent")],
  ),
  restricted(
    "market.unpause",
    5,
    unpause,
    ({ pausedNext }) => pausedNext,
    ({ pausedNext }, but) => [!pausedNext && but(unpause, "PauseNotActive")],
  ),
  restricted(
    "market.rearmPause",
    1,
    rearm,
    ({ pauseSpent, pausedNext }) => pauseSpent && !pausedNext,
    ({ pauseSpent, pausedNext }, but) => [
      !pauseSpent && but(rearm, "PauseNotSpent"),
      pausedNext && but(rearm, "PauseActive"),
    ],
  ),
  restricted(
    "staking.addManager",
    0.4,
    addManager((world) => id(`manager ${world.serial()}`).slice(0, 42)),
    ({ managers }) => managers.length < 6,
    (_world, but) => [
      but(
        addManager((world) => world.random.pick(world.managers)),
        "StakingManagerKnown",
      ),
    ],
  ),
  restricted(
    "staking.freezePayout",
    1,
    freeze(payout(false)),
    ({ view }) => view.payouts.some(({ frozen }) => !frozen),
    ({ view }, but) => [
      but(
        freeze(() => 9_999),
        "StakingPayoutUnknown",
      ),
      view.payouts.some(({ frozen }) => frozen) && but(freeze(payout(true)), "StakingPayoutFrozenBefore"),
    ],
  ),
  restricted(
    "court.addTerms",
    0.5,
    addTerms(),
    ({ terms }) => terms.length < 6,
    (_world, but) => [but(addTerms({ traceWindow: 59 }), "CourtTermOutside")],
  ),
  restricted(
    "attestation.addRoute",
    1,
    addRoute(freshSelector),
    ({ routes }) => routes.size < 12,
    (_world, but) => [
      but(
        addRoute((world) => world.some(world.routes.keys()) ?? ""),
        "AttestationRouteTaken",
      ),
      but(
        addRoute(() => "0x00000000"),
        "AttestationRouteInvalid",
      ),
      but(addRoute(freshSelector, "nobody"), "AttestationRouteInvalid"),
    ],
  ),
  restricted(
    "attestation.tombstoneRoute",
    0.5,
    tombstone(route(false)),
    ({ routes }) => [...routes.values()].filter(({ dead }) => !dead).length > 2,
    ({ routes }, but) => [
      but(
        tombstone(() => undefined),
        "AttestationRouteUnusable",
      ),
      [...routes.values()].some(({ dead }) => dead) && but(tombstone(route(true)), "AttestationRouteUnusable"),
    ],
  ),
  ...(["market", "staking", "attestation", "court"] as const).map(setAuthority),
  publishing("publish", 0.6),
  publishing("publishBySig", 0.6),
  flagging("deprecate", 2n),
  flagging("withdraw", 3n),
];
