import { type EventLog, ZeroAddress, ZeroHash } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTensors } from "../../runner/commitment/tensor.ts";
import { AssayError } from "../../runner/errors.ts";
import { loadInputs } from "../../runner/cli/load.ts";
import { DTYPE_BYTES, type DType } from "../../runner/machine/dtype.ts";
import { type Tensor, tensorFromBytes } from "../../runner/machine/tensor.ts";
import type { Store } from "../../runner/store.ts";
import { type HostedModel, joinTensors } from "./models.ts";
import { invalid } from "./options.ts";
import { pause } from "./run.ts";
import { chainTime, type Scene, send } from "./service.ts";
import { allow, fund } from "./stake.ts";

export interface Question {
  readonly inputs: readonly Tensor[];
  readonly policy: string;
  readonly fee: bigint;
  /** What a wrong answer would cost; sets the operator's collateral. */
  readonly valueAtRisk: bigint;
  readonly windowSeconds: number;
  /** Where a large input is put for the operator to fetch. */
  readonly store: Store;
  readonly locationPrefix?: string;
}

export interface Answer {
  readonly requestId: Hash;
  readonly finality: "provisional" | "final" | "failed";
  readonly operator: string;
  readonly outputs: readonly { readonly name: string; readonly values: readonly (number | string)[] }[];
}

/** Order of IInferenceMarket.Finality. */
const FINALITY = ["unknown", "pending", "provisional", "disputed", "final", "failed"] as const;
const STAGE_SECONDS = 3_600;

/** Tensors of `NAME=FILE,…` for a model's inputs. */
export const readInputs = async (hosted: HostedModel, text: string): Promise<readonly Tensor[]> =>
  await Promise.resolve(loadInputs(hosted.model, text.split(",")));

/** Opens a request for the newest version of a model. @returns The request's id. */
export async function ask(scene: Scene, hosted: HostedModel, question: Question): Promise<Hash> {
  const { suite, ledger } = scene;
  await ledger.sync();
  const versionId = ledger.versionsOf(hosted.commitment.commitment).at(-1);
  if (versionId === undefined) throw invalid("ASSAY_MODEL", hosted.path, "publish the model first");
  await fund(scene, question.fee);
  await allow(scene, suite.market);
  const bytes = joinTensors(question.inputs);
  const inline = bytes.length <= Number(await suite.market.INLINE_LIMIT());
  const { locationPrefix = "store:" } = question;
  const receipt = await send(
    `asked ${hosted.name}`,
    suite.market.request({
      versionId,
      inputs: inline ? bytes : "0x",
      inputRoot: inline ? ZeroHash : tensorsRoot(await commitTensors("commit inputs", question.inputs)),
      inputUri: inline ? "" : `${locationPrefix}${await question.store.put(bytes)}`,
      policy: question.policy,
      fee: question.fee,
      valueAtRisk: question.valueAtRisk,
      assignSeconds: STAGE_SECONDS,
      claimSeconds: STAGE_SECONDS,
      windowSeconds: question.windowSeconds,
      callback: ZeroAddress,
      callbackGas: 0,
      minimumHolders: 0,
    }),
  );
  return openedIn(scene, receipt.logs as EventLog[]);
}

/** Id of the request that was opened in a transaction. */
export function openedIn({ suite: { market } }: Scene, logs: readonly EventLog[]): Hash {
  for (const entry of logs) {
    if (entry.address !== market.target) continue;
    const parsed = market.interface.parseLog({ topics: [...entry.topics], data: entry.data });
    if (parsed?.name === "RequestOpened") return parsed.args.requestId as Hash;
  }
  throw new AssayError("RPC_UNUSABLE", "the receipt has no RequestOpened event", { reason: "no event" });
}

/**
 * Waits until the request has an answer (or, when `final`, until it is settled), drawing the operator, finalising and
 * taking refunds itself when nobody else does.
 * @throws AssayError ABORTED.
 */
export async function awaitAnswer(
  scene: Scene,
  hosted: HostedModel,
  requestId: Hash,
  final: boolean,
  intervalMilliseconds: number,
  signal: AbortSignal,
): Promise<Answer> {
  const { suite, ledger } = scene;
  while (!signal.aborted) {
    await ledger.sync();
    const view = ledger.requests.get(requestId);
    const finality = FINALITY[Number((await suite.market.resultOf(requestId)).finality)];
    if (view !== undefined) {
      const done = finality === "final" || finality === "failed" || (finality === "provisional" && !final);
      if (done) {
        const bytes = view.claim?.outputs ?? new Uint8Array();
        return { requestId, finality, operator: view.claim?.operator ?? ZeroAddress, outputs: decode(hosted, bytes) };
      }
      await exit(scene, requestId);
    }
    await pause(intervalMilliseconds, signal);
  }
  throw new AssayError("ABORTED", "waiting for the answer was aborted", { task: "request" });
}

/** Takes the exit that time has opened, so that a requester never waits for anybody's goodwill. */
async function exit({ suite, ledger, provider }: Scene, requestId: Hash): Promise<void> {
  const view = ledger.requests.get(requestId);
  if (view === undefined) return;
  const [state, clock, { time }, latest] = await Promise.all([
    suite.market.stateOf(requestId),
    suite.market.clock(),
    chainTime(provider),
    provider.getBlock("latest"),
  ]);
  const late = Number(clock) + time - (latest?.timestamp ?? time) - Number(state.deadline);
  // A little later than the operators, who do the same: two transactions for one exit would waste one.
  if (late < 30) return;
  if (state.status === 1n) await send("took the refund: nobody could be drawn", suite.market.refund(view.request));
  if (state.status === 2n) await send("timed the operator out", suite.market.timeOut(view.request));
  if (state.status === 4n) {
    await send("finalised", suite.market.finalise(view.request, view.claim?.outputs ?? new Uint8Array()));
  }
}

/** Outputs by name; 64-bit integers as text. */
function decode({ model }: HostedModel, bytes: Uint8Array): Answer["outputs"] {
  if (bytes.length === 0) return [];
  let offset = 0;
  return model.outputs.map(({ name, dtype, shape }) => {
    const length = shape.reduce((size, dim) => size * dim, 1);
    const tensor = tensorAt(dtype, bytes, offset, length);
    offset += tensor.bytes;
    return { name, values: tensor.values };
  });
}

function tensorAt(dtype: DType, bytes: Uint8Array, offset: number, length: number) {
  const size = length * DTYPE_BYTES[dtype];
  const { data } = tensorFromBytes(dtype, bytes.slice(offset, offset + size));
  const values = Array.from(data as ArrayLike<number | bigint>, (value) =>
    typeof value === "bigint" ? String(value) : value,
  );
  return { bytes: size, values };
}
