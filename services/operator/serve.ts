import { createFolderStore, type Store } from "../../runner/files/store.ts";
import { serveBlobs } from "../blobs/blobs.ts";
import type { ServiceContext } from "../chain/context.ts";
import { keepLooking } from "../chain/loop.ts";
import { log } from "../environment/log.ts";
import { integerOption, invalid, option, requiredOption } from "../environment/options.ts";
import { hostModels } from "../models/models.ts";
import { parseBeacons } from "../randomness/beacons.ts";
import { type OperatorOptions, OperatorService } from "./operator.ts";

/** Runs an operator as the environment's options say, until the signal fires. */
export async function serve(
  context: ServiceContext,
  signal: AbortSignal,
  tamper: Pick<OperatorOptions, "tamper"> = {},
): Promise<void> {
  const models = await hostModels(requiredOption("ASSAY_MODELS"), { signal });
  const store = createFolderStore(option("ASSAY_STORE") ?? ".assay/store");
  const locationPrefix = await locationPrefixOf(store, signal);
  const given = option("ASSAY_BEACONS");
  const beacons = given === undefined ? undefined : parseBeacons(given);
  const operator = new OperatorService({ ...context, models, store, locationPrefix, beacons, ...tamper });
  log(`serving ${models.map(({ name }) => name).join(", ")} as ${await context.signer.getAddress()}`);
  if (option("ASSAY_ONCE") === "1") await operator.look(signal);
  else
    await keepLooking(context, "serve", integerOption("ASSAY_INTERVAL", 2_000, 10, 600_000), signal, (look) =>
      operator.look(look),
    );
  log("stopped");
}

/** What stands before a blob's id in locations: the URL that the store is served under, if it is. */
async function locationPrefixOf(store: Store, signal: AbortSignal): Promise<string> {
  const listen = option("ASSAY_LISTEN");
  if (listen === undefined) return "store:";
  const [, host = "", port = ""] = /^(.+):([0-9]{1,5})$/.exec(listen) ?? [];
  if (host === "") throw invalid("ASSAY_LISTEN", listen, "give HOST:PORT");
  const actual = await serveBlobs(store, host, Number(port), signal);
  return `${option("ASSAY_ENDPOINT") ?? `http://${host}:${String(actual)}`}/blobs/`;
}
