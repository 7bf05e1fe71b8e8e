/** `serve`, but for an operator that lies: every answer comes from a model with one weight changed. For tests only. */
import { network } from "hardhat";

import { createFolderStore } from "../../runner/store.ts";
import { changeOneWeight } from "../../scripts/demo/forge.ts";
import { accountOf } from "../../scripts/lib/account.ts";
import { serveBlobs } from "../../scripts/lib/blobs.ts";
import { readDeployment } from "../../scripts/lib/deployment.ts";
import { log } from "../../scripts/lib/log.ts";
import { loadModels } from "../../scripts/lib/models.ts";
import { Operator } from "../../scripts/lib/operator.ts";
import { requiredOption } from "../../scripts/lib/options.ts";
import { run } from "../../scripts/lib/run.ts";
import { keepLooking, sceneOf } from "../../scripts/lib/service.ts";

await run(async (signal) => {
  const connection = await network.create();
  const models = await loadModels(requiredOption("ASSAY_MODELS", "models"), { signal });
  const store = createFolderStore(requiredOption("ASSAY_STORE", "folder"));
  const port = await serveBlobs(store, "127.0.0.1", 0, signal);
  const operator = new Operator({
    ...sceneOf(connection, await readDeployment(connection), await accountOf(connection)),
    models,
    store,
    locationPrefix: `http://127.0.0.1:${String(port)}/blobs/`,
    tamper: async (honest, model) => (await changeOneWeight(model, honest)).run,
  });
  log("serving forged answers");
  await keepLooking("forge", 250, signal, (look) => operator.look(look));
  await connection.close();
});
