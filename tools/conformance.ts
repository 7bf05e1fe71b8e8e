import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { item } from "../runner/items.ts";
import { isAssayError } from "../runner/errors.ts";
import { checkTrace } from "../runner/check/check.ts";
import type { Program } from "../runner/machine/kernel.ts";
import { prepareProgram } from "../runner/backends/backend.ts";
import { wasm } from "../runner/backends/wasm/wasm.ts";
import { executeProgram } from "../runner/machine/interpreter.ts";
import { firstDifference, type Tensor } from "../runner/machine/tensor.ts";
import { decodeModel, decodeTensor } from "../runner/onnx/file/decode.ts";
import { importModel } from "../runner/onnx/import/file.ts";
import type { ImportOptions, Model } from "../runner/onnx/import/import.ts";
import { toNumbers } from "../runner/onnx/file/numbers.ts";
import { type Dense, readTensor } from "../runner/onnx/file/tensors.ts";

/*
 * Runs a folder of ONNX backend node tests: `npm run conformance -- DIR [--filter RE] [--provable K] [--verbose]`.
 * Each test runs on the interpreter and on the WebAssembly backend. It either passes (all outputs equal, floats within the tolerance of the ONNX test runner), is refused at
 * import with a reason, or is wrong. With --provable, K elements of every kernel of every passing test are executed
 * again by the TensorMachine contract. Exits 1 when any is wrong.
 */

const RTOL = 1e-3;
const ATOL = 1e-7;

type CaseVerdict =
  | { readonly kind: "passed" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "wrong"; readonly reason: string };

interface Case {
  readonly inputs: readonly (Dense | undefined)[];
  readonly outputs: readonly (Dense | undefined)[];
}

const tensorsIn = (folder: string, kind: "input" | "output"): (Dense | undefined)[] => {
  const list: (Dense | undefined)[] = [];
  for (let i = 0; existsSync(join(folder, `${kind}_${String(i)}.pb`)); i++) {
    try {
      list.push(readTensor(decodeTensor(readFileSync(join(folder, `${kind}_${String(i)}.pb`)))));
    } catch {
      list.push(undefined);
    }
  }
  return list;
};

/** Names of the inputs that are not initializers. */
const namesOf = (path: string): string[] => {
  const graph = decodeModel(readFileSync(path)).graph;
  const initialized = new Set(graph?.initializer.map(({ name }) => name ?? ""));
  return (graph?.input ?? []).map(({ name }) => name ?? "").filter((name) => !initialized.has(name));
};

/** Which inputs to fix at import, tried in turn until one imports: none, small integers, all integers, most. */
const plans = (names: readonly string[], inputs: readonly (Dense | undefined)[]): (readonly string[])[] => {
  const at = (test: (dense: Dense, i: number) => boolean): string[] =>
    names.filter((_, i) => {
      const dense = inputs[i];
      return dense !== undefined && test(dense, i);
    });
  const integer = ({ element }: Dense): boolean => element === "i64" || element === "i32" || element === "bool";
  return [
    at((dense) => dense.tensor === undefined),
    at((dense) => dense.tensor === undefined || (integer(dense) && dense.shape.length <= 1)),
    at((dense) => dense.tensor === undefined || integer(dense)),
    at((dense, i) => i > 0),
    at(() => true),
  ];
};

const importCase = (path: string, { inputs }: Case): Model => {
  const names = namesOf(path);
  const inputShapes = Object.fromEntries(
    names.flatMap((name, i) => (inputs[i]?.tensor ? [[name, inputs[i]?.shape ?? []] as const] : [])),
  );
  let last: unknown;
  for (const plan of plans(names, inputs)) {
    const fixed = Object.fromEntries(
      plan.flatMap((name) => {
        const dense = inputs[names.indexOf(name)];
        return dense ? [[name, dense] as const] : [];
      }),
    );
    const options: ImportOptions = { inputShapes, fixed };
    try {
      return importModel(path, options);
    } catch (error) {
      last = error;
      if (!(
        error instanceof Error && /depends on the model's inputs|without elements|size below 1/.test(error.message)
      ))
        break;
    }
  }
  throw last;
};

const difference = (actual: Tensor, shape: readonly number[], element: string, expected: Dense): string | undefined => {
  if (element !== expected.element) return `type ${element}, expected ${expected.element}`;
  if (shape.join() !== expected.shape.join()) return `shape [${shape.join()}], expected [${expected.shape.join()}]`;
  const [got, want] = [toNumbers(actual, expected.element), toNumbers(expected.tensor as Tensor, expected.element)];
  const exact = !["f32", "f16", "bf16", "f64"].includes(expected.element);
  for (let i = 0; i < want.length; i++) {
    const [a, b] = [item<number | bigint>(got, i), item<number | bigint>(want, i)];
    if (a === b || (a !== a && b !== b)) continue;
    if (!exact && Math.abs(Number(a) - Number(b)) <= ATOL + RTOL * Math.abs(Number(b)) && Number.isFinite(Number(b)))
      continue;
    return `element ${String(i)} is ${String(a)}, expected ${String(b)}`;
  }
  return undefined;
};

/** What a passing test ran, to be executed again on chain. */
interface Ran {
  readonly program: Program;
  readonly inputs: readonly Tensor[];
  readonly constants: readonly Tensor[];
  readonly trace: readonly Tensor[];
}

