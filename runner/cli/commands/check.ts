import { checkTrace, type CheckedElement, type CheckedKernel, summarise } from "../../check/check.ts";
import type { CommandContext, CommandResult } from "../context.ts";
import { executeModel } from "../execute.ts";
import { readInputs, readModel } from "../../files/model.ts";
import { parseCount, parseShapes } from "../options.ts";
import { type Column, count, hex, table } from "../table.ts";

export interface CheckCommandOptions {
  readonly input: readonly string[];
  readonly shape: readonly string[];
  readonly samples: string;
  readonly seed?: string;
}

/** Mismatches that are listed one by one. */
const LISTED = 20;

/** `assay check MODEL`: random elements of every kernel, executed on the contract, against the runner's bits. */
export async function check(
  path: string,
  options: CheckCommandOptions,
  context: CommandContext,
): Promise<CommandResult> {
  const samples = parseCount("--samples", options.samples);
  const seed = options.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : parseCount("--seed", options.seed, 0);
  const { model } = readModel(path, parseShapes(options.shape), context);
  const inputs = readInputs(model, "--input", options.input);
  const { createMachineContract } = await import("../../check/evm.ts");
  const trace = await executeModel(model, inputs, context);
  const contract = await createMachineContract();
  try {
    const started = performance.now();
    const tensors = { inputs, constants: model.constants, trace };
    const kernels = await checkTrace(contract, model.program, tensors, { ...context, samples, seed });
    return report(kernels, seed, performance.now() - started);
  } finally {
    await contract.close();
  }
}

function report(kernels: readonly CheckedKernel[], seed: number, milliseconds: number): CommandResult {
  const elements = kernels.flatMap((kernel) => kernel.elements);
  const mismatches = elements.filter(({ fault }) => fault !== undefined);
  const kinds = [...new Set(kernels.map(({ kind }) => kind))].map((kind) => ({
    kind,
    kernels: kernels.filter((kernel) => kernel.kind === kind).length,
    gas: summarise(kernels.filter((kernel) => kernel.kind === kind).flatMap((kernel) => kernel.elements)),
  }));
  const data = {
    seed,
    seconds: Math.round(milliseconds) / 1000,
    elements: elements.length,
    mismatches,
    kinds,
    kernels: kernels.map(({ kernel, kind, elements: of }) => ({ kernel, kind, gas: summarise(of) })),
  };
  const lines = [
    gasTable(kinds),
    "",
    `${count(elements.length)} elements of ${count(kernels.length)} kernels executed by the contract in ` +
      `${(milliseconds / 1000).toFixed(1)} s: ${count(mismatches.length)} mismatches (seed ${seed}).`,
    ...mismatches.slice(0, LISTED).map(describe),
    ...(mismatches.length > LISTED ? [`… and ${count(mismatches.length - LISTED)} more; --json lists all`] : []),
  ];
  return { exitCode: mismatches.length === 0 ? 0 : 1, data, text: lines.join("\n") };
}

type Kinds = readonly { readonly kind: string; readonly kernels: number; readonly gas: ReturnType<typeof summarise> }[];

function gasTable(kinds: Kinds): string {
  const number = (title: string): Column => ({ title, right: true });
  const columns = [
    { title: "kind" },
    ...["kernels", "elements", "mismatches", "gas min", "median", "max", "calldata max"].map(number),
    { title: "most expensive element" },
  ];
  const rows = kinds.map(({ kind, kernels, gas }) => [
    kind,
    count(kernels),
    count(gas.samples),
    count(gas.mismatches),
    count(gas.min),
    count(gas.median),
    count(gas.max),
    `${count(gas.calldataBytes)} B`,
    gas.worst === undefined ? "" : `kernel ${gas.worst.kernel} element ${gas.worst.element}`,
  ]);
  return table(columns, rows);
}

const describe = ({ kernel, element, expected, actual, fault }: CheckedElement): string =>
  `kernel ${kernel} element ${element}: ${fault ?? ""}; ` +
  `runner ${hex(expected)}, contract ${actual === undefined ? "nothing" : hex(actual)}`;
