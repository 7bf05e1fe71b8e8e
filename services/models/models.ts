import { basename } from "node:path";

import { wasm } from "../../runner/backends/wasm/wasm.ts";
import { type Executable, prepareProgram } from "../../runner/backends/backend.ts";
import { commitModel, type ModelCommitment, tensorsRoot } from "../../runner/commitment/model.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";
import { commitTensors } from "../../runner/commitment/tensor.ts";
import { AssayError } from "../../runner/errors.ts";
import type { TensorType } from "../../runner/machine/kernel.ts";
import { type Tensor, tensorBytes, tensorFromBytes } from "../../runner/machine/tensor.ts";
import { DTYPE_BYTES } from "../../runner/machine/dtype.ts";
import { readModel } from "../../runner/files/model.ts";
import type { Model } from "../../runner/onnx/import/import.ts";
import type { TaskOptions } from "../../runner/task.ts";
import type { Ledger, RequestView } from "../chain/ledger.ts";
import { invalid, sizesOption } from "../environment/options.ts";

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

/** One execution: outputs of all kernels, and what a claim names. */
export interface Run {
  readonly inputs: readonly Tensor[];
  readonly trace: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly outputRoot: Hash;
}

/** Compiles a model file. `spec` is its path, with the sizes of symbolic dimensions behind `?`: `model.onnx?N=1`. */
export async function hostModel(spec: string, options?: TaskOptions): Promise<HostedModel> {
  const [path = "", sizes = ""] = spec.split("?");
  const { model } = readModel(path, { shapes: sizesOption("ASSAY_MODEL", sizes) }, options);
  const commitment = await commitModel(model.program, model.constants, options);
  return { name: basename(path), path, model, commitment, executable: prepareProgram(model.program, wasm) };
}

/** Models listed with `;` between them. */
export async function hostModels(list: string, options?: TaskOptions): Promise<readonly HostedModel[]> {
  const models: HostedModel[] = [];
  for (const spec of list.split(";").filter((part) => part !== "")) models.push(await hostModel(spec, options));
  if (models.length === 0) throw invalid("ASSAY_MODELS", list, "give model files, with ; between them");
  return models;
}

/** Executes a model on the bytes of its inputs, in order and without gaps. */
export async function execute(hosted: HostedModel, inputs: Uint8Array, options?: TaskOptions): Promise<Run> {
  const tensors = splitTensors(`input of ${hosted.name}`, hosted.model.program.inputs, inputs);
  const trace = await hosted.executable.run(tensors, hosted.model.constants, options);
  const outputs = hosted.model.program.outputs.flatMap((index) => trace[index] ?? []);
  const outputRoot = tensorsRoot(await commitTensors("commit outputs", outputs, options));
  return { inputs: tensors, trace, outputs, outputRoot };
}

/** Bytes of tensors in order, without gaps: how requests and claims carry them. */
export const joinTensors = (tensors: readonly Tensor[]): Uint8Array => Buffer.concat(tensors.map(tensorBytes));

/** The tensors in such bytes. @throws AssayError TENSOR_MISMATCH when the bytes are not as many as the types say. */
export function splitTensors(name: string, types: readonly TensorType[], bytes: Uint8Array): readonly Tensor[] {
  const expected = types.reduce((sum, { dtype, length }) => sum + length * DTYPE_BYTES[dtype], 0);
  if (bytes.length !== expected) {
    const details = { name, expected: `${String(expected)} bytes`, actual: String(bytes.length) };
    throw new AssayError("TENSOR_MISMATCH", `${details.name} must be ${details.expected}`, details);
  }
  let offset = 0;
  return types.map((type) => {
    const end = offset + type.length * DTYPE_BYTES[type.dtype];
    const tensor = tensorFromBytes(type.dtype, bytes.subarray(offset, end));
    offset = end;
    return tensor;
  });
}
