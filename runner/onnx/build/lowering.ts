import { type Backend, interpreter } from "../../backends/backend.ts";
import { compiled } from "../../backends/javascript/compiled.ts";
import { throwIfAborted } from "../../errors.ts";
import { item } from "../../items.ts";
import { type DType, DTYPE_BYTES } from "../../machine/dtype.ts";
import { encodeKernel } from "../../machine/encoding.ts";
import type { Kernel, Operand, TensorType } from "../../machine/kernel.ts";
import { createTensor, type Tensor, tensorFrom, tensorType } from "../../machine/tensor.ts";
import { LIMITS } from "../../machine/limits.ts";
import { verifyForm } from "../../machine/verify.ts";
import { type ElementType, elementCount, storageOf } from "../file/element-type.ts";
import { importError, kernelRefused } from "../file/refusal.ts";
import type { Dense } from "../file/tensors.ts";
import { copyDirectly } from "./copy.ts";
import { KernelBuilder, type KernelSpec, type KernelStage } from "./kernels.ts";
import { laidOut } from "./layout.ts";
import type { Ref } from "./stage.ts";
import { isDense, memoryOrder, rowMajor, type Value } from "./value.ts";
import { broadcastShapes, broadcastTo, eachOffset } from "./view.ts";

export interface LoweringOptions {
  /** Executes kernels whose operands are constants; default the interpreter for small ones, else the compiler. */
  readonly backend?: Backend;
  readonly signal?: AbortSignal;
  /** Most bytes that one constant computed at import may have. Default 2^31. */
  readonly maxConstantBytes?: number;
}

/** A node of an ONNX file: its operator, and its name or else its first output's; inside functions and loops, a path. */
export interface NodeName {
  readonly operator: string;
  readonly name: string;
}

/** Steps below which compiling a kernel costs more than interpreting it. */
const SMALL_FOLD = 4096;

/**
 * Collects the kernels and constants of a program. A kernel whose operands are all constants is executed at once and
 * becomes a constant: folded bits are executed bits. Kernels that are equal in every byte are emitted once.
 */
export class Lowering {
  readonly inputs: TensorType[] = [];
  readonly constants: Tensor[] = [];
  readonly kernels: Kernel[] = [];
  /** The node that each kernel was first emitted for. */
  readonly origins: (NodeName | undefined)[] = [];
  /** The node that is being lowered. */
  node: NodeName | undefined;
  /** Values that the file itself holds: onnxruntime packs such matrices and then sums in other blocks. */
  readonly initializers = new WeakSet<Value>();
  readonly #memo = new Map<string, { readonly space: "constant" | "kernel"; readonly index: number }>();
  readonly #backend: Backend | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #maxConstantBytes: number;

  constructor(options: LoweringOptions = {}) {
    this.#backend = options.backend;
    this.#signal = options.signal;
    this.#maxConstantBytes = options.maxConstantBytes ?? 2 ** 31;
  }

  /** A new program input, dense. */
  input(element: ElementType, shape: readonly number[]): Value {
    const length = this.#checkedLength(shape);
    const index = this.inputs.push({ dtype: storageOf(element), length }) - 1;
    return { element, shape, space: "input", index, base: 0, strides: rowMajor(shape) };
  }

  /** A dense constant; its tensor must have as many elements as the shape says. */
  constant(tensor: Tensor, shape: readonly number[], element: ElementType = tensor.dtype): Value {
    const index = this.constants.push(tensor) - 1;
    return { element, shape, space: "constant", index, base: 0, strides: rowMajor(shape) };
  }

  /** A constant without elements. It can be shaped and concatenated but not read. */
  empty(element: ElementType, shape: readonly number[]): Value {
    return { element, shape, space: "constant", index: -1, base: 0, strides: shape.map(() => 0) };
  }

  /** A tensor that is known at import as a constant. */
  dense({ tensor, shape, element }: Dense): Value {
    return tensor === undefined ? this.empty(element, shape) : this.constant(tensor, shape, element);
  }

