/** `serve`, but for an operator that lies: every answer comes from a model with one weight changed. For tests only. */
import { network } from "hardhat";

import { createFolderStore } from "../../runner/files/store.ts";
import { changeOneWeight } from "../../testing/forgeries.ts";
import { accountOf } from "../../services/environment/account.ts";
import { serveBlobs } from "../../services/blobs/blobs.ts";
import { readDeployment } from "../../services/chain/deployment.ts";
import { log } from "../../services/environment/log.ts";
import { loadModels } from "../../services/models/models.ts";
import { Operator } from "../../services/operator/operator.ts";
import { requiredOption } from "../../services/environment/options.ts";
import { run } from "../../services/environment/run.ts";
import { keepLooking, sceneOf } from "../../services/chain/service.ts";

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
