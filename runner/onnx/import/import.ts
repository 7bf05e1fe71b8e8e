import { readFileSync } from "node:fs";
import type { Backend } from "../../backends/backend.ts";
import { isAssayError, throwIfAborted } from "../../errors.ts";
import type { DType } from "../../machine/dtype.ts";
import type { Program } from "../../machine/kernel.ts";
import type { Tensor } from "../../machine/tensor.ts";
import { verifyProgram } from "../../machine/verify.ts";
import { Lowering, type NodeName } from "../build/lowering.ts";
import { type Bound, isSequence, type Value } from "../build/value.ts";
import { decodeModel, type RawModel, type RawValueInfo } from "../file/decode.ts";
import { type ElementType, storageOf } from "../file/element-type.ts";
import { externalReader } from "../file/external.ts";
import { importError, kernelRefused } from "../file/refusal.ts";
import { checkedShape, type Dense, elementType } from "../file/tensors.ts";
import { finishProgram } from "../passes/program.ts";
import { GraphRunner, opsetsOf } from "./graph.ts";

/** An input or output of a model. */
export interface Port {
  readonly name: string;
  /** Element type in the ONNX file; foreign ones (f16, …) are held as integers of the same width. */
  readonly element: ElementType;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** An ONNX model as a program of the tensor machine, with its weights. */
export interface Model {
  readonly program: Program;
  /** The constants that the program names, in its order. */
  readonly constants: readonly Tensor[];
  /** For each kernel the nodes of the file whose work it does, in order; none for a copy that only the program needs. */
  readonly nodes: readonly (readonly NodeName[])[];
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
}

export interface ImportOptions {
  /** Sizes of symbolic dimensions by their name. */
  readonly shapes?: Readonly<Record<string, number>>;
  /** Whole shapes of inputs by name, for files that leave dimensions unnamed. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
  /** Inputs that are fixed at import: they become constants and are no longer inputs of the program. */
  readonly fixed?: Readonly<Record<string, Dense>>;
  /** Executes kernels whose operands are constants; default the interpreter for small ones, else the compiler. */
  readonly backend?: Backend;
  readonly maxConstantBytes?: number;
  /** Of a model given by its bytes: the path of the file that they are from, whose folder has its external data. */
  readonly path?: string;
  readonly signal?: AbortSignal;
  /** Called after each node with how many are done and how many there are. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Imports an ONNX model from a file (by path, so that external data can be found beside it) or from its bytes.
 * Synchronous and pure apart from reading files: the same bytes and options give the same program.
 * @throws AssayError `ONNX_MALFORMED` (not a whole model), `ONNX_INVALID` (breaks a rule of ONNX), `ONNX_UNSUPPORTED`
 * (an operator, attribute or type that is not done exactly here), `ONNX_SHAPE_UNBOUND` (a dimension without a size),
 * `ONNX_EXTERNAL_DATA`, `ONNX_LIMIT`, `ABORTED`.
 */
export const importModel = (source: string | Uint8Array, options: ImportOptions = {}): Model => {
  throwIfAborted(options.signal, "import");
  const bytes = typeof source === "string" ? new Uint8Array(readFileSync(source)) : source;
  const raw = decodeModel(bytes);
  const path = typeof source === "string" ? source : options.path;
  const external = path === undefined ? undefined : externalReader(path);
  const opsets = opsetsOf(raw.opset_import);
  const lowering = new Lowering(options);
  const runner = new GraphRunner(lowering, raw.functions, external, options);
  const graph = raw.graph ?? { node: [], initializer: [], sparse_initializer: [], input: [], output: [] };

  const initialized = new Set(graph.initializer.map(({ name }) => name ?? ""));
  const inputs: Port[] = [];
  const bound: Bound[] = [];
  const names: string[] = [];
  for (const info of graph.input) {
    if (initialized.has(info.name ?? "")) continue;
    names.push(info.name ?? "");
    const fixed = options.fixed?.[info.name ?? ""];
    if (fixed !== undefined) {
      bound.push(lowering.dense(fixed));
      continue;
    }
    const port = inputPort(info, options);
    inputs.push(port);
    bound.push(lowering.input(port.element, port.shape));
  }
  const results = runner.run(
    { ...graph, input: graph.input.filter(({ name }) => names.includes(name ?? "")) },
    opsets,
    bound,
  );
  const values = results.map((result, i) => outputValue(result, graph.output[i]));
  lowering.node = undefined;
  const { program, constants, nodes } = finishProgram(lowering, values);
  try {
    verifyProgram(program);
  } catch (error) {
    const kernel = isAssayError(error, "KERNEL_INVALID") ? error.details.kernel : undefined;
    const origin = kernel === undefined ? undefined : nodes[kernel]?.at(-1);
    throw kernelRefused(error, origin && { node: origin.name, opType: origin.operator });
  }
  return {
    program,
    constants,
    nodes,
    inputs,
    outputs: values.map((value, i) => portOf(graph.output[i]?.name ?? "", value)),
    opsets: Object.fromEntries(opsets),
    producer: producerOf(raw),
  };
};

const producerOf = (raw: RawModel): string => raw.producer_name ?? "";

const portOf = (name: string, { element, shape }: Value): Port => ({
  name,
  element,
  dtype: storageOf(element),
  shape,
});

const inputPort = (info: RawValueInfo, options: ImportOptions): Port => {
  const name = info.name ?? "";
  const tensor = info.type?.tensor_type;
  if (tensor === undefined) {
    throw importError("ONNX_UNSUPPORTED", "the input is not a tensor (sequences and optionals are not supported)", {
      tensor: name,
    });
  }
  const element = elementType(tensor.elem_type, name);
  const given = options.inputShapes?.[name];
  if (given === undefined && tensor.shape === undefined) {
    throw unbound(name, "the input has no shape", `give inputShapes: { "${name}": […] }`);
  }
  const dims = tensor.shape?.dim;
  if (given !== undefined && dims !== undefined && given.length !== dims.length) {
    throw importError(
      "ONNX_INVALID",
      `the given shape has ${String(given.length)} dimensions, the input has ${String(dims.length)}`,
      {
        tensor: name,
      },
    );
  }
  const shape = (dims ?? given ?? []).map((dim, d) => {
    const size = typeof dim === "number" ? dim : dimensionSize(dim.dim_value, dim.dim_param, d);
    return size;
  });
  function dimensionSize(value: bigint | undefined, parameter: string | undefined, d: number): number {
    const chosen = given?.[d];
    // Some exporters write 0 or -1 for a dimension that they leave open.
    if (value !== undefined && value > 0n) {
      if (chosen !== undefined && BigInt(chosen) !== value) {
        throw importError("ONNX_INVALID", `dimension ${String(d)} is ${String(value)}, not ${String(chosen)}`, {
          tensor: name,
        });
      }
      return Number(value);
    }
    const size = chosen ?? (parameter ? options.shapes?.[parameter] : undefined);
    if (size === undefined) {
      const which = parameter ? `"${parameter}"` : `${String(d)} (unnamed)`;
      const remedy = parameter ? `give shapes: { "${parameter}": n }` : `give inputShapes: { "${name}": […] }`;
      throw unbound(name, `dimension ${which} has no size`, remedy);
    }
    return size;
  }
  if (shape.some((size) => !Number.isSafeInteger(size) || size < 1)) {
    throw importError("ONNX_LIMIT", `shape [${shape.join(", ")}] has a size below 1`, { tensor: name });
  }
  return { name, element, dtype: storageOf(element), shape: checkedShape(shape.map(BigInt), name) };
};

const unbound = (tensor: string, reason: string, remedy: string): Error =>
  importError("ONNX_SHAPE_UNBOUND", reason, { tensor, remedy });

const outputValue = (result: Bound, info: RawValueInfo | undefined): Value => {
  const name = info?.name ?? "";
  if (result === undefined || isSequence(result)) {
    throw importError("ONNX_UNSUPPORTED", "the output is not a tensor (sequences and optionals are not supported)", {
      tensor: name,
    });
  }
  const declared = info?.type?.tensor_type?.elem_type;
  if (declared !== undefined && declared !== 0 && elementType(declared, name) !== result.element) {
    throw importError(
      "ONNX_INVALID",
      `the output is declared ${elementType(declared, name)} but is ${result.element}`,
      {
        tensor: name,
      },
    );
  }
  return result;
};
