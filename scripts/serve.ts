/**
 * Runs an operator: draws, executes, claims, collects, defends. Stop it with Ctrl-C and start it again at any time.
 *
 *   ASSAY_ACCOUNT=1 ASSAY_MODELS='models/digits/digits.onnx?N=1' npx hardhat run scripts/serve.ts --network localhost
 *
 * Environment: ASSAY_MODELS, ASSAY_ACCOUNT, ASSAY_STORE (folder for traces, default .assay/store), ASSAY_LISTEN
 * (HOST:PORT to serve the store's blobs on; without it, others need the same store), ASSAY_ENDPOINT (the URL under which
 * others reach ASSAY_LISTEN), ASSAY_INTERVAL (milliseconds between looks, default 2000), ASSAY_ONCE=1 (one look only).
 */
import { network } from "hardhat";

import { createFolderStore } from "../runner/files/store.ts";
import { accountOf } from "../services/environment/account.ts";
import { serveBlobs } from "../services/blobs/blobs.ts";
import { readDeployment } from "../services/chain/deployment.ts";
import { log } from "../services/environment/log.ts";
import { loadModels } from "../services/models/models.ts";
import { Operator } from "../services/operator/operator.ts";
import { integerOption, option, requiredOption } from "../services/environment/options.ts";
import { run } from "../services/environment/run.ts";
import { keepLooking, sceneOf } from "../services/chain/service.ts";

await run(async (signal) => {
  const connection = await network.create();
  const models = await loadModels(requiredOption("ASSAY_MODELS", "the model files to answer for"), { signal });
  const store = createFolderStore(option("ASSAY_STORE") ?? ".assay/store");
  const scene = sceneOf(connection, await readDeployment(connection), await accountOf(connection));
  const listen = option("ASSAY_LISTEN");
  let locationPrefix = "store:";
  if (listen !== undefined) {
    const [host = "127.0.0.1", port = "0"] = listen.split(":");
    const actual = await serveBlobs(store, host, Number(port), signal);
    locationPrefix = `${option("ASSAY_ENDPOINT") ?? `http://${host}:${String(actual)}`}/blobs/`;
  }
  const operator = new Operator({ ...scene, models, store, locationPrefix });
  log(`serving ${models.map(({ name }) => name).join(", ")} as ${scene.signer.address}`);
  if (option("ASSAY_ONCE") === "1") await operator.look(signal);
  else
    await keepLooking("serve", integerOption("ASSAY_INTERVAL", 2_000, 10, 600_000), signal, (look) =>
      operator.look(look),
    );
  log("stopped");
  await connection.close();
});
