/**
 * Makes the account an operator: stake, signing key, endpoint, opt-in to models. Running it again only adds what is missing.
 *
 *   ASSAY_ACCOUNT=1 ASSAY_MODELS='models/digits/digits.onnx?N=1' npx hardhat run scripts/stake.ts --network localhost
 *
 * Environment: ASSAY_MODELS (files, `;` between them), ASSAY_STAKE (whole tokens, default 5000), ASSAY_ENDPOINT (where
 * `serve` is reached), ASSAY_ACCOUNT.
 */
import { parseEther } from "ethers";
import { network } from "hardhat";

import { accountOf } from "../services/environment/account.ts";
import { readDeployment } from "../services/chain/deployment.ts";
import { loadModels } from "../services/models/models.ts";
import { integerOption, option, requiredOption } from "../services/environment/options.ts";
import { run } from "../services/environment/run.ts";
import { sceneOf } from "../services/chain/service.ts";
import { join } from "../services/operator/stake.ts";

await run(async (signal) => {
  const connection = await network.create();
  const models = await loadModels(requiredOption("ASSAY_MODELS", "the model files to answer for"), { signal });
  const scene = sceneOf(connection, await readDeployment(connection), await accountOf(connection));
  await join(scene, models, {
    amount: parseEther(String(integerOption("ASSAY_STAKE", 5_000, 1, 1_000_000_000))),
    endpoint: option("ASSAY_ENDPOINT") ?? "",
  });
  await connection.close();
});
