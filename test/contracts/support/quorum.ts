import { AbiCoder, type ContractTransactionResponse, hexlify, id, keccak256, parseEther, ZeroAddress } from "ethers";

import { rootsTree } from "../../../runner/commitment/model.ts";
import { elementBits, setElementBits, tensorBytes } from "../../../runner/machine/tensor.ts";
import {
  commitmentOf as accusationCommitment,
  executionOf,
  FORGED,
  HONEST,
  MANIFEST,
  outputOf,
  OUTPUT_KERNELS,
  runToy,
  type Trace,
  WRONG,
} from "../../../testing/toy-court.ts";
import type { QuorumRequestStruct } from "../../../typechain-types/quorum/QuorumMarket.ts";
import { ethers, INPUTS, networkHelpers, deployAudited } from "./audit.ts";
import { EVIDENCE, eventsOf, join, nextEpoch, OPTIMISTIC, policyOf, type Signer } from "./protocol.ts";

export { connection, ethers, networkHelpers } from "./audit.ts";
export { DISPUTED, STANDING } from "./audit.ts";
export {
  DRAW_OUTCOME as OUTCOME,
  QUORUM_FINALITY as FINALITY,
  QUORUM_STATUS as STATUS,
  SEAT_STATUS as SEAT,
  ANSWER_STAGE as STAGE,
} from "../../../runner/protocol/enums.ts";
export { HONEST, WRONG };

/*
 * A quorum market beside the whole suite, with a real court on the toy machine and seven operators.
 */

const { time, mine } = networkHelpers;

/** Another wrong trace, with another answer. */
export const OTHER = runToy((kernel, output) => {
  if (kernel === FORGED.kernel) setElementBits(output, FORGED.element, elementBits(output, FORGED.element) ^ 8n);
});

export const QUORUM = { minimumCollateral: parseEther("100"), catchBps: 2_000 } as const;
export const FEE = parseEther("10");
export const WINDOW = 3_600;
export const STAGE_SECONDS = 600;
/** What an operator gets of a fee: a tenth is the royalty of the base version; the toy model has none. */
export const COLLATERAL = parseEther("300") + 1n;

export const rootOf = (trace: Trace): string => rootsTree(trace.outputRoots).root;
export const outputsOf = (trace: Trace): string =>
  hexlify(Uint8Array.from(OUTPUT_KERNELS.flatMap((kernel) => [...tensorBytes(trace.tensor(kernel))])));

/** A token that misbehaves on demand replaces the usual one when told. */
export async function deployQuorum(tokenAddress?: string) {
  const stage = await deployAudited(tokenAddress);
  const { market, judge, pools, randomness, staking, token, requester, alice, bob, carol } = stage;
  const quorums = await ethers.deployContract("QuorumMarket", [market, judge, pools, randomness, QUORUM]);
  await staking.addManager(quorums);
  await judge.addSource(quorums);
  const more = (await ethers.getSigners()).slice(11, 15);
  for (const operator of more) {
    await token.mint(operator, parseEther("100000"));
    for (const spender of [staking, judge]) await token.connect(operator).approve(spender, parseEther("100000"));
    await join(stage, operator);
  }
  await token.connect(requester).approve(quorums, parseEther("100000"));
  await nextEpoch({ networkHelpers } as Parameters<typeof nextEpoch>[0]);
  return { ...stage, quorums, operators: [alice, bob, carol, ...more] };
}
export type QuorumStage = Awaited<ReturnType<typeof deployQuorum>>;

export const termsOf = ({ versionId }: Pick<QuorumStage, "versionId">, overrides: object = {}) => ({
  versionId,
  inputs: INPUTS,
  policy: policyOf(OPTIMISTIC),
  seats: 5,
  threshold: 3,
  fee: FEE,
  valueAtRisk: parseEther("40"),
  openSeconds: STAGE_SECONDS,
  commitSeconds: STAGE_SECONDS,
  revealSeconds: STAGE_SECONDS,
  windowSeconds: WINDOW,
  callback: ZeroAddress,
  callbackGas: 0,
  ...overrides,
});

