import { decodeModel, messageType } from "../file/decode.ts";
import { importError } from "../file/refusal.ts";
import { ELEMENT } from "./graph-writer.ts";

/** Whether a file is one that `unrollDecoder` wrote, by its inputs and its output. */
export function isAnswer(bytes: Uint8Array): boolean {
  const { input = [], output = [] } = decodeModel(bytes).graph ?? {};
  return input.some(({ name }) => name === "input_ids") && output.length === 1 && output[0]?.name === "tokens";
}

/**
 * A file that `unrollDecoder` wrote with each token as an output of its own, in order, i64 [1, 1]: so that tokens can be
 * shown as they come. It is another program than that of the file.
 * @throws AssayError ONNX_UNSUPPORTED when the tokens are not joined by one node.
 */
export function tokenByToken(bytes: Uint8Array): Uint8Array {
  const type = messageType("ModelProto");
  const decoded: unknown = type.decode(bytes);
  const model = decoded as { readonly graph: { readonly node: readonly Joined[] } };
  const last = model.graph.node.find(({ output }) => output.includes("tokens"));
  if (last?.op_type !== "Concat") throw importError("ONNX_UNSUPPORTED", "the output is not a row of tokens");
  const dims = [{ dim_value: 1 }, { dim_value: 1 }];
  const output = last.input.map((name) => ({
    name,
    type: { tensor_type: { elem_type: ELEMENT.i64, shape: { dim: dims } } },
  }));
  const outputs: unknown = messageType("GraphProto").fromObject({ output });
  Object.assign(model.graph, { output: (outputs as { readonly output: readonly object[] }).output });
  return type.encode(decoded as object).finish();
}

interface Joined {
  readonly op_type?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
}
