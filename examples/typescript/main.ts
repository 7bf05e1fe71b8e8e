// What an integrator writes: asks a model version, waits until the answer is final, and checks it by running the model.
//
//   PRIVATE_KEY=0x… node out/main.js RPC_URL DEPLOYMENT.json VERSION_ID MODEL.onnx?N=1 INPUT.npy
//
// DEPLOYMENT.json holds the addresses of the contracts, as scripts/deploy.ts writes them.
import { AssayClient } from "@assay/contracts/client";
import { type Hash, readTensorFile } from "@assay/contracts/runner";
import { parseEther, Wallet } from "ethers";

const [url = "", deployment = "", versionId = "", modelFile = "", inputFile = ""] = process.argv.slice(2);
const client = await AssayClient.open({
  rpc: [url],
  deployment,
  signer: new Wallet(process.env.PRIVATE_KEY ?? ""),
  intervalMilliseconds: 500,
});
const image = readTensorFile(inputFile, { name: "image", element: "f32", shape: [1, 1, 8, 8] });

const requestId = await client.ask(versionId as Hash, [image], {
  fee: parseEther("20"),
  // What a wrong answer would cost: sets the stake that is locked for this one answer.
  valueAtRisk: parseEther("200"),
  windowSeconds: 60,
});
console.error(`request ${requestId}`);

const { finality, outputRoot, outputs } = await client.wait(requestId);
// A fee that comes back, and damages, wait in the contracts.
await client.collect();
if (finality === "failed") throw new Error(`request ${requestId} failed; the fee is returned`);

// The file on this disk must be the version that was asked, or checking the answer with it would prove nothing: verify
// refuses any other. Without a file it fetches the one that the publisher names in the registry.
const { right: verified } = await client.verify(requestId, modelFile);
const values = outputs.map(({ data }) => Array.from(data, Number));
console.log(JSON.stringify({ requestId, finality, outputRoot, verified, outputs: values }));
client.close();
