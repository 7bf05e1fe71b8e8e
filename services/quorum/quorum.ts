import type { ContractTransaction } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { commitTrace } from "../../runner/commitment/trace.ts";
import type { OwnExecution } from "../../runner/dispute/locate.ts";
import { type DefendedTrace, nextOperatorMove } from "../../runner/dispute/operator.ts";
import { quorumStatusOf, type QuorumStatus, seatStatusOf, type SeatStatus } from "../../runner/protocol/enums.ts";
import { publishTrace } from "../blobs/blobs.ts";
import { Custody, type HeldAnswer } from "../blobs/custody.ts";
import { encodeSeatTerms, mutable } from "../chain/calldata.ts";
import { collect } from "../chain/collect.ts";
import { type Now, nowOf, send } from "../chain/context.ts";
import { evidenceFor, type Provers } from "../chain/evidence.ts";
import type { QuorumView } from "../chain/ledger.ts";
import { eachAlone } from "../chain/loop.ts";
import type { Action } from "../environment/events.ts";
import { type HostedModel, joinTensors, type Run } from "../models/models.ts";
import { SeedService } from "../randomness/seeds.ts";
import { ownExecution } from "../watcher/cases.ts";
import { workUntilIdle } from "../work/workshop.ts";
import { quorumCommitmentOf, saltOf, seatIdOf } from "./commitment.ts";
import { Prosecutor, type ProsecutorOptions } from "./prosecutor.ts";

export interface QuorumOptions extends ProsecutorOptions {
  readonly models: readonly HostedModel[];
  /** Folder of what is kept for each answer to a quorum; of this operator alone. */
  readonly custody: string;
  /** What stands before a blob's id in the locations that are given to others. */
  readonly locationPrefix: string;
  readonly beacons?: readonly string[] | undefined;
  /** Makes evidence of modes that are neither optimistic nor signed. */
  readonly provers?: Provers | undefined;
  /** What is answered instead of the honest run; for demonstrations of fraud only. */
  readonly tamper?: (run: Run, model: HostedModel) => Promise<Run>;
}

interface SeatView {
  readonly number: number;
  readonly operator: string;
  readonly status: SeatStatus;
  readonly word: Hash;
}

/** Where a quorum stands. */
interface Scene {
  readonly view: QuorumView;
  readonly hosted: HostedModel;
  readonly status: QuorumStatus;
  readonly deadline: number;
  readonly allRevealed: boolean;
  readonly seats: readonly SeatView[];
  /** The seat of this account. */
  readonly own: SeatView | undefined;
}

/** What a dispute of a quorum is played with. */
interface Sides {
  readonly run: Run;
  readonly execution: OwnExecution;
  readonly defended: DefendedTrace;
}

/**
 * An operator's part in quorums: helps to draw, executes and commits when it has a seat, reveals, closes, settles; defends its
 * own answer, and convicts who said something else. What an answer stands on is kept before it is committed to.
 */
export class QuorumService {
  readonly #options: QuorumOptions;
  readonly #custody: Custody;
  readonly #seeds: SeedService;
  readonly #prosecutor: Prosecutor;

  constructor(options: QuorumOptions) {
    this.#options = options;
    this.#custody = new Custody(options.custody);
    this.#seeds = new SeedService(options, options.beacons);
    this.#prosecutor = new Prosecutor(options);
  }

