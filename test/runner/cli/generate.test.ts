import { readFileSync } from "node:fs";

import { expect } from "chai";

import { item } from "../../../runner/items.ts";
import { useFolder } from "../files/support.ts";
import { assay, jsonOf } from "./support.ts";

const DECODER = "models/text/decoder.onnx";
const [{ question, answer }] = JSON.parse(readFileSync("models/text/answers.json", "utf8")) as readonly [
  { readonly question: string; readonly answer: string },
];

describe("assay unroll and assay generate", () => {
  const folder = useFolder();

  it("print the answer of a decoder as text, up to the token that ends it", async () => {
    const outcome = await assay("generate", DECODER, "--prompt", question, "--tokens", "24", "--end", "0");
    expect(outcome).to.deep.equal({ exitCode: 0, stdout: `${answer}\n`, stderr: "" });
  });

  it("write the published model again, byte for byte, which gives the same answer", async () => {
    const out = folder.path("answer.onnx");
    const sizes = ["--prompt-length", "40", "--tokens", "24", "--end", "0"];
    const { exitCode, stderr } = await assay("unroll", DECODER, ...sizes, "--out", out);
    expect([exitCode, stderr]).to.deep.equal([0, ""]);
    expect(readFileSync(out).equals(readFileSync("models/text/answer.onnx"))).to.equal(true);
    const common = ["--prompt", question, "--tokenizer", "models/text/tokenizer.json", "--end", "0"];
    expect(jsonOf(await assay("generate", out, ...common, "--json"))).to.include({ prompt: question, text: answer });
  });

  for (const { what, args, reason } of [
    { what: "a prompt without tokens", args: ["--prompt-length", "0"], reason: /--prompt-length takes a whole number/ },
    { what: "a prompt beyond its places", args: ["--prompt-length", "3"], reason: /--prompt is \d+ tokens.*at most 3/ },
    { what: "a temperature of words", args: ["--temperature", "warm"], reason: /--temperature takes a number above 0/ },
    {
      what: "likeliest tokens that are not drawn from",
      args: ["--top-k", "3"],
      reason: /--top-k is of no use without/,
    },
    { what: "an end that is no token", args: ["--end", "-1"], reason: /--end takes a whole number/ },
    {
      what: "a file that is no tokenizer",
      args: ["--tokenizer", "models/text/vocab.json"],
      reason: /is not a tokenizer/,
    },
  ]) {
    it(`refuse ${what}`, async () => {
      const { exitCode, stderr } = await assay("generate", DECODER, "--prompt", question, "--tokens", "2", ...args);
      expect(exitCode).to.equal(2);
      expect(stderr).to.match(reason);
    });
  }

  it("refuse a model that is not a decoder", async () => {
    const args = ["--prompt-length", "4", "--out", folder.path("x.onnx")];
    const { exitCode, stderr } = await assay("unroll", "models/digits/digits.onnx", ...args);
    expect(exitCode).to.equal(2);
    expect(stderr).to.match(/not a decoder with cached keys and values: it has no input input_ids/);
  });

  it("draw the same text from the same seed", async () => {
    const drawn = async (seed: string): Promise<unknown> => {
      const args = ["--prompt", "A ", "--tokens", "8", "--temperature", "3", "--seed", seed, "--json"];
      return item(Object.values(jsonOf(await assay("generate", DECODER, ...args))), 1);
    };
    expect(await drawn("1")).to.equal(await drawn("1"));
    expect(await drawn("1")).not.to.equal(await drawn("2"));
  });
});
