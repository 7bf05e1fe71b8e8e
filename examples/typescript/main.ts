// What an integrator writes: asks a model version, waits until the answer is final, and checks it by running the model.
//
//   PRIVATE_KEY=0x… node out/main.js RPC_URL DEPLOYMENT.json VERSION_ID MODEL.onnx INPUT.npy
//
// DEPLOYMENT.json holds the addresses of the contracts, as scripts/deploy.ts writes them.
import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

import { AssayToken__factory, IInferenceMarket__factory, IModelRegistry__factory } from "@assay/contracts";
import {
  commitModel,
  commitTensors,
  compiled,
  importModel,
  prepareProgram,
  protocol,
  readTensorFile,
  tensorBytes,
  tensorsRoot,
} from "@assay/contracts/runner";
import { dataSlice, id, JsonRpcProvider, parseEther, Wallet, zeroPadBytes, ZeroAddress, ZeroHash } from "ethers";

const [url = "", deploymentFile = "", versionId = "", modelFile = "", inputFile = ""] = process.argv.slice(2);
const { contracts } = JSON.parse(await readFile(deploymentFile, "utf8")) as { contracts: Record<string, string> };
// By default ethers gives an answer again for 250 ms, among them the number of the last transaction.
const provider = new JsonRpcProvider(url, undefined, { cacheTimeout: -1 });
const signer = new Wallet(process.env.PRIVATE_KEY ?? "", provider);
const token = AssayToken__factory.connect(contracts.AssayToken ?? "", signer);
const market = IInferenceMarket__factory.connect(contracts.InferenceMarket ?? "", signer);
const registry = IModelRegistry__factory.connect(contracts.ModelRegistry ?? "", signer);

// The file on this disk must be the version that is asked, or checking the answer with it would prove nothing.
const model = importModel(modelFile, { shapes: { N: 1 } });
const { commitment } = await commitModel(model.program, model.constants);
if ((await registry.versionOf(versionId)).commitment !== commitment) {
  throw new Error(`${modelFile} is not version ${versionId}`);
}
const inputs = model.inputs.map((port) => readTensorFile(inputFile, port));

const fee = parseEther("20");
// The token of test networks mints itself; elsewhere the account must have it.
await (await token.mint(signer.address, fee)).wait();
await (await token.approve(market, fee)).wait();
const receipt = await (
  await market.request({
    versionId,
    inputs: Buffer.concat(inputs.map(tensorBytes)),
    inputRoot: ZeroHash,
    inputUri: "",
    // Evidence: the operator's stake alone, at risk while the answer can be challenged.
    policy: zeroPadBytes(dataSlice(id("assay.optimistic"), 0, 4), 32),
    fee,
    // What a wrong answer would cost: sets the stake that is locked for this one answer.
    valueAtRisk: parseEther("200"),
    openSeconds: 3_600,
    claimSeconds: 3_600,
    windowSeconds: 60,
    callback: ZeroAddress,
    callbackGas: 0,
    minimumHolders: 1,
  })
).wait();
const opened = receipt?.logs.map((log) => market.interface.parseLog(log)).find((log) => log?.name === "RequestOpened");
const requestId = String(opened?.args.requestId);
console.error(`request ${requestId}`);

let [finality, outputRoot] = ["pending", ZeroHash];
while (finality !== "final" && finality !== "failed") {
  await setTimeout(500);
  const result = await market.resultOf(requestId);
  [finality, outputRoot] = [protocol.finalityOf(result.finality), result.outputRoot];
}
if (finality === "failed") {
  // Nobody answered in time, or the answer was convicted: the fee comes back.
  await (await market.withdraw(signer.address)).wait();
  throw new Error(`request ${requestId} failed; the fee is returned`);
}

const trace = await prepareProgram(model.program, compiled).run(inputs, model.constants);
const outputs = model.program.outputs.flatMap((kernel) => trace[kernel] ?? []);
const ownRoot = tensorsRoot(await commitTensors("outputs", outputs));
const values = outputs.map(({ data }) => Array.from(data, Number));
console.log(JSON.stringify({ requestId, finality, outputRoot, verified: ownRoot === outputRoot, outputs: values }));
provider.destroy();
