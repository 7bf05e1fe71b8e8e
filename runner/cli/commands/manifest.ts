import { commitModel } from "../../commitment/model.ts";
import { commitOnThreads } from "../../commitment/threads.ts";
import { writeFileAtomic } from "../../files/write.ts";
import { manifestFile, type ManifestFile } from "../../inspection/manifest-file.ts";
import type { CommandContext, CommandResult } from "../context.ts";
import { readModel } from "../../files/model.ts";
import { parseShapes, type Shapes } from "../options.ts";
import { list } from "../table.ts";
import { commitments } from "./inspect.ts";

export interface ManifestOptions {
  readonly shape: readonly string[];
  readonly out?: string;
}

/** `assay manifest MODEL`: what a publisher publishes with the file, so that anyone can verify it part by part. */
export async function manifest(
  path: string,
  options: ManifestOptions,
  context: CommandContext,
): Promise<CommandResult> {
  const compiled = await compileManifest(path, parseShapes(options.shape), context);
  const json = `${JSON.stringify(compiled, null, 2)}\n`;
  if (options.out === undefined) return { exitCode: 0, data: compiled, text: json.trimEnd() };
  writeFileAtomic(options.out, json);
  const text = list([...commitments(compiled.commitment, compiled.manifest), ["written to", options.out]]);
  return { exitCode: 0, data: { file: options.out, commitment: compiled.commitment }, text };
}

/** The manifest file of a model, compiled here. For `defaults` see `readModel`. */
export async function compileManifest(
  path: string,
  shapes: Shapes,
  context: CommandContext,
  defaults: Shapes["shapes"] = {},
): Promise<ManifestFile> {
  const { model, file } = readModel(path, shapes, context, defaults);
  const commitment = await commitModel(model.program, model.constants, { ...context, commit: commitOnThreads() });
  return manifestFile(commitment, model, file.all(), { ...defaults, ...shapes.shapes });
}