export interface Opened {
  readonly id: string;
  readonly request: QuorumRequestStruct;
  readonly transaction: ContractTransactionResponse;
}

/** The quorum opened in a transaction. */
export async function quorumIn(
  { quorums }: Pick<QuorumStage, "quorums">,
  transaction: ContractTransactionResponse,
): Promise<Opened> {
  const opened = (await eventsOf(quorums, transaction)).find(({ name }) => name === "QuorumOpened");
  if (opened === undefined) throw new Error("no quorum was opened");
  return { id: opened.args.quorumId as string, request: opened.args.request as QuorumRequestStruct, transaction };
}

export const openQuorum = async (stage: QuorumStage, overrides: object = {}): Promise<Opened> =>
  quorumIn(stage, await stage.quorums.connect(stage.requester).open(termsOf(stage, overrides)));

export const seatsOf = ({ request }: Pick<Opened, "request">): number[] =>
  Array.from({ length: Number(request.seats) }, (_, i) => i);

/** The operator of each seat. */
export const seated = async ({ quorums }: QuorumStage, opened: Pick<Opened, "id" | "request">): Promise<Signer[]> =>
  Promise.all(seatsOf(opened).map(async (i) => ethers.getSigner((await quorums.seatOf(opened.id, i)).operator)));

/** Draws until all seats are taken. */
export async function drawAll(stage: QuorumStage, opened: Opened): Promise<Signer[]> {
  for (let draws = 0; draws < 50; draws++) {
    await mine(3);
    const free = await stage.quorums.draw.staticCall(opened.request);
    await stage.quorums.draw(opened.request);
    if (free === 0n) return seated(stage, opened);
  }
  throw new Error("not all seats were taken");
}

export const saltOf = (seat: number): string => id(`salt ${String(seat)}`);

/** What an operator commits to, computed apart from the contract. */
export const commitmentOf = async (
  { quorums, chainId }: Pick<QuorumStage, "quorums" | "chainId">,
  quorumId: string,
  operator: string,
  salt: string,
  root: string,
): Promise<string> =>
  keccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["bytes32", "uint256", "address", "bytes32", "address", "bytes32", "bytes32"],
      [id("assay.quorum.commitment.v1"), chainId, await quorums.getAddress(), quorumId, operator, salt, root],
    ),
  );

/** What each seat says; undefined: it does not even commit. */
export type Answers = readonly (Trace | undefined)[];

export async function commitAll(stage: QuorumStage, opened: Opened, answers: Answers): Promise<void> {
  const operators = await seated(stage, opened);
  for (const [seat, trace] of answers.entries()) {
    const operator = operators[seat];
    if (trace === undefined || operator === undefined) continue;
    const commitment = await commitmentOf(stage, opened.id, operator.address, saltOf(seat), rootOf(trace));
    await stage.quorums.connect(operator).commit(opened.request, seat, commitment);
  }
}

export async function revealAll(stage: QuorumStage, opened: Opened, answers: Answers): Promise<void> {
  const operators = await seated(stage, opened);
  for (const [seat, trace] of answers.entries()) {
    const operator = operators[seat];
    if (trace === undefined || operator === undefined) continue;
    await stage.quorums.connect(operator).reveal(opened.request, seat, rootOf(trace), saltOf(seat), EVIDENCE);
  }
}

/** Lets time pass to the end of the present stage of a quorum. */
export const passDeadline = async ({ quorums }: QuorumStage, { id: quorumId }: Pick<Opened, "id">): Promise<void> => {
  const { deadline } = await quorums.quorumOf(quorumId);
  if (deadline > BigInt(await time.latest())) await time.increaseTo(deadline);
};

/** A quorum whose seats are taken. */
export async function openSeated(stage: QuorumStage, overrides: object = {}) {
  const opened = await openQuorum(stage, overrides);
  return { ...opened, drawn: await drawAll(stage, opened) };
}
export type Seated = Awaited<ReturnType<typeof openSeated>>;

