import { type Inspection, inspectModel, nodeNames } from "../../inspection/inspect.ts";
import type { ModelManifest } from "../../commitment/model.ts";
import type { Port } from "../../onnx/import/import.ts";
import type { CommandContext, CommandResult } from "../context.ts";
import { readModel } from "../../files/model.ts";
import { parseShapes } from "../options.ts";
import { bytes, count, dims, list, table } from "../table.ts";

export interface InspectOptions {
  readonly shape: readonly string[];
}

/** `assay inspect MODEL`: what a model is made of, what it commits to, and what proving it can cost. */
export async function inspect(path: string, options: InspectOptions, context: CommandContext): Promise<CommandResult> {
  const { model } = readModel(path, parseShapes(options.shape), context);
  const inspection = await inspectModel(model, context);
  const { model: commitment, ...rest } = inspection;
  const data = { file: path, commitment: commitment.commitment, manifest: commitment.manifest, ...rest };
  return { exitCode: 0, data, text: render(path, inspection) };
}

function render(path: string, { model, kernels, totals, worst, ...rest }: Inspection): string {
  const opsets = Object.entries(rest.opsets).map(([domain, version]) => `${domain || "ai.onnx"} ${version}`);
  const head = list([
    ["file", path],
    ["exporter", `${rest.producer || "unknown"}, opset ${opsets.join(", ")}`],
    ...rest.inputs.map((port): [string, string] => ["input", describePort(port)]),
    ...rest.outputs.map((port): [string, string] => ["output", describePort(port)]),
    ["kernels", count(kernels.length)],
    ["multiply-accumulates", count(totals.multiplyAccumulates)],
    ["weights", `${bytes(totals.weightBytes)} in ${count(model.constants.length)} constants`],
    ["activations", bytes(totals.traceBytes)],
    ["program", bytes(totals.programBytes)],
    ...commitments(model.commitment, model.manifest),
  ]);
  const rows = kernels.map((kernel) => [
    String(kernel.index),
    kernel.kind,
    kernel.dtype,
    dims(kernel.shape),
    kernel.reduction.length === 0 ? "" : dims(kernel.reduction),
    count(kernel.multiplyAccumulates),
    bytes(kernel.outputBytes),
    bytes(kernel.proof.bytes),
    count(kernel.proof.gas),
    nodeNames(kernel.nodes),
  ]);
  const columns = [
    { title: "kernel", right: true },
    { title: "kind" },
    { title: "type" },
    { title: "output" },
    { title: "reduces" },
    { title: "MACs", right: true },
    { title: "bytes", right: true },
    { title: "proof up to", right: true },
    { title: "gas up to", right: true },
    { title: "nodes" },
  ];
  const last =
    `The most expensive element to prove is one of kernel ${worst.kernel}: ` +
    `at most ${bytes(worst.bytes)} of calldata, about ${count(worst.gas)} gas at most.`;
  return `${head}\n\n${table(columns, rows)}\n\n${last}`;
}

/** The three hashes that a model is known by. */
export const commitments = (commitment: string, manifest: ModelManifest): readonly [string, string][] => [
  ["program root", manifest.programRoot],
  ["weights root", manifest.weightsRoot],
  ["model commitment", commitment],
];

const describePort = ({ name, element, shape }: Port): string => `${name}  ${element} [${shape.join(", ")}]`;
