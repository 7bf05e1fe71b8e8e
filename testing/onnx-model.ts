import { messageType } from "../runner/onnx/file/decode.ts";
import { executeProgram } from "../runner/machine/interpreter.ts";
import { type Tensor, tensorBytes, tensorFrom } from "../runner/machine/tensor.ts";
import type { DType } from "../runner/machine/dtype.ts";
import { importModel, type ImportOptions, type Model } from "../runner/onnx/index.ts";

/** ONNX numbers of the dtypes. */
const NUMBER: Readonly<Record<DType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  u32: 12,
  u64: 13,
};

export type Attribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly int: number }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly tensor: TestTensor }
  | { readonly graph: object };

export interface TestNode {
  readonly op: string;
  readonly in: readonly string[];
  readonly out: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly domain?: string;
}

export interface TestTensor {
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
  readonly data?: readonly (number | bigint)[];
}

export interface TestModel {
  readonly opset?: number;
  /** Opset of the domain ai.onnx.ml, default 3. */
  readonly mlOpset?: number;
  readonly inputs: Readonly<Record<string, TestTensor>>;
  readonly constants?: Readonly<Record<string, TestTensor>>;
  readonly nodes: readonly TestNode[];
  readonly outputs: readonly string[];
}

const isList = (value: Attribute): value is readonly number[] | readonly string[] => Array.isArray(value);

/** Whole numbers are ints, others floats, lists likewise; objects say what they are. */
const attribute = (name: string, value: Attribute): object => {
  if (typeof value === "number")
    return Number.isInteger(value) ? { name, type: 2, i: value } : { name, type: 1, f: value };
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if (isList(value)) {
    if (value.some((item) => typeof item === "string")) {
      return { name, type: 8, strings: value.map((item) => new TextEncoder().encode(String(item))) };
    }
    return value.every((item) => Number.isInteger(item))
      ? { name, type: 7, ints: value }
      : { name, type: 6, floats: value };
  }
  if ("graph" in value) return { name, type: 5, g: value.graph };
  if ("float" in value) return { name, type: 1, f: value.float };
  if ("floats" in value) return { name, type: 6, floats: value.floats };
  if ("strings" in value)
    return { name, type: 8, strings: value.strings.map((text) => new TextEncoder().encode(text)) };
  if ("tensor" in value) return { name, type: 4, t: rawTensor(name, value.tensor) };
  return { name, type: 2, i: "int" in value ? value.int : 0 };
};

export const rawTensor = (name: string, { dtype, shape, data }: TestTensor): object => ({
  name,
  dims: shape,
  data_type: NUMBER[dtype],
  raw_data: tensorBytes(tensorFrom(dtype, data ?? [])),
});

export const valueInfo = (name: string, { dtype, shape }: TestTensor): object => ({
  name,
  type: {
    tensor_type: {
      elem_type: NUMBER[dtype],
      shape: { dim: shape.map((d) => (typeof d === "string" ? { dim_param: d } : { dim_value: d })) },
    },
  },
});

export const rawNode = (node: TestNode): object => ({
  op_type: node.op,
  domain: node.domain ?? "",
  name: `${node.op}_${node.out[0] ?? ""}`,
  input: node.in,
  output: node.out,
  attribute: Object.entries(node.attributes ?? {}).map(([name, value]) => attribute(name, value)),
});

/** Any message of the schema as bytes. */
export const encode = (message: string, fields: object): Uint8Array => {
  const type = messageType(message);
  return type.encode(type.fromObject(fields)).finish();
};

/** An ONNX file. */
export const onnxFile = (model: TestModel): Uint8Array =>
  encode("ModelProto", {
    ir_version: 8,
    opset_import: [
      { domain: "", version: model.opset ?? 17 },
      { domain: "com.microsoft", version: 1 },
      ...(model.nodes.some(({ domain }) => domain === "ai.onnx.ml")
        ? [{ domain: "ai.onnx.ml", version: model.mlOpset ?? 3 }]
        : []),
    ],
    graph: {
      name: "test",
      node: model.nodes.map(rawNode),
      initializer: Object.entries(model.constants ?? {}).map(([name, tensor]) => rawTensor(name, tensor)),
      input: Object.entries(model.inputs).map(([name, tensor]) => valueInfo(name, tensor)),
      output: model.outputs.map((name) => ({ name })),
    },
  });

/** Imports a model and runs it on the data of its inputs. */
export const run = (
  model: TestModel,
  options: ImportOptions = {},
): { readonly model: Model; readonly outputs: readonly Tensor[] } => {
  const imported = importModel(onnxFile(model), options);
  const inputs = imported.inputs.map(({ name, dtype }) => tensorFrom(dtype, model.inputs[name]?.data ?? []));
  const trace = executeProgram(imported.program, inputs, imported.constants);
  return { model: imported, outputs: imported.program.outputs.map((k) => trace[k] as Tensor) };
};

export const f32 = (shape: readonly (number | string)[], data: readonly number[] = []): TestTensor => ({
  dtype: "f32",
  shape,
  data,
});
export const i64 = (shape: readonly (number | string)[], data: readonly number[] = []): TestTensor => ({
  dtype: "i64",
  shape,
  data,
});
