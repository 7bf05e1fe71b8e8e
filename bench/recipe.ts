import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { bert, gpt2, gpt2Decoder, lstm, vit } from "./models/language.ts";
import { efficientNetB0, mobileNetV2, quantizedResnet, resnet } from "./models/vision.ts";

/*
 * Writes models to measure: `npx tsx bench/recipe.ts DIR [NAME…]`. Their shapes are those of the models that they are
 * named after, their weights random, the same on every run.
 */

const MODELS = {
  "resnet-18": () => resnet(false),
  "resnet-50": () => resnet(true),
  "mobilenet-v2": mobileNetV2,
  "efficientnet-b0": efficientNetB0,
  "resnet-18-int8": quantizedResnet,
  "bert-base": bert,
  "vit-b-16": vit,
  "gpt-2-prefill-64": () => gpt2(64, 0),
  "gpt-2-step-64": () => gpt2(1, 64),
  lstm,
} as const;

/** Made only when named: `npm run bench:answers` measures it. */
const DECODERS = { "gpt-2-decoder": gpt2Decoder } as const;

const [folder, ...names] = process.argv.slice(2);
if (folder === undefined) throw new Error("give a folder");
mkdirSync(folder, { recursive: true });
for (const [name, make] of Object.entries({ ...MODELS, ...DECODERS })) {
  if (names.length > 0 ? !names.includes(name) : name in DECODERS) continue;
  const bytes = make().encode();
  writeFileSync(join(folder, `${name}.onnx`), bytes);
  console.log(`${name}: ${(bytes.length / 1e6).toFixed(1)} MB`);
}
