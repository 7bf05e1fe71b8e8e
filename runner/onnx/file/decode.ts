import protobuf from "protobufjs";
import type { Stored } from "../../machine/tensor.ts";
import { importError } from "./refusal.ts";
import { ONNX_SCHEMA } from "./schema.ts";

/** Messages of an ONNX file as decoded: repeated fields are always present, 64-bit integers are bigints. */
export interface RawModel {
  readonly ir_version?: bigint;
  readonly producer_name?: string;
  readonly graph?: RawGraph;
  readonly opset_import: readonly RawOpset[];
  readonly functions: readonly RawFunction[];
}

export interface RawOpset {
  readonly domain?: string;
  readonly version?: bigint;
}

export interface RawFunction {
  readonly name?: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly string[];
  readonly attribute_proto: readonly RawAttribute[];
  readonly node: readonly RawNode[];
  readonly opset_import: readonly RawOpset[];
}

export interface RawGraph {
  readonly name?: string;
  readonly node: readonly RawNode[];
  readonly initializer: readonly RawTensor[];
  readonly sparse_initializer: readonly RawSparseTensor[];
  readonly input: readonly RawValueInfo[];
  readonly output: readonly RawValueInfo[];
}

export interface RawNode {
  readonly name?: string;
  readonly op_type?: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly RawAttribute[];
}

export interface RawAttribute {
  readonly name?: string;
  readonly type?: number;
  readonly ref_attr_name?: string;
  readonly f?: number;
  readonly i?: bigint;
  readonly s?: Uint8Array;
  readonly t?: RawTensor;
  readonly g?: RawGraph;
  readonly floats: readonly number[];
  readonly ints: readonly bigint[];
  readonly strings: readonly Uint8Array[];
  readonly tensors: readonly RawTensor[];
  readonly graphs: readonly RawGraph[];
  readonly sparse_tensor?: RawSparseTensor;
}

export interface RawTensor {
  readonly name?: string;
  readonly dims: readonly bigint[];
  readonly data_type?: number;
  readonly float_data: readonly number[];
  readonly int32_data: readonly number[];
  readonly string_data: readonly Uint8Array[];
  readonly int64_data: readonly bigint[];
  readonly double_data: readonly number[];
  readonly uint64_data: readonly bigint[];
  readonly raw_data?: Uint8Array;
  /** Where the raw data are, when they were left in the file. */
  readonly place?: Stored | undefined;
  readonly external_data: readonly { readonly key?: string; readonly value?: string }[];
  readonly data_location?: number;
}

export interface RawSparseTensor {
  readonly values?: RawTensor;
  readonly indices?: RawTensor;
  readonly dims: readonly bigint[];
}

export interface RawValueInfo {
  readonly name?: string;
  readonly type?: RawType;
}

export interface RawType {
  readonly tensor_type?: { readonly elem_type?: number; readonly shape?: { readonly dim: readonly RawDimension[] } };
  readonly sequence_type?: { readonly elem_type?: RawType };
  readonly optional_type?: { readonly elem_type?: RawType };
}

export interface RawDimension {
  readonly dim_value?: bigint;
  readonly dim_param?: string;
}

const root = protobuf.parse(ONNX_SCHEMA, { keepCase: true }).root;

/** Reflection type of a message of the schema; tests encode their models with it. */
export const messageType = (name: string): protobuf.Type => root.lookupType(`onnx.${name}`);

const decodeMessage = (name: string, bytes: Uint8Array): Record<string, unknown> => {
  const type = messageType(name);
  return type.toObject(type.decode(bytes), { longs: BigInt, arrays: true });
};

/**
 * Decodes an ONNX file. Nothing is allocated beyond what the file's own bytes hold, and nesting is bounded by the
 * decoder's recursion limit.
 * @throws AssayError `ONNX_MALFORMED` when the bytes are not a whole ONNX model.
 */
export const decodeModel = (bytes: Uint8Array): RawModel => {
  const model: RawModel = decodeOrFail("ModelProto", bytes, "model");
  if (model.graph === undefined) {
    throw importError("ONNX_MALFORMED", "the file has no graph: it is not an ONNX model", {
      remedy: "export the model again; the file may be truncated or of another format",
    });
  }
  return model;
};

/** Decodes a TensorProto file, as the ONNX backend tests keep their inputs and outputs. */
export const decodeTensor = (bytes: Uint8Array): RawTensor => decodeOrFail("TensorProto", bytes, "tensor");

function decodeOrFail<T>(name: string, bytes: Uint8Array, what: string): T & Record<string, unknown> {
  try {
    return decodeMessage(name, bytes) as T & Record<string, unknown>;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw importError("ONNX_MALFORMED", `the ${what} does not decode: ${reason}`, {
      remedy: "the file is truncated or corrupt; fetch or export it again",
    });
  }
}
