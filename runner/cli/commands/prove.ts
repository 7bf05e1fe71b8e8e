import { commitModel, type ModelCommitment, tensorsRoot } from "../../commitment/model.ts";
import { commitOnThreads } from "../../commitment/threads.ts";
import { commitTensors } from "../../commitment/tensor.ts";
import { commitTrace } from "../../commitment/trace.ts";
import { compareTraces, type Comparison, type Fault } from "../../dispute/compare.ts";
import { AssayError } from "../../errors.ts";
import { writeFileAtomic } from "../../files/write.ts";
import { type LoadedTrace, loadTrace } from "../../inspection/trace-file.ts";
import { buildFraudProof, type FraudProof } from "../../proving/fraud-proof.ts";
import type { CommandContext, CommandResult } from "../context.ts";
import { executeModel } from "../execute.ts";
import { toJson } from "../json.ts";
import { readInputs, readModel } from "../../files/model.ts";
import { parseShapes } from "../options.ts";
import { bytes, hex, list } from "../table.ts";

export interface ProveOptions {
  readonly input: readonly string[];
  readonly shape: readonly string[];
  readonly trace: string;
  readonly out?: string;
}

/** `assay prove MODEL`: finds the first wrong element of an operator's trace and writes the proof. */
export async function prove(path: string, options: ProveOptions, context: CommandContext): Promise<CommandResult> {
  const { model } = readModel(path, parseShapes(options.shape), context);
  const inputs = readInputs(model, "--input", options.input);
  const commitment = await commitModel(model.program, model.constants, { ...context, commit: commitOnThreads() });
  const inputRoot = tensorsRoot(await commitTensors("commit inputs", inputs, context));
  const operator = loadTrace(
    options.trace,
    (file) => file.commitment === commitment.commitment && file.inputRoot === inputRoot,
  );
  expectSameWork(operator, commitment, inputRoot);

  const trace = await executeModel(model, inputs, context);
  const own = { trace, commitment: await commitTrace(trace, context) };
  const traceRoots = operator.file.outputs.map(({ root }) => root);
  const comparison = await compareTraces(own, {
    root: operator.file.traceRoot,
    roots: traceRoots,
    fetchOutput: operator.fetchOutput,
  });
  if (comparison.kind !== "fault") return withoutProof(comparison, operator.path);
  const evidence = { program: model.program, model: commitment, inputs, constants: model.constants, trace, traceRoots };
  const proof = buildFraudProof(evidence, comparison);
  const json = toJson(proof);
  if (options.out !== undefined) writeFileAtomic(options.out, `${json}\n`);
  return withProof(comparison, proof, options.out);
}

/** A trace of another model or another input says nothing about this one. */
function expectSameWork({ path, file }: LoadedTrace, { commitment }: ModelCommitment, inputRoot: string): void {
  for (const [name, expected, actual] of [
    ["model", commitment, file.commitment],
    ["input", inputRoot, file.inputRoot],
  ] as const) {
    if (expected === actual) continue;
    const message = `${path} is of another ${name}: ${actual}, not ${expected}; give the ${name} that it was made from`;
    throw new AssayError("COMMITMENT_MISMATCH", message, { name, expected, actual });
  }
}

function withProof(fault: Fault, proof: FraudProof, out: string | undefined): CommandResult {
  const size = [...proof.replays.map(({ execution }) => execution), proof.execution]
    .flatMap(({ witness }) => witness.flat())
    .reduce((sum, { data, siblings }) => sum + data.length + 32 * siblings.length, 0);
  const found = {
    kind: fault.kind,
    kernel: fault.kernel,
    element: fault.element,
    expected: hex(fault.expected),
    claimed: hex(fault.claimed),
    transactions: proof.replays.length + 1,
    witnessBytes: size,
  };
  const data = out === undefined ? { ...found, proof } : { ...found, file: out };
  const text = list([
    ["first wrong kernel", String(fault.kernel)],
    ["first wrong element", String(fault.element)],
    ["the machine gives", found.expected],
    ["the operator claims", found.claimed],
    ["transactions", String(found.transactions)],
    ["witness", bytes(size)],
    ...(out === undefined ? [] : [["proof", out] as [string, string]]),
  ]);
  return { exitCode: 0, data, text };
}

function withoutProof(comparison: Exclude<Comparison, Fault>, path: string): CommandResult {
  const result = (text: string): CommandResult => ({ exitCode: 1, data: comparison, text });
  switch (comparison.kind) {
    case "equal":
      return result("The operator's trace is right, to the bit: there is nothing to prove.");
    case "roots-unfaithful":
      return result(
        `The roots in ${path} do not lead to the trace root ${comparison.expected}, but to ${comparison.actual}: ` +
          "demand the nodes of the trace tree on chain.",
      );
    case "output-missing":
      return result(`Kernel ${comparison.kernel} is wrong, but its output is missing or damaged: demand it on chain.`);
    case "output-unfaithful":
      return result(
        `Kernel ${comparison.kernel} is wrong, but what is published for it hashes to ${comparison.actual}, ` +
          `not to ${comparison.expected}: demand it on chain.`,
      );
  }
}
