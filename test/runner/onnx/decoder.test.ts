import { expect } from "chai";
import { readFileSync } from "node:fs";

import { prepareProgram } from "../../../runner/backends/backend.ts";
import { wasm } from "../../../runner/backends/wasm/wasm.ts";
import { item } from "../../../runner/items.ts";
import { type Tensor, tensorFrom } from "../../../runner/machine/tensor.ts";
import { importModel, type Model, unrollDecoder, type UnrollOptions } from "../../../runner/onnx/index.ts";
import { ort } from "../../../testing/onnxruntime.ts";
import { f32, i64, onnxFile, type TestModel } from "../../../testing/onnx-model.ts";

const FILE = readFileSync("models/text/decoder.onnx");
const CACHES = ["0.key", "0.value", "1.key", "1.value"];
const PROMPT = [0, 0, 0, 0, 28, 47, 2, 35, 43, 40];
const MASK = [0, 0, 0, 1, 1, 1, 1, 1, 1, 1];
const TOKENS = 4;
const PAST = [1, 2, 0, 16];

const answer = async (model: Model, seed = 0): Promise<number[]> => {
  const data: Readonly<Record<string, readonly number[]>> = { input_ids: PROMPT, attention_mask: MASK, seed: [seed] };
  const inputs = model.inputs.map(({ name, dtype }) => tensorFrom(dtype, data[name] ?? []));
  const [tokens] = await prepareProgram(model.program, wasm).infer(inputs, model.constants);
  return Array.from(tokens?.data ?? [], Number);
};

const unrolled = (options: Partial<UnrollOptions> = {}): Model =>
  importModel(unrollDecoder(FILE, { promptLength: PROMPT.length, tokens: TOKENS, ...options }));

const places = (mask: readonly number[]): number[] => {
  let seen = 0;
  return mask.map((given) => (given === 1 ? seen++ : 0));
};

/** Index of the highest of the last row of scores, the first of equals. */
const likeliest = (scores: ArrayLike<number>, vocabulary: number): number => {
  const last = Array.from(scores).slice(-vocabulary);
  return last.indexOf(Math.max(...last));
};

/** One run of the decoder by itself, by the runner: inputs of its shapes, outputs with the caches. */
const runStep = async (
  ids: readonly number[],
  mask: readonly number[],
  positions: readonly number[],
  caches: readonly Tensor[],
): Promise<readonly Tensor[]> => {
  const past = mask.length - ids.length;
  const empty = Object.fromEntries(
    CACHES.map((name) => [`past_key_values.${name}`, { element: "f32" as const, shape: PAST }]),
  );
  const model = importModel(FILE, {
    inputShapes: {
      input_ids: [1, ids.length],
      attention_mask: [1, mask.length],
      position_ids: [1, ids.length],
      ...Object.fromEntries(CACHES.map((name) => [`past_key_values.${name}`, [1, 2, past, 16]])),
    },
    ...(past === 0 && { fixed: empty }),
  });
  const inputs = [tensorFrom("i64", ids), tensorFrom("i64", mask), tensorFrom("i64", positions), ...caches];
  return await prepareProgram(model.program, wasm).infer(inputs, model.constants);
};

const alone = async (): Promise<number[]> => {
  const tokens: number[] = [];
  let [ids, mask, positions, caches]: [number[], number[], number[], readonly Tensor[]] = [
    PROMPT,
    MASK,
    places(MASK),
    [],
  ];
  for (let step = 0; step < TOKENS; step++) {
    const [logits, ...presents] = await runStep(ids, mask, positions, caches);
    const token = likeliest((logits?.data ?? []) as ArrayLike<number>, 52);
    tokens.push(token);
    [ids, mask, caches] = [[token], [...mask, 1], presents];
    positions = places(mask).slice(-1);
  }
  return tokens;
};

const onnxruntimeAlone = async (): Promise<number[]> => {
  const session = await ort.InferenceSession.create(FILE, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "disabled",
  });
  const row = (values: readonly number[]): ort.Tensor =>
    new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
  const tokens: number[] = [];
  let caches = CACHES.map(() => new ort.Tensor("float32", new Float32Array(0), PAST));
  let [ids, mask, positions]: [number[], number[], number[]] = [PROMPT, MASK, places(MASK)];
  for (let step = 0; step < TOKENS; step++) {
    const feeds = { input_ids: row(ids), attention_mask: row(mask), position_ids: row(positions) };
    const past = Object.fromEntries(CACHES.map((name, i) => [`past_key_values.${name}`, item(caches, i)]));
    const results = await session.run({ ...feeds, ...past });
    const token = likeliest(results.logits?.data as Float32Array, 52);
    tokens.push(token);
    caches = CACHES.map((name) => results[`present.${name}`] as (typeof caches)[number]);
    [ids, mask] = [[token], [...mask, 1]];
    positions = places(mask).slice(-1);
  }
  await session.release();
  return tokens;
};

