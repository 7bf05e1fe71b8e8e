import { basename } from "node:path";

import { wasm } from "../../runner/backends/wasm/wasm.ts";
import { type Executable, prepareProgram } from "../../runner/backends/backend.ts";
import { commitModel, type ModelCommitment } from "../../runner/commitment/model.ts";
import { commitOnThreads } from "../../runner/commitment/threads.ts";
import { readModel } from "../../runner/files/model.ts";
import type { Model } from "../../runner/onnx/import/import.ts";
import type { TaskOptions } from "../../runner/task.ts";
import type { Ledger, RequestView } from "../chain/ledger.ts";
import { invalid, type OptionName, sizesOption } from "../environment/options.ts";
import { executePrepared, type Prepared, type Run } from "./run.ts";

export { type Answer, bytesOfTensors, joinTensors, type Run, splitTensors } from "./run.ts";

/** A model file compiled, committed and ready to run. */
export interface HostedModel {
  readonly name: string;
  readonly path: string;
  readonly model: Model;
  readonly commitment: ModelCommitment;
  readonly executable: Executable;
}

/** The model that a request asks, if it is one of these. */
export const modelFor = (
  models: readonly HostedModel[],
  ledger: Ledger,
  { request }: RequestView,
): HostedModel | undefined => {
  const wanted = ledger.commitmentOf(String(request.versionId));
  return models.find(({ commitment }) => commitment.commitment === wanted);
};

/**
 * Compiles a model file. `spec` is its path, with the sizes of symbolic dimensions behind `?`: `model.onnx?N=1`.
 * @param name Option that the path is from, for errors.
 * @throws AssayError OPTION_INVALID, FILE_UNREADABLE and those of the importer.
 */
export async function hostModel(
  spec: string,
  options?: TaskOptions,
  name: OptionName = "ASSAY_MODEL",
): Promise<HostedModel> {
  const [path = "", sizes = ""] = spec.split("?");
  return await compileModel(basename(path), path, sizesOption(name, sizes), options);
}

/** Compiles a model file; `shapes` has the sizes of symbolic dimensions. @throws as `hostModel` does. */
export async function compileModel(
  name: string,
  path: string,
  shapes: Readonly<Record<string, number>>,
  options?: TaskOptions,
): Promise<HostedModel> {
  const { model } = readModel(path, { shapes }, options);
  const commitment = await commitModel(model.program, model.constants, { ...options, commit: commitOnThreads() });
  return { name, path, model, commitment, executable: prepareProgram(model.program, wasm) };
}

/** Models listed with `;` between them. */
export async function hostModels(list: string, options?: TaskOptions): Promise<readonly HostedModel[]> {
  const models: HostedModel[] = [];
  for (const spec of list.split(";").filter((part) => part !== "")) {
    models.push(await hostModel(spec, options, "ASSAY_MODELS"));
  }
  if (models.length === 0) throw invalid("ASSAY_MODELS", list, "give model files, with ; between them");
  return models;
}

/** A hosted model as what executes it takes it. */
export const prepared = ({ name, executable, model }: HostedModel): Prepared => ({
  name: `input of ${name}`,
  executable,
  constants: model.constants,
});

/** Executes a model on the bytes of its inputs, in order and without gaps, and keeps the whole trace. */
export async function execute(hosted: HostedModel, inputs: Uint8Array, options?: TaskOptions): Promise<Run> {
  return await executePrepared(prepared(hosted), inputs, options);
}
