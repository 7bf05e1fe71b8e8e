import { join } from "node:path";

import { item } from "../../items.ts";
import { commitModel } from "../../commitment/model.ts";
import { commitOnThreads } from "../../commitment/threads.ts";
import { commitEnds, commitTrace } from "../../commitment/trace.ts";
import { encodeJson } from "../../files/json.ts";
import { encodeNpy } from "../../files/npy.ts";
import { writeFileAtomic } from "../../files/write.ts";
import type { Tensor } from "../../machine/tensor.ts";
import type { Port } from "../../onnx/import/import.ts";
import type { CommandContext, CommandResult } from "../context.ts";
import { executeModel, inferModel, outputsOf } from "../execute.ts";
import { readInputs, readModel } from "../../files/model.ts";
import { parseShapes } from "../options.ts";
import { list } from "../table.ts";

export interface InferOptions {
  readonly input: readonly string[];
  readonly shape: readonly string[];
  readonly outputDir?: string;
  readonly trace?: boolean;
}

/** `assay infer MODEL`: runs a model; outputs as .npy files, and the roots that a claim names. */
export async function infer(path: string, options: InferOptions, context: CommandContext): Promise<CommandResult> {
  const { model } = readModel(path, parseShapes(options.shape), context);
  const inputs = readInputs(model, "--input", options.input);
  const { commitment } = await commitModel(model.program, model.constants, { ...context, commit: commitOnThreads() });
  // A trace takes longer, and memory for the outputs of all kernels.
  const trace = options.trace === true ? await executeModel(model, inputs, context) : undefined;
  const results = trace ? outputsOf(model, trace) : await inferModel(model, inputs, context);
  const ends = await commitEnds(inputs, results, context);
  const traceRoot = trace && (await commitTrace(trace, context)).root;

  const folder = options.outputDir;
  const names = fileNames(model.outputs);
  const outputs = results.map((tensor, i) => {
    const port = item(model.outputs, i);
    const file = folder === undefined ? undefined : join(folder, item(names, i));
    return { port, tensor, file };
  });
  for (const { port, tensor, file } of outputs) {
    if (file !== undefined) writeFileAtomic(file, encodeNpy(tensor, port.shape, port.element));
  }

  const data = {
    commitment,
    ...ends,
    ...(traceRoot === undefined ? {} : { traceRoot }),
    outputs: outputs.map(({ port: { name, element, shape }, tensor, file }) =>
      file === undefined ? { name, element, shape, values: encodeJson(tensor, shape) } : { name, element, shape, file },
    ),
  };
  const text = list([
    ...outputs.map(({ port, tensor, file }): [string, string] => [port.name, file ?? preview(port, tensor)]),
    ["model commitment", commitment],
    ["input root", ends.inputRoot],
    ["output root", ends.outputRoot],
    ...(traceRoot === undefined ? [] : [["trace root", traceRoot] as [string, string]]),
  ]);
  return { exitCode: 0, data, text };
}

/**
 * A file name for each output: the output's name without unsafe characters, with its number in front when names collide.
 */
export function fileNames(ports: readonly Pick<Port, "name">[]): readonly string[] {
  const safe = ports.map(
    ({ name }) =>
      name
        .replace(/[^\w.-]/g, "_")
        .replace(/^\.+/, "_")
        .slice(0, 100) || "output",
  );
  return safe.map((name, i) => {
    // Some file systems do not distinguish upper and lower case.
    const alone = safe.filter((other) => other.toLowerCase() === name.toLowerCase()).length === 1;
    return alone ? `${name}.npy` : `${i}-${name}.npy`;
  });
}

const SHOWN = 12;

function preview({ element, shape }: Port, { data }: Tensor): string {
  const shown = Array.from({ length: Math.min(SHOWN, data.length) }, (_, i) => format(item<number | bigint>(data, i)));
  const more = data.length > SHOWN ? ` … ${data.length - SHOWN} more` : "";
  return `${element} [${shape.join(", ")}]  ${shown.join(" ")}${more}`;
}

const format = (value: number | bigint): string =>
  typeof value === "bigint" || Number.isInteger(value) ? value.toString() : Number(value.toPrecision(6)).toString();