/** A decoder without layers: scores are rows of a table, chosen by the last token; its cache only grows. */
const counter = (inputs: TestModel["inputs"] = {}, past = "past_key_values.0.key"): Uint8Array =>
  onnxFile({
    inputs: { input_ids: i64([1, "n"]), ...inputs, [past]: f32([1, 1, "p", 1]) },
    constants: {
      // After token t comes (t + 1) mod 4.
      table: f32(
        [4, 4],
        Array.from({ length: 16 }, (_, i) => (((i >> 2) + 1) % 4 === i % 4 ? 1 : 0)),
      ),
      shape: i64([4], [1, 1, -1, 1]),
    },
    nodes: [
      { op: "Gather", in: ["table", "input_ids"], out: ["logits"] },
      { op: "Cast", in: ["input_ids"], out: ["float"], attributes: { to: 1 } },
      { op: "Reshape", in: ["float", "shape"], out: ["new"] },
      { op: "Concat", in: [past, "new"], out: ["present.0.key"], attributes: { axis: 2 } },
    ],
    outputs: ["logits", "present.0.key"],
  });

describe("unrollDecoder", () => {
  describe("given a decoder as PyTorch exports it", () => {
    it("gives the tokens of the decoder run by itself, step by step, by the runner and by onnxruntime-web", async () => {
      const expected = await alone();
      expect(await answer(unrolled())).to.deep.equal(expected);
      expect(await onnxruntimeAlone()).to.deep.equal(expected);
    });

    it("has every weight once, whatever the number of tokens", () => {
      const bytes = (tokens: number): number =>
        unrolled({ tokens }).constants.reduce((sum, { data }) => sum + data.byteLength, 0);
      expect(bytes(4) - bytes(2)).to.be.below(2_000);
    });

    it("repeats the token that ended the answer", async () => {
      const free = await answer(unrolled());
      const end = item(free, 2);
      const first = free.indexOf(end);
      const expected = free.map((token, i) => (i > first ? end : token));
      expect(await answer(unrolled({ endTokens: [51, end] }))).to.deep.equal(expected);
    });

    it("draws other tokens with another seed, and the likeliest with topK = 1", async () => {
      const random = { kind: "random", temperature: 2 } as const;
      const model = unrolled({ sampling: random });
      expect(await answer(model, 1)).not.to.deep.equal(await answer(model, 2));
      const one = unrolled({ sampling: { ...random, topK: 1 }, tokens: 2 });
      expect(await answer(one, 7)).to.deep.equal(await answer(unrolled({ tokens: 2 })));
    });

    it("draws what onnxruntime-web draws from the same file", async () => {
      const options = { promptLength: PROMPT.length, tokens: TOKENS, vocabulary: 52 };
      const file = unrollDecoder(FILE, { ...options, sampling: { kind: "random", temperature: 1.5, topK: 9 } });
      const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
      const row = (values: readonly number[], shape: readonly number[]): ort.Tensor =>
        new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape);
      const { tokens } = await session.run({
        input_ids: row(PROMPT, [1, 10]),
        attention_mask: row(MASK, [1, 10]),
        seed: row([99], [1]),
      });
      await session.release();
      expect(await answer(importModel(file), 99)).to.deep.equal(Array.from(tokens?.data as BigInt64Array, Number));
    });
  });

  describe("given other names and inputs", () => {
    it("takes a decoder without a mask and without positions", async () => {
      const model = importModel(unrollDecoder(counter(), { promptLength: 10, tokens: 5 }));
      expect(model.inputs.map(({ name }) => name)).to.deep.equal(["input_ids"]);
      // The last token of the prompt is outside the table, whose scores are then all 0.
      expect(await answer(model)).to.deep.equal([0, 1, 2, 3, 0]);
    });

    it("refuses a model without a cache, by the names of its inputs", () => {
      const file = onnxFile({
        inputs: { input_ids: i64([1, "n"]) },
        nodes: [{ op: "Cast", in: ["input_ids"], out: ["logits"], attributes: { to: 1 } }],
        outputs: ["logits"],
      });
      const reason = /not a decoder with cached keys and values: it has no inputs past_key_values.*it has input_ids/;
      expect(() => unrollDecoder(file, { promptLength: 1, tokens: 1 })).to.throw(reason);
    });

    it("refuses an input that it does not know", () => {
      const file = counter({ encoder_hidden_states: f32([1, 4]) });
      const reason = /nothing says what its input "encoder_hidden_states" is/;
      expect(() => unrollDecoder(file, { promptLength: 1, tokens: 1 })).to.throw(reason);
    });

    it("refuses a cache whose present is missing", () => {
      expect(() => unrollDecoder(counter({}, "past_key_values.1.key"), { promptLength: 1, tokens: 1 })).to.throw(
        /no output goes with its input "past_key_values.1.key"/,
      );
    });

    for (const [what, options, reason] of [
      ["no tokens", { tokens: 0 }, /tokens is 0, outside 1 to 4096/],
      ["too many tokens", { tokens: 5000 }, /tokens is 5000, outside 1 to 4096/],
      ["a prompt of no places", { promptLength: 0 }, /promptLength is 0/],
      ["a negative end token", { endTokens: [-1] }, /an end token is -1/],
      ["a temperature of 0", { sampling: { kind: "random", temperature: 0 } }, /the temperature is 0, not above 0/],
      ["no candidates", { sampling: { kind: "random", temperature: 1, topK: 0 } }, /topK is 0/],
      ["an unknown vocabulary", { sampling: { kind: "random", temperature: 1 } }, /size of the vocabulary/],
    ] as const satisfies readonly (readonly [string, Partial<UnrollOptions>, RegExp])[]) {
      it(`refuses ${what}`, () => {
        expect(() => unrollDecoder(counter(), { promptLength: 1, tokens: 1, ...options })).to.throw(reason);
      });
    }
  });
});
