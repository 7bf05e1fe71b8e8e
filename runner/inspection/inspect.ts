import { item } from "../items.ts";
import { commitModel, type ModelCommitment } from "../commitment/model.ts";
import { kernelCost } from "../machine/cost.ts";
import { DTYPE_BYTES } from "../machine/dtype.ts";
import type { Model, Port } from "../onnx/import/import.ts";
import type { TaskOptions } from "../task.ts";
import { proofBound, type ProofBound } from "./bounds.ts";
import { kernelKind } from "./kind.ts";

/** What a model is and costs. Counts and bytes are exact; proofs are upper bounds, their gas an estimate. */
export interface Inspection {
  readonly producer: string;
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly model: ModelCommitment;
  readonly kernels: readonly KernelReport[];
  readonly totals: {
    readonly multiplyAccumulates: number;
    readonly instructions: number;
    readonly weightBytes: number;
    readonly traceBytes: number;
    readonly programBytes: number;
  };
  /** The kernel whose proof takes the most gas. */
  readonly worst: { readonly kernel: number } & ProofBound;
}

/** One kernel of a model. */
export interface KernelReport {
  readonly index: number;
  readonly kind: string;
  /** Nodes of the ONNX file whose work it does, in order. */
  readonly nodes: Model["nodes"][number];
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Sizes of the reduction; empty when the kernel does not reduce. */
  readonly reduction: readonly number[];
  readonly operands: readonly string[];
  readonly multiplyAccumulates: number;
  readonly instructions: number;
  readonly outputBytes: number;
  readonly encodedBytes: number;
  readonly proof: ProofBound;
}

/** The first nodes, as one line of text. */
export function nodeNames(nodes: Model["nodes"][number], most = 3): string {
  const names = nodes.slice(0, most).map(({ operator, name }) => `${operator} ${name}`);
  return [...names, ...(nodes.length > most ? [`${String(nodes.length - most)} more`] : [])].join(", ");
}

/** Commits a model and measures its kernels. @throws AssayError ABORTED. */
export async function inspectModel(model: Model, options?: TaskOptions): Promise<Inspection> {
  const { program, constants } = model;
  const commitment = await commitModel(program, constants, options);
  const kernels = program.kernels.map((kernel, index): KernelReport => {
    const cost = kernelCost(kernel);
    return {
      index,
      kind: kernelKind(kernel),
      nodes: item(model.nodes, index),
      dtype: kernel.dtype,
      shape: kernel.shape,
      reduction: kernel.reduce?.dims ?? [],
      operands: kernel.operands.map((operand) => `${operand.space} ${operand.index}`),
      multiplyAccumulates: cost.multiplyAccumulates,
      instructions: cost.instructions,
      outputBytes: cost.elements * DTYPE_BYTES[kernel.dtype],
      encodedBytes: item(commitment.kernels, index).length,
      proof: proofBound(program, kernel),
    };
  });
  const total = (of: (kernel: KernelReport) => number): number => kernels.reduce((sum, kernel) => sum + of(kernel), 0);
  const worst = kernels.reduce((a, b) => (b.proof.gas > a.proof.gas ? b : a));
  return {
    producer: model.producer,
    opsets: model.opsets,
    inputs: model.inputs,
    outputs: model.outputs,
    model: commitment,
    kernels,
    totals: {
      multiplyAccumulates: total((kernel) => kernel.multiplyAccumulates),
      instructions: total((kernel) => kernel.instructions),
      weightBytes: constants.reduce((sum, { data }) => sum + data.byteLength, 0),
      traceBytes: total((kernel) => kernel.outputBytes),
      programBytes: total((kernel) => kernel.encodedBytes),
    },
    worst: { kernel: worst.index, ...worst.proof },
  };
}
