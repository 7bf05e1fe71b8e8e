import { parseEther } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { isHash } from "../../runner/files/fields.ts";
import { readInputs } from "../../runner/files/model.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import type { ServiceContext } from "../chain/context.ts";
import { OPTIMISTIC_MODE, policyOf, SIGNATURE_MODE } from "../chain/evidence.ts";
import { log } from "../environment/log.ts";
import { integerOption, invalid, option, requiredOption } from "../environment/options.ts";
import { hostModel, type HostedModel } from "../models/models.ts";
import { ask, awaitOutcome, type Outcome, type Question } from "./ask.ts";

const MODES: Readonly<Record<string, string>> = { optimistic: OPTIMISTIC_MODE, signature: SIGNATURE_MODE };
const WAITS = ["final", "claimed", "none"];

/**
 * Asks as the environment's options say, or goes on with a request that was opened before, and waits.
 * @returns What became of it; undefined when the options say not to wait.
 * @throws AssayError OPTION_INVALID, ABORTED and those of `ask`.
 */
export async function request(context: ServiceContext, signal: AbortSignal): Promise<Outcome | undefined> {
  const hosted = await hostModel(requiredOption("ASSAY_MODEL"), { signal });
  const question = questionOf(hosted);
  const until = option("ASSAY_WAIT") ?? "final";
  if (!WAITS.includes(until)) throw invalid("ASSAY_WAIT", until, `give ${WAITS.join(", ")}`);
  const requestId = (await openedBefore(context)) ?? (await ask(context, hosted, question));
  log(`request ${requestId}`);
  if (until === "none") return undefined;
  const intervalMilliseconds = integerOption("ASSAY_INTERVAL", 2_000, 10, 600_000);
  return await awaitOutcome(context, hosted, requestId, question, {
    final: until === "final",
    intervalMilliseconds,
    signal,
  });
}

function questionOf({ model }: HostedModel): Question {
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
    store: createFolderStore(option("ASSAY_STORE") ?? ".assay/store"),
  };
}

/** The request to go on waiting for. */
async function openedBefore({ ledger }: ServiceContext): Promise<Hash | undefined> {
  const id = option("ASSAY_REQUEST");
  if (id === undefined) return undefined;
  await ledger.sync();
  if (isHash(id) && ledger.requests.has(id)) return id;
  throw invalid("ASSAY_REQUEST", id, "give the id that a run printed; the market here has no such request");
}
