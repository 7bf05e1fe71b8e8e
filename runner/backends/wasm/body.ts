import { item } from "../../items.ts";
import { type DType, registerClass } from "../../machine/dtype.ts";
import type { Affine, Constant, Guard, Instruction, Kernel, Read, Stage, TensorType } from "../../machine/kernel.ts";
import { OPCODES } from "../../machine/scalar.ts";
import { product, rowMajor } from "../../machine/shape.ts";
import { ANY, constantRange, dtypeRange, hull, intRange, type Range, resultRange } from "./range.ts";

/**
 * A kernel as loops: levels of given sizes, those over the output first. Affine functions have a stride for each level.
 * An operand may be the body of an earlier kernel instead of a tensor: its elements are then computed where they are read.
 */
export interface LoopKernel {
  readonly sizes: readonly number[];
  /** Levels that run over the output; the others belong to reductions. */
  readonly outputs: number;
  readonly dtype: DType;
  readonly operands: readonly TensorType[];
  /** Where an element is stored. */
  readonly at: Affine;
  readonly body: Body;
}

export interface Body {
  readonly dtype: DType;
  readonly reduce?: BodyReduce;
  readonly finish: BodyStage;
}

export interface BodyReduce {
  readonly levels: readonly number[];
  readonly accumulators: number;
  readonly init: BodyStage;
  readonly step: BodyStage;
}

export interface BodyStage {
  readonly sources: readonly Source[];
  readonly constants: readonly Constant[];
  readonly code: readonly Instruction[];
  /** What `index` gives, by dimension. */
  readonly indices: readonly Affine[];
}

/** An element of a tensor, or an element that is computed. */
export type Source = { readonly read: Read } | { readonly body: Body };

/** A kernel on its own. */
export function loopKernel(kernel: Kernel): LoopKernel {
  const sizes = [...kernel.shape, ...(kernel.reduce?.dims ?? [])];
  const outputs = kernel.shape.length;
  const indices = sizes.map((_, level): Affine => ({ base: 0, strides: sizes.map((_, l) => (l === level ? 1 : 0)) }));
  const stage = ({ reads, constants, code }: Stage): BodyStage => ({
    sources: reads.map((read) => ({ read: mapRead(read, (affine) => padded(affine, sizes.length)) })),
    constants,
    code,
    indices,
  });
  const { reduce } = kernel;
  return {
    sizes,
    outputs,
    dtype: kernel.dtype,
    operands: kernel.operands,
    at: padded({ base: 0, strides: rowMajor(kernel.shape) }, sizes.length),
    body: {
      dtype: kernel.dtype,
      ...(reduce && {
        reduce: {
          levels: reduce.dims.map((_, d) => outputs + d),
          accumulators: reduce.accumulators,
          init: stage(reduce.init),
          step: stage(reduce.step),
        },
      }),
      finish: stage(kernel.finish),
    },
  };
}

/** An affine function with a stride for each of so many levels: 0 for those that it does not have. */
export const padded = ({ base, strides }: Affine, levels: number): Affine => ({
  base,
  strides: Array.from({ length: levels }, (_, level) => strides[level] ?? 0),
});

/** A read with its affine functions mapped. */
export const mapRead = (read: Read, map: (affine: Affine) => Affine): Read => ({
  ...read,
  ...map(read),
  guards: read.guards.map((guard): Guard => ({ ...map(guard), bound: guard.bound })),
  ...(read.gather && { gather: { ...read.gather, ...map(read.gather) } }),
});

/** Instructions of all steps and outputs, pairs of them counted once; a step counts at least once. */
export function kernelWork({ sizes, outputs, body }: LoopKernel): number {
  const of = (given: Body): number => {
    const stage = ({ sources, code }: BodyStage): number =>
      Math.max(1, code.length / 2) + sources.reduce((sum, source) => sum + ("body" in source ? of(source.body) : 0), 0);
    const { reduce, finish } = given;
    if (reduce === undefined) return stage(finish);
    const steps = product(reduce.levels.map((level) => item(sizes, level)));
    return stage(reduce.init) + steps * stage(reduce.step) + stage(finish);
  };
  return product(sizes.slice(0, outputs)) * of(body);
}

/** Least and greatest value of an affine function over all levels. */
export function extent({ base, strides }: Affine, sizes: readonly number[]): Range {
  let [lo, hi] = [base, base];
  strides.forEach((stride, level) => {
    const span = stride * (item(sizes, level) - 1);
    if (span < 0) lo += span;
    else hi += span;
  });
  return { lo, hi };
}

