import { id, type ContractTransactionResponse } from "ethers";
import { network } from "hardhat";

import { ZERO_HASH, type Hash } from "../../../runner/commitment/keccak.ts";
import { commitModel, rootsTree } from "../../../runner/commitment/model.ts";
import { commitTrace } from "../../../runner/commitment/trace.ts";
import { disputeEventOf } from "../../../runner/dispute/events.ts";
import { LEVEL_BYTES, type Place, TRACE_TREE } from "../../../runner/dispute/view.ts";
import { type OwnExecution, type Published } from "../../../runner/dispute/locate.ts";
import { type DefendedTrace, nextOperatorMove } from "../../../runner/dispute/operator.ts";
import { afterEvent, type DisputeView, noDispute } from "../../../runner/dispute/view.ts";
import { nextWatcherMove } from "../../../runner/dispute/watcher.ts";
import { executeKernel, executeProgram } from "../../../runner/machine/interpreter.ts";
import type { Program } from "../../../runner/machine/kernel.ts";
import type { Random } from "../../../runner/machine/prng.ts";
import { randomProgram } from "../../../testing/random-kernels.ts";
import { DTYPE_BYTES } from "../../../runner/machine/dtype.ts";
import {
  elementBits,
  setElementBits,
  type Tensor,
  tensorBytes,
  tensorFromBytes,
} from "../../../runner/machine/tensor.ts";
import { mutable } from "../../../services/chain/calldata.ts";
import { requestOf, RICH, TERMS, WINDOW } from "../../../testing/toy-court.ts";

/*
 * Random games between an honest watcher and an operator of some character, on random programs and the real tensor
 * machine. The market is a stage; the money is the court's.
 */

/** What an operator is like. */
export const CHARACTERS = [
  "honest",
  // Claims a made-up answer and never defends it.
  "lazy",
  // Flips one bit anywhere in the trace and goes on from there.
  "forging",
  // Flips one bit and leaves everything after it as it would have been.
  "patching",
  // Computes with another weight.
  "wrong weight",
  // Changes the answer alone.
  "wrong output",
  // Commits to a tensor that does not exist.
  "hollow",
] as const;
export type Character = (typeof CHARACTERS)[number];

/** What an operator shows at the location it names. */
export const PUBLICATIONS = ["nothing", "the trace", "other data"] as const;
export type Publication = (typeof PUBLICATIONS)[number];

export interface Setting {
  readonly character: Character;
  readonly publication: Publication;
  /** Answers that it gives before it falls silent. */
  readonly answers: number;
  /** A stranger challenges whatever is claimed. */
  readonly griefingChallenger: boolean;
  /** A stranger demands without need. */
  readonly griefingDemander: boolean;
}

export interface Outcome {
  readonly status: DisputeView["status"];
  /** The committed trace is not the honest one. */
  readonly forged: boolean;
  /** The claimed output is not the honest one. */
  readonly wrongAnswer: boolean;
  readonly watcherLoss: bigint;
  readonly operatorLoss: bigint;
  readonly strangerLoss: bigint;
  readonly left: bigint;
  /** Transactions, by kind. */
  readonly moves: ReadonlyMap<string, number>;
  readonly proofGas: bigint;
  readonly end: string;
}

const copy = (tensor: Tensor): Tensor => tensorFromBytes(tensor.dtype, tensorBytes(tensor).slice());
const copies = (tensors: readonly Tensor[]): Tensor[] => tensors.map(copy);

function flip(random: Random, tensor: Tensor): void {
  const element = random.below(tensor.data.length);
  const bit = BigInt(random.below(8 * DTYPE_BYTES[tensor.dtype]));
  setElementBits(tensor, element, elementBits(tensor, element) ^ (1n << bit));
}

/** The trace that an operator of that character ends up with. */
function traceOf(
  random: Random,
  character: Character,
  program: Program,
  inputs: readonly Tensor[],
  constants: readonly Tensor[],
  honest: readonly Tensor[],
): readonly Tensor[] {
  const last = honest.length - 1;
  const trace = copies(honest);
  const at = (index: number): Tensor => trace[index] as Tensor;
  switch (character) {
    case "honest":
    case "hollow":
      return trace;
    case "lazy":
    case "wrong output":
      flip(random, at(last));
      return trace;
    case "patching":
      flip(random, at(random.below(trace.length)));
      return trace;
    case "wrong weight": {
      const weights = copies(constants);
      flip(random, random.pick(weights));
      return executeProgram(program, inputs, weights);
    }
    case "forging": {
      const wrong = random.below(trace.length);
      flip(random, at(wrong));
      const spaces = { input: inputs, constant: constants, kernel: trace };
      program.kernels.forEach((kernel, index) => {
        if (index <= wrong) return;
        trace[index] = executeKernel(
          kernel,
          kernel.operands.map((operand) => spaces[operand.space][operand.index] as Tensor),
        );
      });
      return trace;
    }
  }
}