/** A quorum with these answers, revealed but not closed. */
export async function openRevealed(stage: QuorumStage, answers: Answers, overrides: object = {}): Promise<Seated> {
  const opened = await openSeated(stage, overrides);
  await commitAll(stage, opened, answers);
  if (answers.some((answer) => answer === undefined)) await passDeadline(stage, opened);
  await revealAll(stage, opened, answers);
  return opened;
}

/** A quorum with these answers, which are claims now. */
export async function openAnswered(stage: QuorumStage, answers: Answers, overrides: object = {}) {
  const opened = await openRevealed(stage, answers, overrides);
  const closing = await stage.quorums.close(opened.request);
  return { ...opened, closing };
}

export const all = (trace: Trace, seats = 5): Trace[] => Array.from({ length: seats }, () => trace);

const REQUEST_TYPE =
  "tuple(address requester,uint64 nonce,bytes32 versionId,bytes32 inputRoot,bytes32 policy,uint8 seats,uint8 threshold," +
  "uint96 fee,uint96 royalty,address royaltyRecipient,uint96 collateral,uint32 numericsVersion,uint40 openUntil," +
  "uint32 commitSeconds,uint32 revealSeconds,uint32 windowSeconds,address callback,uint32 callbackGas)";

/** Terms of the claim of a seat, as the court takes them. */
export const claimTerms = (request: QuorumRequestStruct, seat: number): string =>
  AbiCoder.defaultAbiCoder().encode([REQUEST_TYPE, "uint8"], [request, seat]);

/** The operator of a seat shows a trace in court. */
export async function showTrace(stage: QuorumStage, opened: Opened, seat: number, trace: Trace): Promise<void> {
  const operator = (await seated(stage, opened))[seat];
  if (operator === undefined) throw new Error("no such seat");
  await stage.judge
    .connect(operator)
    .commitTrace(
      await stage.quorums.claimIdFor(opened.id, seat),
      claimTerms(opened.request, seat),
      MANIFEST,
      trace.root,
      trace.outputRoots,
      trace.outputSiblings,
      "x",
    );
}

/** Convicts the claim of a seat whose trace is `WRONG`. */
export async function proveFraud(stage: QuorumStage, opened: Opened, seat: number, accuser: Signer, trace = WRONG) {
  const claimId = await stage.quorums.claimIdFor(opened.id, seat);
  const accusation = { accuser: accuser.address, salt: id("accusation") };
  const court = stage.judge.connect(accuser);
  await court.accuse(claimId, accusationCommitment(claimId, FORGED.kernel, FORGED.element, accusation));
  return court.proveFraud(
    claimId,
    claimTerms(opened.request, seat),
    accusation,
    executionOf(trace, FORGED.kernel, FORGED.element),
    outputOf(trace, FORGED.kernel, FORGED.leaf),
  );
}

/** Convicts the claims of seats that showed no trace. */
export async function convictSilent(stage: QuorumStage, opened: Opened, ...seats: readonly number[]): Promise<void> {
  const claimIds = await Promise.all(seats.map((seat) => stage.quorums.claimIdFor(opened.id, seat)));
  for (const [i, claimId] of claimIds.entries()) {
    const { traceUntil } = await stage.judge.disputeOf(claimId);
    if (traceUntil >= BigInt(await time.latest())) await time.increaseTo(traceUntil + 1n);
    await stage.judge.convictWithoutTrace(claimId, claimTerms(opened.request, seats[i] ?? 0));
  }
}

/** Disputes whose trace is committed end without a fraud proof. */
export async function uphold(stage: QuorumStage, opened: Opened, ...seats: readonly number[]): Promise<void> {
  for (const seat of seats) {
    const claimId = await stage.quorums.claimIdFor(opened.id, seat);
    const { end } = await stage.judge.disputeOf(claimId);
    if (end >= BigInt(await time.latest())) await time.increaseTo(end + 1n);
    await stage.judge.resolve(claimId);
  }
}

export { EVIDENCE, INPUTS };
