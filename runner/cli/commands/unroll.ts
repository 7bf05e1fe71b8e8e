import { dirname, resolve } from "node:path";

import { readBytes } from "../../files/read.ts";
import { writeFileAtomic } from "../../files/write.ts";
import { unrollDecoder } from "../../onnx/decoder/unroll.ts";
import type { Sampling } from "../../onnx/decoder/sampling.ts";
import { decodeModel } from "../../onnx/file/decode.ts";
import type { CommandResult } from "../context.ts";
import { parseCount, parseNumber, parseShapes, usage } from "../options.ts";
import { count, list } from "../table.ts";

/** What says how a decoder answers. */
export interface AnswerOptions {
  readonly shape: readonly string[];
  readonly promptLength?: string;
  readonly tokens: string;
  readonly temperature?: string;
  readonly topK?: string;
  readonly end: readonly string[];
}

export interface UnrollCommandOptions extends AnswerOptions {
  readonly promptLength: string;
  readonly out: string;
}

/** `assay unroll MODEL`: a decoder with cached keys and values as one model that answers with so many tokens. */
export function unroll(path: string, options: UnrollCommandOptions): Promise<CommandResult> {
  const bytes = readBytes(path);
  expectReachable(bytes, path, options.out);
  const file = unrollDecoder(bytes, answerOptions(options, parseCount("--prompt-length", options.promptLength)));
  writeFileAtomic(options.out, file);
  const data = { file: options.out, bytes: file.length };
  const text = list([
    ["written to", options.out],
    ["bytes", count(file.length)],
  ]);
  return Promise.resolve({ exitCode: 0, data, text });
}

/** The options of the command line as the library takes them. @throws AssayError USAGE. */
export function answerOptions(options: AnswerOptions, promptLength: number): Parameters<typeof unrollDecoder>[1] {
  return {
    promptLength,
    tokens: parseCount("--tokens", options.tokens),
    sampling: samplingOf(options),
    endTokens: options.end.map((token) => parseCount("--end", token, 0)),
    sizes: parseShapes(options.shape).shapes,
  };
}

function samplingOf({ temperature, topK }: AnswerOptions): Sampling {
  if (temperature === undefined) {
    if (topK !== undefined) throw usage("--top-k", "is of no use without --temperature");
    return { kind: "greedy" };
  }
  const random = { kind: "random", temperature: parseNumber("--temperature", temperature) } as const;
  return topK === undefined ? random : { ...random, topK: parseCount("--top-k", topK) };
}

/** Weights in files of their own are found from the folder of the model only. */
function expectReachable(bytes: Uint8Array, path: string, out: string): void {
  const outside = decodeModel(bytes).graph?.initializer.some(({ data_location: location }) => location === 1) ?? false;
  if (outside && dirname(resolve(path)) !== dirname(resolve(out))) {
    throw usage("--out", `must be in the folder of ${path}, beside the files of its weights`);
  }
}