/** Whether each accumulator of a reduction holds f32s: what its first value is. */
export function floatAccumulators(kernel: LoopKernel, { accumulators, init }: BodyReduce): readonly boolean[] {
  const floats: boolean[] = [];
  for (const source of init.sources) {
    const dtype = "body" in source ? source.body.dtype : item(kernel.operands, source.read.operand).dtype;
    floats.push(registerClass(dtype) === "f32");
  }
  for (const constant of init.constants) floats.push("f32" in constant);
  for (const { op, b } of init.code) {
    const { gives } = OPCODES[op];
    floats.push(gives === "any" ? item(floats, b) : gives === "f32");
  }
  return floats.slice(-accumulators);
}

/** Ranges of the registers of all stages of a body. */
export interface BodyRanges {
  readonly accumulators: readonly Range[];
  readonly init: readonly Range[];
  readonly step: readonly Range[];
  readonly finish: readonly Range[];
}

/** Rounds after which ranges of accumulators that still grow are given up. */
const PATIENCE = 5;

export function bodyRanges(kernel: LoopKernel, { reduce, finish }: Body): BodyRanges {
  if (reduce === undefined) {
    return { accumulators: [], init: [], step: [], finish: stageRanges(kernel, finish, []) };
  }
  const n = reduce.accumulators;
  const init = stageRanges(kernel, reduce.init, []);
  const start = init.slice(-n);
  const steps = product(reduce.levels.map((level) => item(kernel.sizes, level)));
  let accumulators: readonly Range[] = start;
  let stable = false;
  for (let round = 0; round < PATIENCE + n + 1 && !stable; round++) {
    const registers = stageRanges(kernel, reduce.step, accumulators);
    const next = accumulators.map((range, i): Range => {
      const first = item(start, i);
      const added = addedTo(reduce.step, n, i, registers);
      const grown =
        added === undefined
          ? hull(range, item(registers, registers.length - n + i))
          : intRange(first.lo + steps * Math.min(0, added.lo), first.hi + steps * Math.max(0, added.hi));
      const widened = hull(grown, range);
      return round >= PATIENCE && (widened.lo < range.lo || widened.hi > range.hi) ? ANY : widened;
    });
    stable = next.every(({ lo, hi }, i) => lo === accumulators[i]?.lo && hi === accumulators[i].hi);
    accumulators = next;
  }
  if (!stable) accumulators = accumulators.map(() => ANY);
  return {
    accumulators,
    init,
    step: stageRanges(kernel, reduce.step, accumulators),
    finish: stageRanges(kernel, finish, accumulators),
  };
}

/** Range of the int that a step adds to accumulator `i`, if adding is how it makes the accumulator's next value. */
function addedTo(step: BodyStage, n: number, i: number, registers: readonly Range[]): Range | undefined {
  const instruction = step.code[step.code.length - n + i];
  if (instruction?.op !== "iadd") return undefined;
  const { a, b } = instruction;
  if (a === b || (a !== i && b !== i)) return undefined;
  const other = a === i ? b : a;
  // What is added may not itself grow with the accumulators.
  return other < n ? undefined : item(registers, other);
}

function stageRanges(kernel: LoopKernel, stage: BodyStage, accumulators: readonly Range[]): readonly Range[] {
  const ranges: Range[] = [...accumulators];
  for (const source of stage.sources) {
    if ("body" in source) {
      const inner = bodyRanges(kernel, source.body).finish.at(-1) ?? ANY;
      const stored = dtypeRange(source.body.dtype);
      ranges.push(inner.lo >= stored.lo && inner.hi <= stored.hi ? inner : stored);
      continue;
    }
    const { dtype } = item(kernel.operands, source.read.operand);
    const fill = Number(source.read.fill);
    if (registerClass(dtype) === "f32") ranges.push(ANY);
    else ranges.push(hull(dtypeRange(dtype), intRange(fill, fill)));
  }
  for (const constant of stage.constants) ranges.push(constantRange(constant));
  for (const { op, a, b, c } of stage.code) {
    if (op === "index") ranges.push(extent(item(stage.indices, a), kernel.sizes));
    else ranges.push(resultRange(op, ranges[a] ?? ANY, ranges[b] ?? ANY, ranges[c] ?? ANY, b));
  }
  return ranges;
}
