import { item } from "../items.ts";
import { AssayError, isAssayError } from "../errors.ts";
import { inferClasses, type KernelClasses, registerCount } from "./classes.ts";
import { DTYPE_CODE, DTYPES, type RegisterClass, registerClass } from "./dtype.ts";
import { encodeKernel, SPACES } from "./encoding.ts";
import type { Affine, Kernel, Operand, Program, Read, Stage, TensorType } from "./kernel.ts";
import { LIMITS } from "./limits.ts";
import { proofBytes, replayTransactions } from "./proof-limits.ts";
import { OPCODES, type OpcodeRow } from "./scalar.ts";
import { product } from "./shape.ts";
import { nameOfType } from "./tensor.ts";

/**
 * Checks a program: every kernel as `verifyKernel` does, operands against what they name, outputs.
 * @returns The register classes of each kernel.
 * @throws AssayError KERNEL_INVALID (with the kernel's index) or PROGRAM_INVALID.
 */
export function verifyProgram(program: Program): readonly KernelClasses[] {
  const refuse = (field: string, reason: string): AssayError =>
    new AssayError("PROGRAM_INVALID", `program.${field} ${reason}`, { field, reason });
  const checkTypes = (name: string, types: readonly TensorType[]): void => {
    if (types.length > LIMITS.count) throw refuse(name, "has 2^32 or more tensors");
    types.forEach((type, i) => {
      if (!DTYPES.includes(type.dtype)) throw refuse(`${name}[${String(i)}].dtype`, `is not a dtype: ${type.dtype}`);
      if (!isCount(type.length)) throw refuse(`${name}[${String(i)}].length`, "must be 1 to 2^32 - 1");
    });
  };
  checkTypes("inputs", program.inputs);
  checkTypes("constants", program.constants);
  if (!isCount(program.kernels.length)) throw refuse("kernels", "must have 1 to 2^32 - 1 kernels");

  const produced: TensorType[] = [];
  const spaces = { input: program.inputs, constant: program.constants, kernel: produced };
  const classes = program.kernels.map((kernel, index) => {
    const result = verifyKernel(kernel, index);
    kernel.operands.forEach((operand, i) => {
      const field = `operands[${String(i)}]`;
      const type = spaces[operand.space][operand.index];
      if (type === undefined) throw invalid(index, field, `names ${nameOf(operand)}, which does not exist before it`);
      if (type.dtype !== operand.dtype || type.length !== operand.length) {
        throw invalid(
          index,
          field,
          `takes ${nameOf(operand)} as ${nameOfType(operand)}, but it is ${nameOfType(type)}`,
        );
      }
    });
    produced.push({ dtype: kernel.dtype, length: product(kernel.shape) });
    return result;
  });

  if (program.outputs.length === 0) throw refuse("outputs", "is empty");
  program.outputs.forEach((kernel, i) => {
    if (produced[kernel] === undefined) throw refuse(`outputs[${String(i)}]`, `names kernel ${String(kernel)}`);
    if (program.outputs.indexOf(kernel) !== i) throw refuse(`outputs[${String(i)}]`, "repeats an output");
  });
  return classes;
}

/**
 * Checks everything about a kernel that does not need its program. What passes has defined bits for all data, encodes
 * to at most 24,576 bytes, decodes to itself, and can be re-executed on chain element by element while a dispute lasts.
 * @param index Which kernel of its program, for messages.
 * @returns The inferred class of every register.
 * @throws AssayError KERNEL_INVALID naming kernel and field.
 */
export function verifyKernel(kernel: Kernel, index?: number): KernelClasses {
  const { classes, encodedBytes } = verifyForm(kernel, index);
  const transactions = replayTransactions(kernel);
  if (transactions > LIMITS.transactions) {
    const most = `at most ${String(LIMITS.transactions)} are allowed`;
    throw invalid(index, "reduce", `can take ${String(transactions)} transactions to replay for each element, ${most}`);
  }
  const proof = proofBytes(kernel, encodedBytes);
  if (proof > LIMITS.proofBytes) {
    throw invalid(index, "reads", `can take ${String(proof)} bytes to prove, at most 122,880 are allowed`);
  }
  return classes;
}

/**
 * Checks that a kernel has defined bits for all data, without the limits on proofs: enough for local execution.
 * @throws AssayError KERNEL_INVALID naming kernel and field.
 */
