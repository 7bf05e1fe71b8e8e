import { AbiCoder, hexlify, id, keccak256, parseEther } from "ethers";
import { network } from "hardhat";

import { encodeTerms } from "../../../services/chain/calldata.ts";
import { rootsTree } from "../../../runner/commitment/model.ts";
import { tensorBytes, tensorFrom } from "../../../runner/machine/tensor.ts";
import type { SHIPPED } from "../../../ignition/modules/Assay.ts";
import { HONEST, HOUR, MANIFEST, OUTPUT_KERNELS, TERMS, type Trace, WRONG } from "../../../testing/toy-court.ts";
import {
  assign,
  AUDIT,
  deployProtocol,
  EVIDENCE,
  join,
  MARKET,
  metadataOf,
  nextEpoch,
  open,
  type Opened,
  type Protocol,
  type Rules,
  STAKING,
} from "./protocol.ts";

/*
 * The whole suite with a real court on the toy machine, and claims of a toy model at every stage of an audit.
 */

export const connection = await network.create();
export const { ethers, networkHelpers } = connection;
const { time, mine } = networkHelpers;

/** Codes of an audit's, a dispute's and an operator's status. */
export {
  AUDIT_STATUS as AUDITED,
  DISPUTE_STATUS as DISPUTED,
  OPERATOR_STATUS as STANDING,
} from "../../../runner/protocol/enums.ts";

export const ONE = parseEther("1");
export const WINDOW = HOUR;
export const FEE = parseEther("10");
/** What an audit of the usual request earns: the share of its fee for audits, by the rate. */
export const REWARD = (FEE * BigInt(MARKET.auditBps)) / BigInt(AUDIT.rateBps);
export const COURT_TERMS = { ...TERMS, challengeBond: parseEther("50"), demandBond: parseEther("1") };
/** What the operator gets of a lost bond. */
export const WON = (AUDIT.bond * 7_500n) / 10_000n;

const bytesOf = (tensors: readonly Parameters<typeof tensorBytes>[0][]): string =>
  hexlify(Uint8Array.from(tensors.flatMap((tensor) => [...tensorBytes(tensor)])));
export const INPUTS = bytesOf([tensorFrom("i32", [5, 6, 7, 8])]);
export const outputsOf = (trace: Trace): string => bytesOf(OUTPUT_KERNELS.map((kernel) => trace.tensor(kernel)));
export const outputRootOf = (trace: Trace): string => rootsTree(trace.outputRoots).root;

/** What an auditor commits to, computed apart from the contract. */
export const commitmentOf = (
  { desk, chainId }: Pick<Audited, "desk" | "chainId">,
  claimId: string,
  trace: Trace,
  auditor: string,
  outputRoot = outputRootOf(trace),
): string =>
  keccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["bytes32", "uint256", "address", "bytes32", "bytes32", "bytes32", "address"],
      [id("assay.audit.v1"), chainId, desk.target, claimId, trace.root, outputRoot, auditor],
    ),
  );

/** Parameters of a stage. */
export interface AuditRules extends Rules {
  readonly court: typeof SHIPPED.court;
  /** Stake of each operator. */
  readonly stake: bigint;
}
const RULES: AuditRules = {
  ...{ staking: STAKING, market: MARKET, audit: AUDIT, court: COURT_TERMS, stake: STAKING.minimumStake },
};
/** What everybody has at first. */
const PURSE = parseEther("100000");

/** A token that misbehaves on demand replaces the usual one when told. */
export async function deployAudited(tokenAddress?: string, rules: AuditRules = RULES) {
  const base = await deployProtocol(connection, tokenAddress, rules);
  const { authority, token, registry, randomness, staking, pools, attestation, availability, publisher } = base;
  const parts = [authority, registry, pools, attestation, randomness, availability] as const;
  const market = await ethers.deployContract("InferenceMarket", [...parts, rules.market]);
  const machine = await ethers.deployContract("ToyMachine");
  const judge = await ethers.deployContract("DisputeCourt", [authority, token, registry, machine, market, rules.court]);
  const desk = await ethers.deployContract("AuditDesk", [market, judge, pools, randomness, rules.audit]);
  for (const manager of [market, desk]) await staking.addManager(manager);
  await market.setCourt(judge, desk);
  await registry.connect(publisher).publish(MANIFEST, metadataOf());
  const versionId = await registry.versionIdFor(publisher, MANIFEST, metadataOf());
  const protocol = { ...base, market, desk, versionId };
  const { requester, alice, bob, carol, accuser } = base;
  for (const holder of [requester, alice, bob, carol, accuser]) {
    // Whoever needs more to take part gets more.
    const purse = rules.stake > PURSE / 2n ? 10n * rules.stake : PURSE;
    if (purse !== PURSE) await token.mint(holder, purse);
    for (const spender of [market, judge, desk]) await token.connect(holder).approve(spender, purse);
    if (purse !== PURSE) await token.connect(holder).approve(staking, purse);
  }
  for (const operator of [alice, bob, carol]) await join(protocol, operator, rules.stake);
  await nextEpoch(connection);
  const { chainId } = await ethers.provider.getNetwork();
  return { ...protocol, machine, judge, chainId };
}
export type Audited = Awaited<ReturnType<typeof deployAudited>>;

