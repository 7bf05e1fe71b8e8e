import type { Terminal } from "../../../runner/cli/context.ts";
import { run } from "../../../runner/cli/run.ts";
import { tensorBytes, tensorFrom } from "../../../runner/machine/tensor.ts";
import { messageType } from "../../../runner/onnx/file/decode.ts";

/** What a command line printed and how it ended. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line inside this process. */
export async function assay(...args: readonly string[]): Promise<Outcome> {
  return await assayUntil(new AbortController().signal, ...args);
}

/** As `assay`, with the signal that Ctrl-C fires. */
export async function assayUntil(signal: AbortSignal, ...args: readonly string[]): Promise<Outcome> {
  let [stdout, stderr] = ["", ""];
  const terminal: Terminal = {
    stdout: (text) => (stdout += text),
    stderr: (text) => (stderr += text),
    interactive: false,
    signal,
  };
  const exitCode = await run(args, terminal);
  return { exitCode, stdout, stderr };
}

/** The JSON that a command printed. */
export const jsonOf = ({ stdout }: Outcome): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

const FLOAT = 1;

const value = (name: string, dims: readonly (number | string)[]): object => ({
  name,
  type: {
    tensor_type: {
      elem_type: FLOAT,
      shape: { dim: dims.map((dim) => (typeof dim === "number" ? { dim_value: dim } : { dim_param: dim })) },
    },
  },
});

/**
 * ONNX file of `y = relu(x · w)`: x f32 [N, 3], w f32 [3, 2].
 * @param weights The six weights, row-major.
 */
export function reluModel(weights: readonly number[] = [1, 2, 3, 4, 5, 6], producer = "test"): Uint8Array {
  const type = messageType("ModelProto");
  const w = { name: "w", dims: [3, 2], data_type: FLOAT, raw_data: tensorBytes(tensorFrom("f32", weights)) };
  const model = {
    ir_version: 8,
    producer_name: producer,
    opset_import: [{ domain: "", version: 13 }],
    graph: {
      name: "g",
      node: [
        { name: "product", op_type: "MatMul", input: ["x", "w"], output: ["h"] },
        { name: "positive", op_type: "Relu", input: ["h"], output: ["y"] },
      ],
      initializer: [w],
      input: [value("x", ["N", 3])],
      output: [value("y", ["N", 2])],
    },
  };
  return type.encode(type.fromObject(model)).finish();
}
