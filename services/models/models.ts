import { basename } from "node:path";

import { wasm } from "../../runner/backends/wasm/wasm.ts";
import { type Executable, prepareProgram } from "../../runner/backends/backend.ts";
import { commitModel, type ModelCommitment } from "../../runner/commitment/model.ts";
import { readModel } from "../../runner/files/model.ts";
import type { Model } from "../../runner/onnx/import/import.ts";
import type { TaskOptions } from "../../runner/task.ts";
import type { Ledger, RequestView } from "../chain/ledger.ts";
import { invalid, type OptionName, sizesOption } from "../environment/options.ts";
import { executePrepared, type Run } from "./run.ts";

export { bytesOfTensors, joinTensors, type Run, splitTensors } from "./run.ts";

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
  const commitment = await commitModel(model.program, model.constants, options);
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

/** Executes a model on the bytes of its inputs, in order and without gaps. */
export async function execute(hosted: HostedModel, inputs: Uint8Array, options?: TaskOptions): Promise<Run> {
  return await executePrepared(`input of ${hosted.name}`, hosted.executable, hosted.model.constants, inputs, options);
}
