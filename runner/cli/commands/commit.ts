import { commitModel } from "../../commitment/model.ts";
import { commitOnThreads } from "../../commitment/threads.ts";
import { saveTrace } from "../../inspection/trace-file.ts";
import type { CommandContext, CommandResult } from "../context.ts";
import { executeModel } from "../execute.ts";
import { readInputs, readModel } from "../../files/model.ts";
import { parseShapes } from "../options.ts";
import { list } from "../table.ts";

export interface CommitOptions {
  readonly input: readonly string[];
  readonly shape: readonly string[];
  readonly store: string;
}

/** `assay commit MODEL`: executes a model and keeps every kernel's output, ready for a challenge. */
export async function commit(path: string, options: CommitOptions, context: CommandContext): Promise<CommandResult> {
  const { model } = readModel(path, parseShapes(options.shape), context);
  const inputs = readInputs(model, "--input", options.input);
  const commitment = await commitModel(model.program, model.constants, { ...context, commit: commitOnThreads() });
  const trace = await executeModel(model, inputs, context);
  const saved = await saveTrace(options.store, commitment, model.program, { inputs, trace }, context);
  const { file } = saved;
  const data = {
    commitment: file.commitment,
    inputRoot: file.inputRoot,
    outputRoot: file.outputRoot,
    traceRoot: file.traceRoot,
    trace: saved.path,
  };
  const text = list([
    ["model commitment", file.commitment],
    ["input root", file.inputRoot],
    ["output root", file.outputRoot],
    ["trace root", file.traceRoot],
    ["trace", saved.path],
  ]);
  return { exitCode: 0, data, text };
}