  /** Everything there is to do, until nothing is left that is not waiting for others. */
  async look(signal?: AbortSignal): Promise<void> {
    await workUntilIdle(this.#options.workshop, signal, () => this.step(signal));
  }

  /** What can be done at once, one transaction after the other; what is slow is begun, and done at a later step. */
  async step(signal?: AbortSignal): Promise<void> {
    const { ledger, report } = this.#options;
    if (await ledger.sync(signal)) report({ kind: "reorganised" });
    await eachAlone([...ledger.quorums.values()], signal, async (view) => {
      const scene = await this.#sceneOf(view);
      if (scene !== undefined) await this.#attend(scene, await nowOf(this.#options), signal);
    });
    if (signal?.aborted === true) return;
    for (const { requestId } of await this.#custody.all()) {
      if (!ledger.quorums.has(requestId)) await this.#custody.release(requestId);
    }
    await collect(this.#options);
  }

  async #sceneOf(view: QuorumView): Promise<Scene | undefined> {
    const { ledger, models, suite, signer } = this.#options;
    const commitment = ledger.commitmentOf(String(view.request.versionId));
    const hosted = models.find((model) => model.commitment.commitment === commitment);
    if (hosted === undefined) return undefined;
    const { status, deadline, committed, revealed } = await suite.quorums.quorumOf(view.id);
    const seats = await Promise.all(
      Array.from({ length: Number(view.request.seats) }, async (_, number): Promise<SeatView> => {
        const seat = await suite.quorums.seatOf(view.id, number);
        const { operator, word } = seat;
        return { number, operator, status: seatStatusOf(seat.status), word: word as Hash };
      }),
    );
    const self = await signer.getAddress();
    return {
      ...{ view, hosted, seats, own: seats.find(({ operator }) => operator === self) },
      ...{ status: quorumStatusOf(status), deadline: Number(deadline), allRevealed: committed === revealed },
    };
  }

  async #attend(scene: Scene, now: Now, signal: AbortSignal | undefined): Promise<void> {
    const { quorums } = this.#options.suite;
    const { view, own, status, deadline, allRevealed, seats } = scene;
    const { id, request, ticket } = view;
    const over = now.marketTime >= deadline;
    switch (status) {
      case "open":
        if (over) {
          await this.#send({ kind: "quorumRefunded", requestId: id }, quorums.refund.populateTransaction(request));
        } else if ((await this.#seeds.bring(ticket, now, signal)) && signal?.aborted !== true) {
          await this.#send({ kind: "quorumDrawn", requestId: id }, quorums.draw.populateTransaction(request));
        }
        return;
      case "seated":
        if (!over) {
          if (own?.status === "taken") await this.#commit(scene, own, signal);
          return;
        }
        // Nobody committed.
        if (allRevealed) await this.#close(view);
        else if (own?.status === "committed") await this.#reveal(scene, own, signal);
        return;
      case "revealing":
        if (!over && own?.status === "committed") await this.#reveal(scene, own, signal);
        else if (over || allRevealed) await this.#close(view);
        return;
      case "answered":
        await this.#dispute(scene, now, signal);
        if (over && seats.every((seat) => seat.status !== "challenged")) {
          await this.#send({ kind: "quorumSettled", requestId: id }, quorums.settle.populateTransaction(request));
        }
        return;
      default:
        return;
    }
  }

  async #close({ id, request }: QuorumView): Promise<void> {
    const call = this.#options.suite.quorums.close.populateTransaction(request);
    await this.#send({ kind: "quorumClosed", requestId: id }, call);
  }