/** Opens a request of the toy model and claims the answer of a trace. */
export async function openClaimed(stage: Protocol, trace = HONEST, overrides: object = {}) {
  const opened = await open(stage, { inputs: INPUTS, windowSeconds: WINDOW, ...overrides });
  await assign(connection, stage, opened);
  return claimOf(stage, opened, trace);
}

export async function claimOf(stage: Protocol, { id: requestId, request }: Opened, trace = HONEST) {
  const { operator: address } = await stage.market.stateOf(requestId);
  const operator = await ethers.getSigner(address);
  await stage.market.connect(operator).claim(request, outputsOf(trace), outputRootOf(trace), "", EVIDENCE);
  const { claimId, windowEnd } = await stage.market.claimOf(requestId);
  const period = (windowEnd - BigInt(request.windowSeconds)) / BigInt(AUDIT.periodSeconds);
  return { requestId, request, operator, claimId, windowEnd, period };
}
export type Claimed = Awaited<ReturnType<typeof openClaimed>>;

export const periodEnd = ({ period }: Pick<Claimed, "period">): bigint => (period + 1n) * BigInt(AUDIT.periodSeconds);

/** Goes on to the end of a claim's period and gets its seed; a seed of the wanted kind is found by trying moments. */
export async function drawPeriod({ desk }: Pick<Audited, "desk" | "randomness">, claim: Claimed, wanted = true) {
  const snapshot = await networkHelpers.takeSnapshot();
  for (let moment = 0n; moment < 64n; moment++) {
    await time.increaseTo(periodEnd(claim) + moment);
    await desk.commitPeriod(claim.period);
    await mine(3);
    const picked = await desk.begin.staticCall(claim.request).then(
      () => true,
      () => false,
    );
    if (picked === wanted) return;
    await snapshot.restore();
  }
  throw new Error("no seed was found");
}

/** Gives the fund of the audits a few fees. */
export async function fillFund(stage: Audited): Promise<void> {
  const claims = [await openClaimed(stage), await openClaimed(stage), await openClaimed(stage)];
  await time.increase(WINDOW);
  for (const { request } of claims) await stage.market.finalise(request, "0x");
}

/** A claim of a trace that is picked. */
export async function pick(stage: Audited, trace = HONEST, overrides: object = {}) {
  const claim = await openClaimed(stage, trace, overrides);
  await drawPeriod(stage, claim);
  return claim;
}

/** Draws the auditor of a claim that is picked. */
export async function begin(stage: Audited, claim: Claimed) {
  const transaction = await stage.desk.connect(stage.stranger).begin(claim.request);
  const { auditor: address, commitBy } = await stage.desk.auditOf(claim.claimId);
  return { transaction, auditor: await ethers.getSigner(address), commitBy };
}

/** The operator shows a trace in court. */
export const commitTrace = (stage: Audited, claim: Claimed, trace: Trace) =>
  stage.judge
    .connect(claim.operator)
    .commitTrace(
      claim.claimId,
      encodeTerms(claim.request),
      MANIFEST,
      trace.root,
      trace.outputRoots,
      trace.outputSiblings,
      "x",
    );

/** A dispute whose trace is committed ends without a fraud proof. */
export async function uphold({ judge }: Audited, { claimId }: Claimed): Promise<void> {
  await time.increaseTo((await judge.disputeOf(claimId)).end + 1n);
  await judge.resolve(claimId);
}

/** A dispute without a trace ends in a conviction. */
export async function convictSilent({ judge }: Audited, { claimId, request }: Claimed) {
  await time.increaseTo((await judge.disputeOf(claimId)).traceUntil + 1n);
  return judge.convictWithoutTrace(claimId, encodeTerms(request));
}

export const deployed = () => deployAudited();

/** With a token that misbehaves on demand. */
export const deployedOnMock = async () => {
  const mock = await ethers.deployContract("TokenMock");
  return { ...(await deployAudited(await mock.getAddress())), mock };
};

/** A claim whose period is not over. */
export const claimed = async () => {
  const stage = await deployAudited();
  return { ...stage, claim: await openClaimed(stage) };
};

export const picked = async () => {
  const stage = await deployAudited();
  await fillFund(stage);
  const claim = await pick(stage);
  return { ...stage, claim };
};

export const begun = async () => {
  const stage = await picked();
  return { ...stage, ...(await begin(stage, stage.claim)) };
};

/** The auditor has committed to the trace that the operator claims. */
export const committed = async () => {
  const stage = await begun();
  const { desk, auditor, claim } = stage;
  await desk.connect(auditor).commit(claim.claimId, commitmentOf(stage, claim.claimId, HONEST, auditor.address));
  return stage;
};

/** The auditor has committed to something else: it guesses, or it knows better. */
export const committedOther = async () => {
  const stage = await begun();
  const { desk, auditor, claim } = stage;
  await desk.connect(auditor).commit(claim.claimId, id("a guess"));
  return stage;
};

/** The auditor has committed to the truth, and the operator publishes something else than it has. */
export const disputed = async () => {
  const stage = await committed();
  await stage.desk.connect(stage.claim.operator).publish(stage.claim.request, WRONG.root);
  return stage;
};

export { AUDIT, MARKET, STAKING };