/** What the WebAssembly backend gives that the interpreter does not. */
const backendDifference = async ({ program, inputs, constants, trace }: Ran): Promise<string | undefined> => {
  const executable = prepareProgram(program, wasm);
  const outputs = program.outputs.map((kernel) => item(trace, kernel));
  const [ownTrace, ownOutputs] = [await executable.run(inputs, constants), await executable.infer(inputs, constants)];
  const kernel = trace.findIndex((tensor, k) => firstDifference(tensor, item(ownTrace, k)) >= 0);
  if (kernel >= 0) return `the WebAssembly backend gives another output of kernel ${String(kernel)}`;
  const output = outputs.findIndex((tensor, i) => firstDifference(tensor, item(ownOutputs, i)) >= 0);
  return output >= 0 ? `the WebAssembly backend gives another output ${String(output)} without a trace` : undefined;
};

const runCase = async (folder: string, onPass: (ran: Ran) => void): Promise<CaseVerdict> => {
  const path = join(folder, "model.onnx");
  const sets = readdirSync(folder).filter((name) => name.startsWith("test_data_set"));
  for (const set of sets) {
    const data: Case = {
      inputs: tensorsIn(join(folder, set), "input"),
      outputs: tensorsIn(join(folder, set), "output"),
    };
    let model: Model;
    try {
      model = importCase(path, data);
    } catch (error) {
      if (isAssayError(error)) return { kind: "refused", reason: `${error.code}: ${error.message}` };
      return {
        kind: "wrong",
        reason: `import threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      };
    }
    const names = namesOf(path);
    const inputs = model.inputs.map(({ name }) => data.inputs[names.indexOf(name)]?.tensor as Tensor);
    const outputs = executeProgram(model.program, inputs, model.constants);
    for (const [i, port] of model.outputs.entries()) {
      const expected = data.outputs[i];
      if (expected === undefined) return { kind: "refused", reason: "ONNX_UNSUPPORTED: output type" };
      const output = item(outputs, item(model.program.outputs, i));
      const reason = difference(output, port.shape, port.element, expected);
      if (reason !== undefined) return { kind: "wrong", reason: `output ${port.name}: ${reason}` };
    }
    const ran = { program: model.program, inputs, constants: model.constants, trace: outputs };
    const reason = await backendDifference(ran);
    if (reason !== undefined) return { kind: "wrong", reason };
    onPass(ran);
  }
  return { kind: "passed" };
};

/** A reason without the names of this node, for counting. */
const generic = (reason: string): string => {
  const operator = /\(operator ([\w.]+)/.exec(reason)?.[1] ?? "";
  return `${operator}: ${reason.replace(/ \(.*$/, "").replace(/^ONNX_\w+: /, "")}`;
};

const main = async (argv: readonly string[]): Promise<void> => {
  const option = (name: string): string | undefined => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined);
  const taken = ["--filter", "--provable"];
  const folder = argv.find((arg, i) => !arg.startsWith("--") && !taken.includes(argv[i - 1] ?? ""));
  const samples = Number(option("--provable") ?? 0);
  if (folder === undefined)
    throw new Error("usage: npm run conformance -- DIR [--filter RE] [--provable K] [--verbose]");
  const filter = new RegExp(option("--filter") ?? "");
  const verbose = argv.includes("--verbose");
  const counts = { passed: 0, refused: 0, wrong: 0 };
  const reasons = new Map<string, string[]>();
  const contract = samples > 0 ? await (await import("../runner/check/evm.ts")).createMachineContract() : undefined;
  let [proved, elements] = [0, 0];
  for (const name of readdirSync(folder).sort()) {
    if (!filter.test(name) || !existsSync(join(folder, name, "model.onnx"))) continue;
    const runs: Ran[] = [];
    let verdict = await runCase(join(folder, name), (ran) => runs.push(ran));
    if (contract !== undefined && verdict.kind === "passed") {
      for (const ran of runs) {
        const kernels = await checkTrace(contract, ran.program, ran, { samples, seed: 1 });
        for (const { kernel, elements: checked } of kernels) {
          elements += checked.length;
          const fault = checked.find((element) => element.fault !== undefined);
          if (fault === undefined) continue;
          verdict = {
            kind: "wrong",
            reason: `kernel ${String(kernel)}, element ${String(fault.element)}: ${fault.fault ?? ""}`,
          };
        }
      }
      if (verdict.kind === "passed") proved++;
    }
    counts[verdict.kind]++;
    if (verdict.kind === "wrong") console.log(`wrong ${name}: ${verdict.reason}`);
    else if (verbose) console.log(`${verdict.kind} ${name}${verdict.kind === "refused" ? `: ${verdict.reason}` : ""}`);
    if (verdict.kind === "refused")
      reasons.set(generic(verdict.reason), [...(reasons.get(generic(verdict.reason)) ?? []), name]);
  }
  for (const [reason, names] of [...reasons].sort((a, b) => b[1].length - a[1].length)) {
    console.log(`refused ${String(names.length).padStart(4)}  ${reason}   e.g. ${names[0] ?? ""}`);
  }
  if (contract !== undefined) {
    await contract.close();
    console.log(`${String(elements)} elements of ${String(proved)} tests executed again on chain`);
  }
  console.log(`${String(counts.passed)} passed, ${String(counts.wrong)} failed, ${String(counts.refused)} skipped`);
  process.exitCode = counts.wrong > 0 ? 1 : 0;
};

await main(process.argv.slice(2));