  async #commit(scene: Scene, own: SeatView, signal: AbortSignal | undefined): Promise<void> {
    const { suite, secret } = this.#options;
    const { id, request } = scene.view;
    const outputRoot = this.#execute(scene);
    if (outputRoot === undefined || signal?.aborted === true) return;
    const { chainId } = await this.#options.provider.getNetwork();
    const commitment = quorumCommitmentOf({
      ...{ chainId, quorums: suite.quorums.target as string, quorumId: id, operator: own.operator },
      ...{ salt: saltOf(secret, id, own.operator), outputRoot },
    });
    const call = suite.quorums.commit.populateTransaction(request, own.number, commitment);
    await this.#send({ kind: "quorumCommitted", requestId: id, seat: own.number }, call);
  }

  /** Root of the answer, which is kept; undefined while it is executed. */
  #execute({ view, hosted, deadline }: Scene): Hash | undefined {
    const { workshop, tamper, ledger } = this.#options;
    const order = { counterparty: view.requester, deadline, value: BigInt(view.request.collateral) };
    const done = workshop.executions.get(`quorum:${view.id}`, order, async () => {
      const held = await this.#custody.find(view.id);
      if (held !== undefined) return held.outputRoot;
      const honest = await workshop.executor.run(hosted, view.inputs);
      const run = tamper === undefined ? honest : await tamper(honest, hosted);
      await this.#custody.hold(view.id, ledger.tip, view.inputs, run);
      if (run !== honest) await this.#custody.holdTrace(view.id, run.trace);
      return run.outputRoot;
    });
    if (done === undefined) return undefined;
    if (!done.ok) throw done.error;
    return done.value;
  }

  async #reveal(
    { view, hosted, deadline, status }: Scene,
    own: SeatView,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { suite, secret, signer, provers } = this.#options;
    const { id, request } = view;
    const held = await this.#custody.find(id);
    // Without what it stands on an answer cannot be defended: silence costs less.
    if (held === undefined || signal?.aborted === true) return;
    const { outputRoot } = held;
    const outputs = await this.#custody.outputs(held, hosted);
    const until = status === "seated" ? deadline + Number(request.revealSeconds) : deadline;
    const statement = {
      ...{ market: suite.quorums.target as string, requestId: seatIdOf(id, own.number), request, outputRoot },
      ...{ operator: own.operator, deadline: until },
    };
    const data = { inputs: view.inputs, outputs: joinTensors(outputs) };
    const evidence = await evidenceFor(suite, signer, statement, { provers, data });
    const salt = saltOf(secret, id, own.operator);
    const call = suite.quorums.reveal.populateTransaction(request, own.number, outputRoot, salt, evidence);
    await this.#send({ kind: "quorumRevealed", requestId: id, seat: own.number }, call);
  }

  /** Defends the own answer, and pursues those that say something else. */
  async #dispute(scene: Scene, now: Now, signal: AbortSignal | undefined): Promise<void> {
    const { suite } = this.#options;
    const { view, hosted, own, seats } = scene;
    const held = await this.#custody.find(view.id);
    if (own === undefined || held === undefined) return;
    const inDispute = seats.filter(({ status }) => status === "challenged");
    const task = `quorum-dispute:${view.id}`;
    if (inDispute.length === 0) this.#options.workshop.executions.forget(task);
    else {
      const sides = this.#sides(task, scene, held);
      if (sides === undefined) return;
      const { run, execution, defended } = sides;
      if (own.status === "challenged") await this.#defend(scene, own, defended, now, signal);
      // Only who answered honestly has an execution to compare with.
      if (run.outputRoot !== held.outputRoot) return;
      for (const { number, operator, word } of inDispute) {
        if (word === run.outputRoot || signal?.aborted === true) continue;
        const claimId = (await suite.quorums.claimIdFor(view.id, number)) as Hash;
        const terms = encodeSeatTerms(view.request, number);
        const seat = { seatId: seatIdOf(view.id, number), claimId, operator, outputRoot: word, terms };
        await this.#prosecutor.prosecute({ ...seat, hosted, own: execution, ownRoot: run.outputRoot }, signal);
      }
    }
    for (const { number, status } of seats) {
      if (status !== "convicted") continue;
      await this.#prosecutor.reclaim((await suite.quorums.claimIdFor(view.id, number)) as Hash);
    }
  }

  /** The honest execution, and what the own answer stands on; undefined while the model is executed. */
  #sides(task: string, { view, hosted, deadline }: Scene, held: HeldAnswer): Sides | undefined {
    const { workshop } = this.#options;
    const order = { counterparty: view.requester, deadline, value: BigInt(view.request.collateral) };
    const done = workshop.executions.get(task, order, async () => {
      const run = await workshop.executor.run(hosted, await this.#custody.input(held));
      const execution = await ownExecution(hosted, run);
      const outputKernels = hosted.model.program.outputs;
      if (run.outputRoot === held.outputRoot) {
        const { trace, commitment } = execution;
        return { run, execution, defended: { outputKernels, trace, commitment } };
      }
      // What was answered is not what the model computes: its trace was kept with it.
      const trace = (await this.#custody.trace(held, hosted)) ?? run.trace;
      return { run, execution, defended: { outputKernels, trace, commitment: await commitTrace(trace) } };
    });
    if (done === undefined) return undefined;
    if (!done.ok) throw done.error;
    return done.value;
  }

  async #defend(
    { view, hosted }: Scene,
    { number }: SeatView,
    defended: DefendedTrace,
    { time }: Now,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { suite, ledger, store, locationPrefix } = this.#options;
    const claimId = (await suite.quorums.claimIdFor(view.id, number)) as Hash;
    const requestId = seatIdOf(view.id, number);
    const move = nextOperatorMove(defended, ledger.dispute(claimId), time);
    if (signal?.aborted === true) return;
    switch (move.kind) {
      case "commitTrace": {
        const location = `${locationPrefix}${await publishTrace(store, defended.trace, defended.commitment)}`;
        const { traceRoot, outputRoots, outputSiblings } = mutable(move);
        const manifest = mutable(hosted.commitment.manifest);
        const terms = encodeSeatTerms(view.request, number);
        await this.#send(
          { kind: "traceCommitted", requestId },
          suite.court.commitTrace.populateTransaction(
            ...([claimId, terms, manifest, traceRoot, outputRoots, outputSiblings, location] as const),
          ),
        );
        return;
      }
      case "answer":
        await this.#send(
          { kind: "demandsAnswered", requestId, demands: move.answers.length },
          suite.court.answer.populateTransaction(claimId, mutable(move.answers)),
        );
        return;
      case "resolve":
        await this.#send({ kind: "upheld", requestId }, suite.court.resolve.populateTransaction(claimId));
        return;
      case "wait":
      case "done":
        return;
    }
  }

  async #send(action: Action, call: Promise<ContractTransaction>): Promise<void> {
    await send(this.#options, action, call);
  }
}
