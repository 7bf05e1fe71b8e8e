import { join } from "node:path";

import { createFolderStore, type Store } from "../../runner/files/store.ts";
import { serveBlobs } from "../blobs/blobs.ts";
import type { ServiceContext } from "../chain/context.ts";
import { keepLooking } from "../chain/loop.ts";
import { log } from "../environment/log.ts";
import { addressOf } from "../environment/listen.ts";
import { invalid, option, requiredOption } from "../environment/options.ts";
import { threadedExecutor } from "../models/executor.ts";
import { hostModels } from "../models/models.ts";
import { parseBeacons } from "../randomness/beacons.ts";
import { lookingOf, mayFetchPrivately } from "../work/looking.ts";
import { closeWorkshop, openWorkshop } from "../work/workshop.ts";
import { type OperatorOptions, OperatorService } from "./operator.ts";
import { expectReady, operatorFindings } from "./readiness.ts";

/** What an operator does besides answering requests. */
interface Beside {
  readonly look: (signal?: AbortSignal) => Promise<void>;
  readonly step: (signal?: AbortSignal) => Promise<void>;
}

/**
 * Runs an operator as the environment's options say, until the signal fires.
 * @param besideOf What it does besides, with the same account, models and stores: its seats in quorums.
 */
export async function serve(
  context: ServiceContext,
  signal: AbortSignal,
  tamper: Pick<OperatorOptions, "tamper"> = {},
  besideOf?: (options: OperatorOptions) => Promise<Beside>,
): Promise<void> {
  const models = await hostModels(requiredOption("ASSAY_MODELS"), { signal });
  expectReady(await operatorFindings(context, models));
  const folder = option("ASSAY_STORE") ?? ".assay/store";
  const store = createFolderStore(folder);
  const privateAddresses = await mayFetchPrivately(context);
  const locationPrefix = await locationPrefixOf(store, signal);
  const workshop = openWorkshop({ clock: context.clock, privateAddresses, executor: threadedExecutor() });
  const custody = join(folder, "held", await context.signer.getAddress());
  const given = option("ASSAY_BEACONS");
  const beacons = given === undefined ? undefined : parseBeacons(given);
  const options = { ...context, models, store, custody, workshop, locationPrefix, beacons, ...tamper };
  const operator = new OperatorService(options);
  const beside = await besideOf?.(options);
  log(`serving ${models.map(({ name }) => name).join(", ")} as ${await context.signer.getAddress()}`);
  if (option("ASSAY_ONCE") === "1") {
    await operator.look(signal);
    await beside?.look(signal);
  } else {
    const step = async (given: AbortSignal): Promise<void> => {
      await operator.step(given);
      if (!given.aborted) await beside?.step(given);
    };
    await keepLooking(context, lookingOf("serve", { step }, workshop), signal);
  }
  await closeWorkshop(workshop);
  log("stopped");
}

/** What stands before a blob's id in locations: the URL that the store is served under, if it is. */
async function locationPrefixOf(store: Store, signal: AbortSignal): Promise<string> {
  const listen = option("ASSAY_LISTEN");
  if (listen === undefined) return "store:";
  const address = addressOf(listen);
  if (address === undefined) throw invalid("ASSAY_LISTEN", listen, "give HOST:PORT");
  const port = await serveBlobs(store, address, signal);
  return `${option("ASSAY_ENDPOINT") ?? `http://${address.host}:${String(port)}`}/blobs/`;
}
