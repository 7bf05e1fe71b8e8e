import type { ContractTransactionResponse } from "ethers";
import { readFileSync } from "node:fs";

import { readInputs } from "../../runner/files/model.ts";
import { answerStageOf } from "../../runner/protocol/enums.ts";
import { type Tensor, tensorFrom } from "../../runner/machine/tensor.ts";
import { DigitReader__factory, SentenceReader__factory } from "../../typechain-types/index.ts";
import type { ConsumerTermsStruct } from "../../typechain-types/consumers/DigitReader.ts";
import type { Signer } from "../../services/chain/connection.ts";
import type { Suite } from "../../services/chain/deployment.ts";
import type { HostedModel, Run } from "../../services/models/models.ts";
import { changeOneToken, flipOneBit, type Forgery, type Wanted } from "../../testing/forgeries.ts";

/** What is asked, as people see it. */
export type Picture =
  | { readonly kind: "pixels"; readonly width: number; readonly values: readonly number[] }
  | { readonly kind: "text"; readonly text: string };

/** One question to a model, and how to read what it answers: everything that differs between the demo's models. */
export interface Scenario {
  /** Model files in the order of publication; each one descends from the one before it. */
  readonly files: readonly string[];
  /** Says what is asked: "Which digit is this?" */
  readonly title: string;
  /** The noun of an answer: "digit". */
  readonly noun: string;
  /** The second forgery, the first being one changed weight. */
  readonly forgery: {
    readonly title: string;
    readonly forge: (hosted: HostedModel, honest: Run, wanted: Wanted) => Promise<Forgery>;
  };
  readonly prepare: (hosted: HostedModel) => Promise<Question>;
}

/** A question made of real input. */
export interface Question {
  readonly inputs: readonly Tensor[];
  readonly picture: Picture;
  /** The answer that a person would give. */
  readonly expected: string;
  /** What a run answers. */
  readonly answerOf: (run: Run) => string;
  /** Names of the classes, in the order of their scores; none where the answer is not one of a few. */
  readonly classes: readonly string[];
  /** Scores or probabilities of the classes in a run. */
  readonly scores: (run: Run) => readonly number[];
  /** Deploys the contract that asks under these terms and is called back. */
  readonly consumer: (suite: Suite, requester: Signer, terms: ConsumerTermsStruct) => Promise<Consumer>;
}

/** A contract that asks. */
export interface Consumer {
  readonly name: string;
  readonly address: string;
  readonly ask: (inputs: Uint8Array) => Promise<ContractTransactionResponse>;
  /** Gives the asker what a request that failed returned. */
  readonly reclaim: (requestId: string) => Promise<ContractTransactionResponse>;
  /** What it was called back with. */
  readonly readingOf: (requestId: string) => Promise<Reading>;
}

export interface Reading {
  readonly known: boolean;
  readonly answer: string;
  readonly final: boolean;
}

/** Index of the highest score, the first of equal ones. */
export const highest = (scores: readonly number[]): number =>
  scores.reduce((best, score, i) => (score > (scores[best] ?? NaN) ? i : best), 0);

const DIGIT = 7;
const digits: Omit<Scenario, "files"> = {
  title: "Which digit is this?",
  noun: "digit",
  forgery: { title: "Second forgery: one bit is flipped, deep inside", forge: flipOneBit },
  prepare: ({ model }) => {
    const inputs = readInputs(model, "image", [`image=models/digits/images/digit-${String(DIGIT)}.npy`]);
    return Promise.resolve({
      inputs,
      picture: { kind: "pixels", width: 8, values: Array.from(inputs[0]?.data ?? [], Number) },
      classes: Array.from({ length: 10 }, (_, i) => String(i)),
      expected: String(DIGIT),
      answerOf: ({ outputs }) => String(highest(Array.from(outputs[0]?.data ?? [], Number))),
      scores: ({ outputs }) => Array.from(outputs[0]?.data ?? [], Number),
      consumer: async ({ market }, requester, terms) => {
        const contract = await new DigitReader__factory(requester).deploy(market, terms);
        return {
          name: "DigitReader",
          address: await contract.getAddress(),
          ask: (inputs) => contract.ask(inputs),
          reclaim: (requestId) => contract.reclaim(requestId),
          readingOf: async (requestId) => {
            const { digit, stage, known } = await contract.readingOf(requestId);
            return { known, answer: String(digit), final: answerStageOf(stage) === "final" };
          },
        };
      },
    });
  },
};

const PROMPT = "Which is heavier, tin or gold?";

const text: Scenario = {
  files: ["models/text/answer.onnx"],
  title: "What does the model say?",
  noun: "sentence",
  forgery: { title: "Second forgery: one token is changed, in the middle", forge: changeOneToken },
  prepare: ({ model }) => {
    const vocabulary = JSON.parse(readFileSync("models/text/vocab.json", "utf8")) as string[];
    const [places = 0] = model.inputs.map(({ shape }) => shape[1] ?? 0);
    // A line begins with a newline, token 0, which also fills the places in front of it.
    const prompt = Array.from(`\n${PROMPT}`, (character) => vocabulary.indexOf(character));
    const filling = Array.from({ length: places - prompt.length }, () => 0);
    const mask = [...filling, ...prompt.map(() => 1)];
    const sentence = ({ outputs }: Run): string => {
      const tokens = Array.from(outputs[0]?.data ?? [], Number);
      return tokens
        .slice(0, [...tokens, 0].indexOf(0))
        .map((token) => vocabulary[token] ?? "?")
        .join("");
    };
    return Promise.resolve({
      inputs: [tensorFrom("i64", [...filling, ...prompt]), tensorFrom("i64", mask)],
      picture: { kind: "text", text: PROMPT },
      expected: " Gold is heavier.",
      answerOf: sentence,
      classes: [],
      scores: () => [],
      consumer: async ({ market }, requester, terms) => {
        const contract = await new SentenceReader__factory(requester).deploy(market, terms, vocabulary.join(""));
        return {
          name: "SentenceReader",
          address: await contract.getAddress(),
          ask: (inputs) => contract.ask(inputs),
          reclaim: (requestId) => contract.reclaim(requestId),
          readingOf: async (requestId) => {
            const { sentence: answer, stage, known } = await contract.readingOf(requestId);
            return { known, answer, final: answerStageOf(stage) === "final" };
          },
        };
      },
    });
  },
};

const F32 = "models/digits/digits.onnx?N=1";

/** The demo's models by the name that `--model` takes. */
export const SCENARIOS = {
  digits: { ...digits, files: [F32] },
  int8: { ...digits, files: [F32, "models/digits/digits.int8.onnx?N=1"] },
  text,
} as const satisfies Readonly<Record<string, Scenario>>;

/** A name that `--model` takes. */
export type ScenarioName = keyof typeof SCENARIOS;
