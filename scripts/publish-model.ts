/**
 * Compiles a model file and publishes its commitment.
 *
 *   ASSAY_MODEL='models/digits/digits.onnx?N=1' npx hardhat run scripts/publish-model.ts --network localhost
 *
 * Environment: ASSAY_MODEL (file, sizes of symbolic dimensions behind `?`), ASSAY_URI (where the file can be fetched;
 * default: its name), ASSAY_LICENCE (SPDX, default MIT), ASSAY_PARENTS (`VERSION:RELATION,…` with a relation of
 * contracts/types/Version.sol; a model file in place of VERSION stands for its newest version), ASSAY_ROYALTY_BPS and
 * ASSAY_ROYALTY_RECIPIENT, ASSAY_ACCOUNT (index of the account, default 0).
 */
import { network } from "hardhat";

import { readDeployment } from "../services/chain/deployment.ts";
import { log } from "../services/environment/log.ts";
import { loadModel } from "../services/models/models.ts";
import { integerOption, option, requiredOption } from "../services/environment/options.ts";
import { parentsFrom, publish } from "../services/publisher/publish.ts";
import { run } from "../services/environment/run.ts";
import { sceneOf } from "../services/chain/service.ts";
import { accountOf } from "../services/environment/account.ts";

await run(async (signal) => {
  const connection = await network.create();
  const hosted = await loadModel(requiredOption("ASSAY_MODEL", "the model file to publish"), { signal });
  const scene = sceneOf(connection, await readDeployment(connection), await accountOf(connection));
  await scene.ledger.sync();
  const versionId = await publish(scene, hosted, {
    uri: option("ASSAY_URI"),
    licence: option("ASSAY_LICENCE"),
    parents: await parentsFrom(scene, option("ASSAY_PARENTS") ?? ""),
    royaltyBps: integerOption("ASSAY_ROYALTY_BPS", 0, 0, 5_000),
    royaltyRecipient: option("ASSAY_ROYALTY_RECIPIENT"),
  });
  log(`${hosted.name} is version ${versionId}`);
  await connection.close();
});