export function verifyForm(
  kernel: Kernel,
  index?: number,
): { readonly classes: KernelClasses; readonly encodedBytes: number } {
  const refuse = (field: string, reason: string): AssayError => invalid(index, field, reason);
  const most = (field: string, actual: number, limit: number): void => {
    if (actual > limit) throw refuse(field, `has ${String(actual)} entries, at most ${String(limit)} are allowed`);
  };
  const checkDims = (field: string, dims: readonly number[], limit: number): void => {
    most(field, dims.length, limit);
    if (!dims.every(isCount)) throw refuse(field, "has a dimension outside 1 to 2^32 - 1");
    // A product of numbers >= 1 only grows, so an inexact product is already too large.
    if (!isCount(product(dims))) throw refuse(field, "has a product outside 1 to 2^32 - 1");
  };
  const checkReach = (field: string, value: number): void => {
    if (!Number.isSafeInteger(value) || Math.abs(value) > LIMITS.reach) {
      throw refuse(field, `is ${String(value)}, not an integer of magnitude at most 2^47`);
    }
  };
  const checkBound = (field: string, bound: number): void => {
    checkReach(field, bound);
    if (bound < 0) throw refuse(field, "is negative");
  };
  const checkAffine = (field: string, { base, strides }: Affine, dims: readonly number[]): void => {
    checkReach(`${field}.base`, base);
    if (strides.length !== dims.length) {
      throw refuse(`${field}.strides`, `has ${String(strides.length)} entries for ${String(dims.length)} dimensions`);
    }
    strides.forEach((stride, d) => {
      checkReach(`${field}.strides[${String(d)}]`, stride);
      checkReach(`${field}.strides[${String(d)}] over its dimension`, stride * (item(dims, d) - 1));
    });
  };
  const operandAt = (field: string, operand: number): Operand => {
    const found = kernel.operands[operand];
    if (found === undefined) throw refuse(field, `names operand ${String(operand)}, which does not exist`);
    return found;
  };
  const checkRead = (field: string, read: Read, dims: readonly number[]): void => {
    const operand = operandAt(`${field}.operand`, read.operand);
    if (!fits(read.fill, registerClass(operand.dtype))) throw refuse(`${field}.fill`, "does not fit its register");
    checkAffine(field, read, dims);
    most(`${field}.guards`, read.guards.length, LIMITS.guards);
    read.guards.forEach((guard, g) => {
      checkAffine(`${field}.guards[${String(g)}]`, guard, dims);
      checkBound(`${field}.guards[${String(g)}].bound`, guard.bound);
    });
    const { gather } = read;
    if (gather === undefined) return;
    const { dtype } = operandAt(`${field}.gather.operand`, gather.operand);
    if (dtype === "f32" || dtype === "bool")
      throw refuse(`${field}.gather.operand`, `is ${dtype}, not an integer dtype`);
    checkAffine(`${field}.gather`, gather, dims);
    checkBound(`${field}.gather.bound`, gather.bound);
    checkReach(`${field}.gather.stride`, gather.stride);
    checkReach(`${field}.gather.stride over its bound`, gather.stride * (gather.bound - 1));
  };
  const checkStage = (name: string, stage: Stage, dims: readonly number[], accumulators: number): void => {
    most(`${name}.reads`, stage.reads.length, LIMITS.reads);
    most(`${name}.constants`, stage.constants.length, LIMITS.constants);
    const registers = registerCount(stage, accumulators);
    if (registers < 1 || registers > LIMITS.registers)
      throw refuse(name, `has ${String(registers)} registers, not 1 to 255`);
    stage.reads.forEach((read, i) => checkRead(`${name}.reads[${String(i)}]`, read, dims));
    stage.constants.forEach((constant, i) => {
      const [value, kind] = "f32" in constant ? ([constant.f32, "f32"] as const) : ([constant.int, "int"] as const);
      if (!fits(value, kind))
        throw refuse(`${name}.constants[${String(i)}]`, `${String(value)} does not fit an ${kind}`);
    });
    stage.code.forEach((instruction, i) => {
      const field = `${name}.code[${String(i)}]`;
      if (!Object.hasOwn(OPCODES, instruction.op)) throw refuse(field, "has an unknown opcode");
      const { takes }: OpcodeRow = OPCODES[instruction.op];
      (["a", "b", "c"] as const).forEach((letter, position) => {
        const value = instruction[letter];
        const where = `${field}.${letter}`;
        if (instruction.op === "index" && letter === "a") {
          if (!(value in dims)) throw refuse(where, `names dimension ${String(value)} of ${String(dims.length)}`);
        } else if (instruction.op === "wrap" && letter === "b") {
          const dtype = DTYPES[value];
          if (dtype === undefined || DTYPE_CODE[dtype] === 0) throw refuse(where, "is not the code of an int dtype");
        } else if (position >= takes.length && value !== 0) throw refuse(where, "is not used and must be 0");
      });
    });
  };

  if (!DTYPES.includes(kernel.dtype)) throw refuse("dtype", `is not a dtype: ${kernel.dtype}`);
  checkDims("shape", kernel.shape, LIMITS.rank);
  most("operands", kernel.operands.length, LIMITS.operands);
  kernel.operands.forEach((operand, i) => {
    const field = `operands[${String(i)}]`;
    if (!SPACES.includes(operand.space)) throw refuse(`${field}.space`, `is not a space: ${operand.space}`);
    if (!DTYPES.includes(operand.dtype)) throw refuse(`${field}.dtype`, `is not a dtype: ${operand.dtype}`);
    if (!isCount(operand.length)) throw refuse(`${field}.length`, "must be 1 to 2^32 - 1");
    if (!isCount(operand.index + 1)) throw refuse(`${field}.index`, "must be 0 to 2^32 - 2");
  });
  const { reduce } = kernel;
  if (reduce !== undefined) {
    if (reduce.dims.length === 0) throw refuse("reduce.dims", "is empty; leave out reduce instead");
    checkDims("reduce.dims", reduce.dims, LIMITS.reductionRank);
    if (!isCount(reduce.accumulators) || reduce.accumulators > LIMITS.accumulators) {
      throw refuse("reduce.accumulators", "must be 1 to 4");
    }
    checkStage("init", reduce.init, kernel.shape, 0);
    checkStage("step", reduce.step, [...kernel.shape, ...reduce.dims], reduce.accumulators);
  }
  checkStage("finish", kernel.finish, kernel.shape, reduce?.accumulators ?? 0);

  const classes = inferred(kernel, index);
  checkTags(kernel, classes, refuse);
  const encodedBytes = encodeKernel(kernel).length;
  if (encodedBytes > LIMITS.kernelBytes) {
    throw refuse("encoding", `is ${String(encodedBytes)} bytes, at most 24,576 are allowed`);
  }
  return { classes, encodedBytes };
}

