import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { parseEther } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { isHash } from "../../runner/files/fields.ts";
import { readInputs } from "../../runner/files/model.ts";
import { createFolderStore, type Store } from "../../runner/files/store.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import { collect } from "../chain/collect.ts";
import type { ServiceContext } from "../chain/context.ts";
import { OPTIMISTIC_MODE, policyOf, SIGNATURE_MODE } from "../chain/evidence.ts";
import { log } from "../environment/log.ts";
import { integerOption, invalid, option, requiredOption } from "../environment/options.ts";
import { hostModel, type HostedModel, joinTensors, splitTensors } from "../models/models.ts";
import { ask, awaitOutcome, newestVersion, type Outcome, type Question } from "./ask.ts";

const MODES: Readonly<Record<string, string>> = { optimistic: OPTIMISTIC_MODE, signature: SIGNATURE_MODE };
const WAITS = ["final", "claimed", "none"];

/**
 * Asks as the environment's options say, or goes on with a request that was opened before, and waits.
 * @returns What became of it; undefined when the options say not to wait.
 * @throws AssayError OPTION_INVALID, ABORTED and those of `ask`.
 */
export async function request(context: ServiceContext, signal: AbortSignal): Promise<Answer | undefined> {
  const until = option("ASSAY_WAIT") ?? "final";
  if (!WAITS.includes(until)) throw invalid("ASSAY_WAIT", until, `give ${WAITS.join(", ")}`);
  const folder = option("ASSAY_STORE") ?? ".assay/store";
  const { requestId, hosted, question } =
    option("ASSAY_REQUEST") === undefined
      ? await askAnew(context, folder, signal)
      : await openedBefore(context, folder, signal);
  log(`request ${requestId}`);
  if (until === "none") return undefined;
  const intervalMilliseconds = integerOption("ASSAY_INTERVAL", 2_000, 10, 600_000);
  const outcome = await awaitOutcome(context, requestId, question, {
    final: until === "final",
    intervalMilliseconds,
    signal,
  });
  await collect(context);
  return { ...outcome, outputs: namedOutputs(hosted, outcome.outputs) };
}

/** What became of a request, as JSON says it. */
export interface Answer extends Omit<Outcome, "outputs"> {
  readonly outputs: readonly { readonly name: string; readonly values: readonly (number | string)[] }[];
}

/** Outputs by the names of the model, else by number; 64-bit integers as text. */
export const namedOutputs = (hosted: HostedModel | undefined, outputs: readonly Tensor[]): Answer["outputs"] =>
  outputs.map(({ data }, i) => ({
    name: hosted?.model.outputs[i]?.name ?? String(i),
    values: Array.from(data as ArrayLike<number | bigint>, (value) =>
      typeof value === "bigint" ? String(value) : value,
    ),
  }));

/** A request with what it was asked with. */
interface Asked {
  readonly requestId: Hash;
  readonly hosted: HostedModel;
  readonly question: Pick<Question, "inputs" | "store">;
}

/** Opens a request, and notes what it was asked with: its id is then enough to go on with it. */
async function askAnew(context: ServiceContext, folder: string, signal: AbortSignal): Promise<Asked> {
  const spec = requiredOption("ASSAY_MODEL");
  const hosted = await hostModel(spec, { signal });
  const question = questionOf(hosted, createFolderStore(folder));
  await context.ledger.sync();
  const requestId = await ask(context, newestVersion(context, hosted), question);
  const input = await question.store.put(joinTensors(question.inputs));
  await mkdir(join(folder, "requests"), { recursive: true });
  await writeFile(noteOf(folder, requestId), JSON.stringify({ model: spec, input }));
  return { requestId, hosted, question };
}

function questionOf({ model }: HostedModel, store: Store): Question {
  const modes = (option("ASSAY_MODES") ?? "optimistic").split("+").map((name) => {
    const mode = MODES[name];
    if (mode === undefined) throw invalid("ASSAY_MODES", name, `give ${Object.keys(MODES).join(" or ")}`);
    return mode;
  });
  return {
    inputs: readInputs(model, "ASSAY_INPUT", requiredOption("ASSAY_INPUT").split(",")),
    policy: policyOf(...modes),
    fee: parseEther(String(integerOption("ASSAY_FEE", 20, 1, 1_000_000))),
    valueAtRisk: parseEther(String(integerOption("ASSAY_VALUE", 200, 1, 1_000_000))),
    windowSeconds: integerOption("ASSAY_WINDOW", 60, 0, 604_800),
    store,
  };
}

/** The request to go on waiting for. @throws AssayError OPTION_INVALID. */
async function openedBefore({ ledger }: ServiceContext, folder: string, signal: AbortSignal): Promise<Asked> {
  const id = requiredOption("ASSAY_REQUEST");
  await ledger.sync();
  if (!isHash(id) || !ledger.requests.has(id)) {
    throw invalid("ASSAY_REQUEST", id, "give the id that a run printed; the market here has no such request");
  }
  const store = createFolderStore(folder);
  const note = await readFile(noteOf(folder, id), "utf8").catch(() => undefined);
  if (note === undefined) {
    // Opened with another store: then the options say again what was asked.
    const hosted = await hostModel(requiredOption("ASSAY_MODEL"), { signal });
    return { requestId: id, hosted, question: questionOf(hosted, store) };
  }
  const { model, input } = JSON.parse(note) as { readonly model: string; readonly input: Hash };
  const hosted = await hostModel(model, { signal });
  const inputs = splitTensors("input", hosted.model.program.inputs, await store.get(input));
  return { requestId: id, hosted, question: { inputs, store } };
}

const noteOf = (folder: string, requestId: Hash): string => join(folder, "requests", `${requestId}.json`);