/** The stage on which all games of a run are played. */
export async function openGame() {
  const { ethers, networkHelpers } = await network.create();
  const [governor, operator, watcher, stranger] = await ethers.getSigners();
  if (!governor || !operator || !watcher || !stranger) throw new Error("too few accounts");
  const token = await ethers.deployContract("BondTokenMock");
  const market = await ethers.deployContract("CourtStageMock", [token]);
  const machine = await ethers.deployContract("TensorMachine");
  const court = await ethers.deployContract("DisputeCourt", [market, token, market, machine, market, TERMS]);
  for (const signer of [operator, watcher, stranger]) {
    await token.mint(signer, RICH);
    await token.connect(signer).approve(court, 2n ** 255n);
  }
  return { networkHelpers, token, market, court, operator, watcher, stranger };
}
export type Game = Awaited<ReturnType<typeof openGame>>;

/** Plays one game to its end and settles all money. */
export async function play(game: Game, random: Random, nonce: number, setting: Setting): Promise<Outcome> {
  const { networkHelpers, token, market, court, operator, watcher, stranger } = game;
  const { time } = networkHelpers;
  const many = random.chance(0.2);
  const limits = { elements: many ? 24 : random.pick([24, 300, 1500]), steps: many ? 6 : 12, operandLength: 600 };
  const { program, inputs, constants } = randomProgram(
    random,
    many ? random.between(15, 40) : random.between(1, 5),
    limits,
  );
  const honest = executeProgram(program, inputs, constants);
  const model = await commitModel(program, constants);
  const own: OwnExecution = { program, model, inputs, constants, trace: honest, commitment: await commitTrace(honest) };
  const outputRootOf = (trace: { readonly outputs: readonly { readonly root: Hash }[] }): Hash =>
    rootsTree(program.outputs.map((kernel) => trace.outputs[kernel]?.root ?? ZERO_HASH)).root;

  const trace = traceOf(random, setting.character, program, inputs, constants, honest);
  let commitment = await commitTrace(trace);
  if (setting.character === "hollow") {
    const hollow = random.below(trace.length);
    const outputs = commitment.outputs.map((output, i) =>
      i === hollow ? { ...output, root: id(String(nonce)) as Hash } : output,
    );
    const tree = rootsTree(outputs.map(({ root }) => root));
    commitment = { outputs, tree, root: tree.root };
  }
  const defended: DefendedTrace = { outputKernels: program.outputs, trace, commitment };
  const forged = commitment.root !== own.commitment.root;

  // A small budget cuts reductions into parts.
  const budget = { bytes: 90_000, gas: random.pick([9_000_000, 12_000]) };
  const versionId = id(`version ${String(nonce)}`);
  await market.publish(versionId, mutable(model.manifest));
  const inputRoot = rootsTree((await commitTrace(inputs)).outputs.map(({ root }) => root)).root;
  const request = requestOf(nonce, { versionId, inputRoot });
  const requestId = await market.idOf(request);
  const claimedRoot = outputRootOf(commitment);
  await market.claim(request, operator, claimedRoot, (await time.latest()) + WINDOW);
  const wrongAnswer = claimedRoot !== outputRootOf(own.commitment);
  const claimId = (await market.claimOf(requestId)).claimId as Hash;

  const before = await Promise.all([operator, watcher, stranger].map((account) => token.balanceOf(account)));
  let view = noDispute(claimId);
  const moves = new Map<string, number>();
  let proofGas = 0n;
  let end = "";
  let answersLeft = setting.answers;
  let roots: readonly Hash[] | null | undefined;
  const fetched = new Map<number, Tensor | null>();

  const send = async (name: string, transaction: Promise<ContractTransactionResponse>): Promise<void> => {
    const receipt = await (await transaction).wait();
    moves.set(name, (moves.get(name) ?? 0) + 1);
    for (const log of receipt?.logs ?? []) {
      const parsed = court.interface.parseLog(log);
      if (parsed === null || log.address !== (await court.getAddress())) continue;
      const event = disputeEventOf({ name: parsed.name, args: parsed.args, block: log.blockNumber });
      if (event !== undefined) view = afterEvent(view, event);
    }
    if (name === "proveFraud") proofGas = receipt?.gasUsed ?? 0n;
    if (view.status === "convicted" || view.status === "upheld") end ||= name;
  };

  const demand = (who: typeof watcher, kernel: number, places: readonly Place[]) =>
    kernel === TRACE_TREE
      ? court.connect(who).demandTrace(claimId, mutable(places))
      : court.connect(who).demandTensor(
          claimId,
          mutable({
            index: kernel,
            encoded: model.kernels[kernel] as Uint8Array,
            siblings: model.programTree.prove(kernel),
          }),
          mutable(places),
        );

  /** Gives whether the watcher could still do something now. */
  const watch = async (): Promise<boolean> => {
    const scene = {
      time: (await time.latest()) + 1,
      block: (await time.latestBlock()) + 1,
      claimedRoot,
      answerWindow: TERMS.answerWindow,
    };
    const published: Published = { ...(roots === undefined ? {} : { roots }), outputs: fetched };
    const self = { address: watcher.address, secret: id("secret") };
    const move = nextWatcherMove(self, own, outputRootOf(own.commitment), view, published, scene, budget);
    const mine = court.connect(watcher);
    switch (move.kind) {
      case "wait":
      case "done":
        return false;
      case "challenge":
        await send(move.kind, mine.challenge(market, requestId, claimId));
        return true;
      case "convictWithoutTrace":
        await send(move.kind, mine.convictWithoutTrace(claimId, request));
        return true;
      case "fetchRoots": {
        const wrong = setting.publication === "other data";
        const shown = (wrong ? own.commitment : commitment).outputs.map(({ root }) => root);
        roots = setting.publication === "nothing" ? null : shown;
        return true;
      }
      case "fetchOutput": {
        const shown = setting.publication === "other data" ? honest[move.kernel] : trace[move.kernel];
        fetched.set(move.kernel, setting.publication === "nothing" ? null : (shown ?? null));
        return true;
      }
      case "demand":
        await send(move.kind, demand(watcher, move.kernel, move.places));
        return true;
      case "convictUnanswered":
        await send(move.kind, mine.convictUnanswered(claimId, request, mutable(move.opening)));
        return true;
      case "accuse":
        await send(move.kind, mine.accuse(claimId, move.commitment));
        return true;
      case "replay":
        await send(move.kind, mine.replay(claimId, move.accusation, mutable(move.execution), move.maxSteps));
        return true;
      case "proveFraud":
        await send(
          move.kind,
          mine.proveFraud(claimId, request, move.accusation, mutable(move.execution), mutable(move.output)),
        );
        return true;
    }
  };

  const operate = async (): Promise<boolean> => {
    if (setting.character === "lazy") return false;
    const move = nextOperatorMove(defended, view, (await time.latest()) + 1);
    const mine = court.connect(operator);
    switch (move.kind) {
      case "wait":
      case "done":
        return false;
      case "commitTrace": {
        const { traceRoot, outputRoots, outputSiblings } = mutable(move);
        const { manifest } = model;
        await send(
          move.kind,
          mine.commitTrace(claimId, request, mutable(manifest), traceRoot, outputRoots, outputSiblings, "somewhere"),
        );
        return true;
      }
      case "answer": {
        const given = move.answers.slice(0, answersLeft);
        answersLeft -= given.length;
        // A hollow tensor has no answer that the court accepts.
        const estimate = await mine.answer.estimateGas(claimId, mutable(given)).catch(() => undefined);
        if (given.length === 0 || estimate === undefined) return false;
        await send(move.kind, mine.answer(claimId, mutable(given)));
        return true;
      }
      case "resolve":
        await send(move.kind, mine.resolve(claimId));
        return true;
    }
  };

  const grieve = async (): Promise<boolean> => {
    if (view.status === "none" && setting.griefingChallenger) {
      await send("griefing challenge", court.connect(stranger).challenge(market, requestId, claimId));
      return true;
    }
    const late = (await time.latest()) + 1 > view.demandUntil;
    if (view.status !== "traceCommitted" || !setting.griefingDemander || late || view.demands.size > 12) return false;
    const kernel = random.chance(0.3) ? TRACE_TREE : random.below(honest.length);
    const width = (kernel === TRACE_TREE ? commitment : commitment.outputs[kernel])?.tree.width ?? 1;
    const place =
      random.chance(0.4) && kernel !== TRACE_TREE
        ? { level: LEVEL_BYTES, index: random.below(width) }
        : { level: 0, index: 16 * random.below(Math.ceil(width / 16)) };
    await send("griefing demand", demand(stranger, kernel, [place]));
    return true;
  };

  for (let turn = 0; turn < 400 && view.status !== "convicted" && view.status !== "upheld"; turn++) {
    const actors = [watch, operate, grieve];
    let moved = false;
    while (actors.length > 0) {
      const [actor] = actors.splice(random.below(actors.length), 1);
      if (actor !== undefined) moved = (await actor()) || moved;
    }
    // Nobody disputes a right answer: nothing will happen.
    if (!moved && view.status === "none") break;
    if (!moved || random.chance(0.3)) await time.increase(random.between(1, 1800));
  }

  for (const { opening } of view.demands.values()) {
    if (view.status === "convicted") await court.reclaim(claimId, mutable(opening));
  }
  for (const commitment of view.accusations.keys()) {
    if (view.status === "convicted") await court.reclaimAccusation(claimId, commitment);
  }
  const sink = await court.SINK();
  for (const account of [operator, watcher, stranger, sink]) {
    if ((await court.creditOf(account)) > 0n) await court.withdraw(account);
  }
  const after = await Promise.all([operator, watcher, stranger].map((account) => token.balanceOf(account)));
  const [operatorLoss = 0n, watcherLoss = 0n, strangerLoss = 0n] = before.map((held, i) => held - (after[i] ?? 0n));
  const left = await token.balanceOf(court);
  return {
    status: view.status,
    forged,
    wrongAnswer,
    watcherLoss,
    operatorLoss,
    strangerLoss,
    left,
    moves,
    proofGas,
    end,
  };
}
