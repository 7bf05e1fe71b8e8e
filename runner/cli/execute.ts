import { item } from "../items.ts";
import { prepareProgram } from "../backends/backend.ts";
import { wasm } from "../backends/wasm/wasm.ts";
import type { Tensor } from "../machine/tensor.ts";
import type { Model } from "../onnx/import/import.ts";
import type { CommandContext } from "./context.ts";

/** Outputs of all kernels of a model, in order. @throws AssayError ABORTED. */
export const executeModel = (
  model: Model,
  inputs: readonly Tensor[],
  context: CommandContext,
): Promise<readonly Tensor[]> => prepareProgram(model.program, wasm).run(inputs, model.constants, context);

/** The outputs of a model, in order, without its trace. @throws AssayError ABORTED. */
export const inferModel = (
  model: Model,
  inputs: readonly Tensor[],
  context: CommandContext,
): Promise<readonly Tensor[]> => prepareProgram(model.program, wasm).infer(inputs, model.constants, context);

/** Outputs of a model out of a trace, in the order of its outputs. */
export const outputsOf = (model: Model, trace: readonly Tensor[]): readonly Tensor[] =>
  model.program.outputs.map((kernel) => item(trace, kernel));