  /** A constant of integers or of f32 values. */
  constantOf(dtype: DType, shape: readonly number[], values: Iterable<number | bigint>): Value {
    if (elementCount(shape) === 0) return this.empty(dtype, shape);
    return this.constant(tensorFrom(dtype, values), shape);
  }

  scalar(dtype: DType, value: number | bigint): Value {
    return this.constantOf(dtype, [], [value]);
  }

  /** Type of the tensor under a value. */
  typeOf(value: Value): TensorType {
    const found =
      value.space === "input"
        ? this.inputs[value.index]
        : value.space === "constant"
          ? this.constants[value.index] && tensorType(item(this.constants, value.index))
          : kernelType(this.kernels[value.index]);
    if (found === undefined) {
      throw importError("ONNX_UNSUPPORTED", "a tensor without elements is read", {
        remedy: "the machine's tensors have at least one element",
      });
    }
    return found;
  }

  isConstant(value: Value): boolean {
    return value.space === "constant";
  }

  /** Emits a kernel, or its output as a constant when nothing it reads depends on an input. */
  emit(spec: KernelSpec, element: ElementType = spec.dtype): Value {
    if (elementCount(spec.shape) === 0) return this.empty(element, spec.shape);
    const kernel = laidOut(this.#build(spec), this.#copy);
    return this.#valueOf(this.#place(kernel), spec, element);
  }

  /** Emits a kernel even if it could be folded: a program's outputs are kernels. Returns the kernel's index. */
  emitKernel(spec: KernelSpec): number {
    return this.#push(laidOut(this.#build(spec), this.#copy));
  }

  /** One scalar expression at every element of broadcast values. The layout follows the largest of them. */
  map(
    dtype: DType,
    values: readonly Value[],
    body: (stage: KernelStage, ...elements: readonly Ref[]) => Ref,
    element: ElementType = dtype,
  ): Value {
    const shape = broadcastShapes(values.map((value) => value.shape));
    const views = values.map((value) => broadcastTo(value, shape));
    const guide = views.find((_, i) => elementCount(item(values, i).shape) === elementCount(shape));
    return this.emit(
      {
        dtype,
        shape,
        ...(guide && { order: memoryOrder(guide) }),
        finish: (stage, out) => body(stage, ...views.map((view) => stage.load(view, out))),
      },
      element,
    );
  }

  /**
   * The value copied so that its dimensions lie in memory in the given order (outermost first, default row-major)
   * without holes; the value itself when it already does.
   */
  arranged(value: Value, order: readonly number[] = value.shape.map((_, d) => d)): Value {
    if (elementCount(value.shape) === 0) return value;
    const inOrder: Value = {
      ...value,
      shape: order.map((d) => item(value.shape, d)),
      strides: order.map((d) => item(value.strides, d)),
    };
    if (isDense(inOrder)) return value;
    return this.emit(
      {
        dtype: storageOf(value.element),
        shape: value.shape,
        order,
        finish: (stage, out) => stage.load(value, out),
      },
      value.element,
    );
  }

  /** Elements of a constant value in row-major order, or undefined when the value is not a constant. */
  elements(value: Value): readonly (number | bigint)[] | undefined {
    if (!this.isConstant(value)) return undefined;
    const count = elementCount(value.shape);
    if (count === 0) return [];
    const tensor = this.constants[value.index];
    if (tensor === undefined) return undefined;
    const data: ArrayLike<number | bigint> = tensor.data;
    const list: (number | bigint)[] = [];
    for (const offset of eachOffset(value)) list.push(item(data, offset));
    return list;
  }

  /** A kernel spec built and checked against the machine's sizes. */
  #build(spec: KernelSpec): Kernel {
    throwIfAborted(this.#signal, "import");
    this.#checkedLength(spec.shape);
    const kernel = new KernelBuilder((value) => this.typeOf(value)).build(spec);
    if (kernel.reduce !== undefined) this.#checkedLength(kernel.reduce.dims);
    const { rank, reductionRank, registers, reads: mostReads, constants: mostConstants } = LIMITS;
    if (kernel.shape.length > rank || (kernel.reduce?.dims.length ?? 0) > reductionRank) {
      throw importError("ONNX_UNSUPPORTED", `more than ${String(rank)} dimensions that cannot be merged`);
    }
    const stages = [kernel.reduce?.init, kernel.reduce?.step, kernel.finish].filter((stage) => stage !== undefined);
    const tooLong = stages.some(
      ({ reads, constants, code }) =>
        (kernel.reduce?.accumulators ?? 0) + reads.length + constants.length + code.length > registers ||
        reads.length > mostReads ||
        constants.length > mostConstants,
    );
    if (tooLong || kernel.operands.length > LIMITS.operands) {
      throw importError("ONNX_UNSUPPORTED", "the operator needs a longer kernel than the machine takes");
    }
    return kernel;
  }

  #place(kernel: Kernel): { readonly space: "constant" | "kernel"; readonly index: number } {
    const key = textOf(encodeKernel(kernel));
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const placed = kernel.operands.every(({ space }) => space === "constant")
      ? { space: "constant" as const, index: this.constants.push(this.#fold(kernel)) - 1 }
      : { space: "kernel" as const, index: this.#push(kernel) };
    this.#memo.set(key, placed);
    return placed;
  }

  readonly #copy = (kernel: Kernel): Operand => ({
    ...this.#place(kernel),
    dtype: kernel.dtype,
    length: elementCount(kernel.shape),
  });

  #push(kernel: Kernel): number {
    this.origins.push(this.node);
    return this.kernels.push(kernel) - 1;
  }