/** Constants must carry the class that their uses give them, and int when they have none, so that decoding agrees. */
function checkTags(
  kernel: Kernel,
  classes: KernelClasses,
  refuse: (field: string, reason: string) => AssayError,
): void {
  const check = (name: string, stage: Stage, registers: readonly RegisterClass[], first: number): void => {
    stage.constants.forEach((constant, i) => {
      const tag = "f32" in constant ? "f32" : "int";
      const wanted = item(registers, first + stage.reads.length + i);
      if (tag === wanted) return;
      throw refuse(`${name}.constants[${String(i)}]`, `is given as ${tag}, but its uses make it an ${wanted}`);
    });
  };
  if (kernel.reduce !== undefined) {
    check("init", kernel.reduce.init, classes.init, 0);
    check("step", kernel.reduce.step, classes.step, kernel.reduce.accumulators);
  }
  check("finish", kernel.finish, classes.finish, kernel.reduce?.accumulators ?? 0);
}

/** `inferClasses`, with the kernel's index in its error. */
function inferred(kernel: Kernel, index: number | undefined): KernelClasses {
  try {
    return inferClasses(kernel);
  } catch (error) {
    if (!isAssayError(error, "KERNEL_INVALID")) throw error;
    throw invalid(index, error.details.field, error.details.reason);
  }
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= LIMITS.count;

const fits = (bits: bigint | number, kind: RegisterClass): boolean => {
  if (typeof bits === "number" && !Number.isInteger(bits)) return false;
  const value = BigInt(bits);
  return kind === "f32" ? BigInt.asUintN(32, value) === value : BigInt.asIntN(64, value) === value;
};

const nameOf = ({ space, index }: Operand): string => `${space} ${String(index)}`;

function invalid(kernel: number | undefined, field: string, reason: string): AssayError {
  const where = kernel === undefined ? "kernel" : `kernel ${String(kernel)}`;
  const details = kernel === undefined ? { field, reason } : { kernel, field, reason };
  return new AssayError("KERNEL_INVALID", `${where}: ${field} ${reason}`, details);
}
