import * as ort from "onnxruntime-web";
import type { Tensor } from "../runner/machine/tensor.ts";
import type { Port } from "../runner/onnx/index.ts";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

export { ort };

/** What onnxruntime-web calls the dtypes. */
export const ORT_TYPES = {
  f32: "float32",
  i64: "int64",
  i32: "int32",
  i16: "int16",
  i8: "int8",
  u64: "uint64",
  u32: "uint32",
  u16: "uint16",
  u8: "uint8",
  bool: "bool",
} as const;

/** Runs a model on onnxruntime-web's WASM backend, one thread, graph optimisations off. Outputs by name. */
export const onnxruntime = async (
  file: Uint8Array,
  inputs: readonly { readonly port: Port; readonly tensor: Tensor }[],
): Promise<Readonly<Record<string, ort.Tensor>>> => {
  const session = await ort.InferenceSession.create(file, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "disabled",
  });
  const feeds = Object.fromEntries(
    inputs.map(({ port, tensor }) => [port.name, new ort.Tensor(ORT_TYPES[tensor.dtype], tensor.data, port.shape)]),
  );
  const results = await session.run(feeds);
  await session.release();
  return results;
};
