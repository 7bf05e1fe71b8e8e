/** `serve`, but for an operator that lies: every answer comes from a model with one weight changed. For tests only. */
import { network } from "hardhat";

import { accountContext } from "../../services/chain/account.ts";
import { runScript } from "../../services/environment/run.ts";
import type { OperatorOptions } from "../../services/operator/operator.ts";
import { serve } from "../../services/operator/serve.ts";
import { changeOneWeight } from "../../testing/forgeries.ts";

await runScript({ about: "Serves forged answers.", example: "", options: [] }, async (signal) => {
  const connection = await network.create();
  const tamper: OperatorOptions["tamper"] = async (honest, model) => (await changeOneWeight(model, honest)).run;
  await serve(await accountContext(connection), signal, { tamper });
  await connection.close();
});
