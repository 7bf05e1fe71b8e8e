/**
 * Runs a watcher: re-executes every claim of the models it has, and convicts what is wrong. Stop it with Ctrl-C and start
 * it again at any time.
 *
 *   ASSAY_ACCOUNT=9 ASSAY_MODELS='models/digits/digits.onnx?N=1' npx hardhat run scripts/watch.ts --network localhost
 *
 * Environment: ASSAY_MODELS, ASSAY_ACCOUNT, ASSAY_STORE (default .assay/store), ASSAY_SECRET (32 bytes, hex; made and kept
 * beside the store when not given), ASSAY_INTERVAL (milliseconds, default 2000), ASSAY_ONCE=1.
 */
import { parseEther } from "ethers";
import { network } from "hardhat";

import { createFolderStore } from "../runner/files/store.ts";
import { accountOf } from "../services/environment/account.ts";
import { readDeployment } from "../services/chain/deployment.ts";
import { log } from "../services/environment/log.ts";
import { loadModels } from "../services/models/models.ts";
import { integerOption, option, requiredOption } from "../services/environment/options.ts";
import { run } from "../services/environment/run.ts";
import { secretIn } from "../services/watcher/secret.ts";
import { keepLooking, sceneOf } from "../services/chain/service.ts";
import { allow, fund } from "../services/operator/stake.ts";
import { Watcher } from "../services/watcher/watcher.ts";

await run(async (signal) => {
  const connection = await network.create();
  const models = await loadModels(requiredOption("ASSAY_MODELS", "the model files to watch"), { signal });
  const folder = option("ASSAY_STORE") ?? ".assay/store";
  const scene = sceneOf(connection, await readDeployment(connection), await accountOf(connection));
  // Bonds must be at hand before there is something to challenge.
  await fund(scene, parseEther("1000"));
  await allow(scene, scene.suite.court);
  const secret = option("ASSAY_SECRET") ?? (await secretIn(folder));
  const watcher = new Watcher({ ...scene, models, store: createFolderStore(folder), secret });
  log(`watching ${models.map(({ name }) => name).join(", ")} as ${scene.signer.address}`);
  if (option("ASSAY_ONCE") === "1") await watcher.look(signal);
  else
    await keepLooking("watch", integerOption("ASSAY_INTERVAL", 2_000, 10, 600_000), signal, (look) =>
      watcher.look(look),
    );
  log("stopped");
  await connection.close();
});
