import { dirname, join } from "node:path";

import { Tokenizer } from "@huggingface/tokenizers";

import { prepareProgram } from "../../backends/backend.ts";
import { wasm } from "../../backends/wasm/wasm.ts";
import { isAssayError } from "../../errors.ts";
import { malformed, readBytes, readJson, reasonOf } from "../../files/read.ts";
import { item } from "../../items.ts";
import { type Tensor, tensorFrom } from "../../machine/tensor.ts";
import { isAnswer, tokenByToken } from "../../onnx/decoder/stream.ts";
import { unrollDecoder } from "../../onnx/decoder/unroll.ts";
import { importModel, type Model } from "../../onnx/import/import.ts";
import type { CommandContext, CommandResult } from "../context.ts";
import { parseCount, usage } from "../options.ts";
import { type AnswerOptions, answerOptions } from "./unroll.ts";

export interface GenerateOptions extends AnswerOptions {
  readonly prompt: string;
  readonly tokenizer?: string;
  readonly seed: string;
  readonly json?: boolean;
}

/**
 * `assay generate MODEL --prompt TEXT`: what a decoder, or a file that `assay unroll` wrote, answers. The tokenizer is
 * Hugging Face's own and no part of the program.
 */
export async function generate(
  path: string,
  options: GenerateOptions,
  context: CommandContext,
): Promise<CommandResult> {
  const tokenizer = readTokenizer(options.tokenizer ?? join(dirname(path), "tokenizer.json"));
  const { ids } = tokenizer.encode(options.prompt);
  const bytes = readBytes(path);
  const file = isAnswer(bytes)
    ? bytes
    : unrollDecoder(
        bytes,
        answerOptions(options, parseCount("--prompt-length", options.promptLength ?? String(ids.length))),
      );
  const model = importModel(tokenByToken(file), { path, signal: context.signal });
  const inputs = inputsOf(model, ids, BigInt(parseCount("--seed", options.seed, 0)));
  const ends = new Set(options.end.map((token) => parseCount("--end", token, 0)));

  const tokens: number[] = [];
  let written = "";
  const ended = new AbortController();
  const onOutput = (output: Tensor): void => {
    if (ended.signal.aborted) return;
    const token = Number(output.data[0]);
    if (ends.has(token)) {
      ended.abort();
      return;
    }
    tokens.push(token);
    const text = tokenizer.decode(tokens);
    // The last token may hold only a part of a character.
    if (text.endsWith("\ufffd") || !text.startsWith(written)) return;
    if (options.json !== true) context.write?.(text.slice(written.length));
    written = text;
  };
  const executable = prepareProgram(model.program, wasm);
  const signal = AbortSignal.any([context.signal, ended.signal]);
  try {
    await executable.infer(inputs, model.constants, { signal, onOutput });
  } catch (error) {
    if (!ended.signal.aborted || context.signal.aborted || !isAssayError(error, "ABORTED")) throw error;
  }
  const text = tokenizer.decode(tokens);
  return { exitCode: 0, data: { prompt: options.prompt, text, tokens }, text: text.slice(written.length) };
}

function readTokenizer(path: string): Tokenizer {
  const json = readJson(path);
  try {
    return new Tokenizer(Object(json) as object, {});
  } catch (error) {
    throw malformed(path, `is not a tokenizer: ${reasonOf(error)}`, error);
  }
}

/** The prompt at the end of its places, with filling in front that the mask keeps out of sight. */
function inputsOf(model: Model, ids: readonly number[], seed: bigint): readonly Tensor[] {
  const places = item(
    item(
      model.inputs,
      model.inputs.findIndex(({ name }) => name === "input_ids"),
    ).shape,
    1,
  );
  const masked = model.inputs.some(({ name }) => name === "attention_mask");
  if (ids.length < 1 || ids.length > places || (!masked && ids.length !== places)) {
    const takes = masked ? `at most ${String(places)}` : `exactly ${String(places)}`;
    throw usage("--prompt", `is ${String(ids.length)} tokens, and the model takes ${takes}`);
  }
  const filling = Array.from({ length: places - ids.length }, () => 0);
  const data: Readonly<Record<string, readonly (number | bigint)[]>> = {
    input_ids: [...filling, ...ids],
    attention_mask: [...filling, ...ids.map(() => 1)],
    seed: [seed],
  };
  return model.inputs.map(({ name, dtype }) => tensorFrom(dtype, data[name] ?? []));
}
