import { parseEther } from "ethers";

import { createFolderStore } from "../../runner/files/store.ts";
import type { ServiceContext } from "../chain/context.ts";
import { keepLooking } from "../chain/loop.ts";
import { log } from "../environment/log.ts";
import { option, requiredOption } from "../environment/options.ts";
import { threadedExecutor } from "../models/executor.ts";
import { hostModels } from "../models/models.ts";
import { lookingOf, mayFetchPrivately } from "../work/looking.ts";
import { closeWorkshop, openWorkshop } from "../work/workshop.ts";
import { allow, fund } from "../chain/funds.ts";
import { secretIn } from "./secret.ts";
import { WatcherService } from "./watcher.ts";

const BONDS = parseEther("1000");

/** Runs a watcher as the environment's options say, until the signal fires. */
export async function watch(context: ServiceContext, signal: AbortSignal): Promise<void> {
  const models = await hostModels(requiredOption("ASSAY_MODELS"), { signal });
  const folder = option("ASSAY_STORE") ?? ".assay/store";
  // Bonds must be at hand before there is something to challenge.
  await fund(context, BONDS);
  await allow(context, context.suite.court);
  const secret = option("ASSAY_SECRET") ?? (await secretIn(folder));
  const privateAddresses = await mayFetchPrivately(context);
  const workshop = openWorkshop({ clock: context.clock, privateAddresses, executor: threadedExecutor() });
  const watcher = new WatcherService({ ...context, models, store: createFolderStore(folder), workshop, secret });
  log(`watching ${models.map(({ name }) => name).join(", ")} as ${await context.signer.getAddress()}`);
  if (option("ASSAY_ONCE") === "1") await watcher.look(signal);
  else await keepLooking(context, lookingOf("watch", watcher, workshop), signal);
  await closeWorkshop(workshop);
  log("stopped");
}