  #fold(kernel: Kernel): Tensor {
    try {
      verifyForm(kernel);
    } catch (error) {
      throw kernelRefused(error);
    }
    const bytes = elementCount(kernel.shape) * DTYPE_BYTES[kernel.dtype];
    if (bytes > this.#maxConstantBytes) {
      throw importError("ONNX_LIMIT", `a constant of ${String(bytes)} bytes would have to be computed at import`, {
        remedy: "raise maxConstantBytes if the model is trusted",
      });
    }
    const operands = kernel.operands.map(({ index }) => item(this.constants, index));
    const copied = copyDirectly(kernel, operands);
    if (copied !== undefined) return copied;
    const output = createTensor(kernel.dtype, elementCount(kernel.shape));
    const steps = output.data.length * elementCount(kernel.reduce?.dims ?? []);
    const backend = this.#backend ?? (steps < SMALL_FOLD ? interpreter : compiled);
    for (const _pause of backend.prepare(kernel)(operands, output)) throwIfAborted(this.#signal, "import");
    return output;
  }

  #valueOf(
    place: { readonly space: "constant" | "kernel"; readonly index: number },
    spec: KernelSpec,
    element: ElementType,
  ): Value {
    const order = spec.order ?? spec.shape.map((_, d) => d);
    const dense = rowMajor(order.map((d) => item(spec.shape, d)));
    const strides = spec.shape.map((_, d) => item(dense, order.indexOf(d)));
    return { element, shape: spec.shape, ...place, base: 0, strides };
  }

  #checkedLength(shape: readonly number[]): number {
    const length = elementCount(shape);
    if (!shape.every(Number.isInteger)) {
      throw importError("ONNX_INVALID", `[${shape.join(", ")}] is not a shape`);
    }
    if (!Number.isSafeInteger(length) || length > LIMITS.count || length < 1) {
      throw importError("ONNX_LIMIT", `a tensor of shape [${shape.join(", ")}] is outside 1 to 2^32 - 1 elements`);
    }
    return length;
  }
}

/** A character for each byte. */
function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

const kernelType = (kernel: Kernel | undefined): TensorType | undefined =>
  kernel && { dtype: kernel.dtype, length: elementCount(kernel.shape) };
