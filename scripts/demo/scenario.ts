import type { ContractTransactionResponse } from "ethers";
import { readFile } from "node:fs/promises";

import { readInputs } from "../../runner/files/model.ts";
import { answerStageOf } from "../../runner/protocol/enums.ts";
import { type Tensor, tensorFrom } from "../../runner/machine/tensor.ts";
import { DigitReader__factory, NextCharacter__factory } from "../../typechain-types/index.ts";
import type { ConsumerTermsStruct } from "../../typechain-types/consumers/DigitReader.ts";
import type { Signer } from "../../services/chain/connection.ts";
import type { Suite } from "../../services/chain/deployment.ts";
import { execute, type HostedModel, joinTensors, type Run } from "../../services/models/models.ts";

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
  readonly prepare: (hosted: HostedModel) => Promise<Question>;
}

/** A question made of real input. */
export interface Question {
  readonly inputs: readonly Tensor[];
  readonly picture: Picture;
  /** Names of the classes, in the order of their scores. */
  readonly classes: readonly string[];
  /** Index of the class that a person would give. */
  readonly expected: number;
  /** Scores or probabilities of the classes in a run. */
  readonly scores: (run: Run) => readonly number[];
  /** Deploys the contract that asks under these terms and is called back. */
  readonly consumer: (suite: Suite, requester: Signer, terms: ConsumerTermsStruct) => Promise<Consumer>;
  /** What else the asker does with the answer, in one sentence; empty for nothing. */
  readonly epilogue: () => Promise<string>;
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
  readonly value: number;
  readonly final: boolean;
}

/** Index of the highest score, the first of equal ones. */
export const highest = (scores: readonly number[]): number =>
  scores.reduce((best, score, i) => (score > (scores[best] ?? NaN) ? i : best), 0);

const DIGIT = 7;
const digits: Omit<Scenario, "files"> = {
  title: "Which digit is this?",
  noun: "digit",
  prepare: ({ model }) => {
    const inputs = readInputs(model, "image", [`image=models/digits/images/digit-${String(DIGIT)}.npy`]);
    return Promise.resolve({
      inputs,
      picture: { kind: "pixels", width: 8, values: Array.from(inputs[0]?.data ?? [], Number) },
      classes: Array.from({ length: 10 }, (_, i) => String(i)),
      expected: DIGIT,
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
            return { known, value: Number(digit), final: answerStageOf(stage) === "final" };
          },
        };
      },
      epilogue: () => Promise.resolve(""),
    });
  },
};

/** Characters that the text model sees, as its README says. */
const PLACES = 32;
const PROMPT = "Which is heavier, tin or gold? ";
const CONTINUATION = "Gold is heavier.";

const text: Scenario = {
  files: ["models/text/text.onnx"],
  title: "Which character comes next?",
  noun: "character",
  prepare: async (hosted) => {
    const vocabulary = JSON.parse(await readFile("models/text/vocab.json", "utf8")) as string[];
    // A line begins with a newline, token 0, which also fills the places behind it.
    const window = (so: string): { readonly inputs: readonly Tensor[]; readonly place: number } => {
      const line = `\n${so}`;
      const shown = line.slice(8 * Math.ceil(Math.max(0, line.length - PLACES) / 8));
      const tokens = Array.from(shown.padEnd(PLACES, "\n"), (character) => BigInt(vocabulary.indexOf(character)));
      return { inputs: [tensorFrom("i64", tokens)], place: shown.length - 1 };
    };
    const row = ({ outputs }: Run, place: number): readonly number[] =>
      Array.from(outputs[0]?.data ?? [], Number).slice(place * vocabulary.length, (place + 1) * vocabulary.length);
    const { inputs, place } = window(PROMPT);
    return {
      inputs,
      picture: { kind: "text", text: PROMPT },
      classes: vocabulary,
      expected: vocabulary.indexOf(CONTINUATION.charAt(0)),
      scores: (run) => softmax(row(run, place)),
      consumer: async ({ market }, requester, terms) => {
        const contract = await new NextCharacter__factory(requester).deploy(market, terms, vocabulary.length);
        return {
          name: "NextCharacter",
          address: await contract.getAddress(),
          ask: (inputs) => contract.ask(inputs, place),
          reclaim: (requestId) => contract.reclaim(requestId),
          readingOf: async (requestId) => {
            const { token, stage, known } = await contract.readingOf(requestId);
            return { known, value: Number(token), final: answerStageOf(stage) === "final" };
          },
        };
      },
      epilogue: async () => {
        let line = PROMPT;
        while (line.length < 2 * PLACES) {
          const next = window(line);
          const run = await execute(hosted, joinTensors(next.inputs));
          const character = vocabulary[highest(row(run, next.place))] ?? "\n";
          if (character === "\n") break;
          line += character;
        }
        return `Asked again and again, off chain, it writes: ${line}`;
      },
    };
  },
};

const softmax = (scores: readonly number[]): readonly number[] => {
  const top = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
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
