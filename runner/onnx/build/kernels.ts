import { item } from "../../items.ts";
import { type DType, type RegisterClass, registerClass } from "../../machine/dtype.ts";
import { f32ToBits } from "../../machine/float.ts";
import type { Affine, Kernel, Operand, Read, Stage } from "../../machine/kernel.ts";
import { elementCount } from "../file/element-type.ts";
import { asIndex, Index, type IndexLike } from "./affine.ts";
import { type LogicalGuard, type LogicalStage, type Ref, StageBuilder } from "./stage.ts";
import type { Value } from "./value.ts";

/** Options of a read. */
export interface ReadOptions {
  /** What the read gives outside its guards: an f32 number for f32 values, an int otherwise. Default 0. */
  readonly fill?: number | bigint;
  /** Dimensions of the value whose index may lie outside and must be guarded. */
  readonly guarded?: readonly number[];
  /** Further conditions `0 <= index < bound`. */
  readonly guards?: readonly LogicalGuard[];
  /** Dimension of the value indexed by elements of another value instead of by `at`. */
  readonly gather?: { readonly dimension: number; readonly by: Value; readonly at: readonly IndexLike[] };
}

/** One stage of a kernel under construction: scalar expressions plus reads of values by logical index. */
export class KernelStage extends StageBuilder {
  readonly #kernel: KernelBuilder;

  constructor(kernel: KernelBuilder, accumulators: readonly RegisterClass[]) {
    super(accumulators);
    this.#kernel = kernel;
  }

  /** The element of `value` at these indices, one for each of its dimensions. */
  load(value: Value, at: readonly IndexLike[], options: ReadOptions = {}): Ref {
    const cls = registerClass(this.#kernel.operandType(value));
    const guards: LogicalGuard[] = [...(options.guards ?? [])];
    for (const d of options.guarded ?? []) guards.push({ index: asIndex(item(at, d)), bound: item(value.shape, d) });
    const gathered = options.gather?.dimension;
    const offset = value.shape.reduce(
      (sum, _, d) => (d === gathered ? sum : sum.plus(asIndex(item(at, d)).times(item(value.strides, d)))),
      new Index(value.base),
    );
    const fill = fillBits(cls, options.fill ?? 0);
    const operand = this.#kernel.operand(value);
    if (options.gather === undefined) return this.read({ operand, offset, fill, guards }, cls);
    const { by, at: indices, dimension } = options.gather;
    const gather = {
      operand: this.#kernel.operand(by),
      offset: by.shape.reduce(
        (sum, _, d) => sum.plus(asIndex(item(indices, d)).times(item(by.strides, d))),
        new Index(by.base),
      ),
      bound: item(value.shape, dimension),
      stride: item(value.strides, dimension),
    };
    return this.read({ operand, offset, fill, guards, gather }, cls);
  }
}

const fillBits = (cls: RegisterClass, fill: number | bigint): bigint =>
  cls === "f32" ? BigInt(f32ToBits(Math.fround(Number(fill)))) : BigInt.asIntN(64, BigInt(fill));

/** A fold: how many accumulators of which class, how they start, and one step. */
export interface Fold {
  readonly dims: readonly number[];
  readonly classes: readonly RegisterClass[];
  readonly init: (stage: KernelStage, out: readonly Index[]) => readonly Ref[];
  readonly step: (stage: KernelStage, out: readonly Index[], red: readonly Index[]) => readonly Ref[];
}

export interface KernelSpec {
  readonly dtype: DType;
  /** Logical output dimensions, none of them 0. */
  readonly shape: readonly number[];
  /** Logical output dimensions from the outermost in memory to the innermost; default as they are. */
  readonly order?: readonly number[];
  readonly fold?: Fold;
  readonly finish: (stage: KernelStage, out: readonly Index[]) => Ref;
}

/** Turns a spec over logical indices into a kernel of the machine. */
export class KernelBuilder {
  readonly operands: Operand[] = [];
  readonly #types: (value: Value) => { readonly dtype: DType; readonly length: number };

  constructor(types: (value: Value) => { readonly dtype: DType; readonly length: number }) {
    this.#types = types;
  }

  operandType(value: Value): DType {
    return this.#types(value).dtype;
  }

  /** The number of the operand that holds a value's tensor. */
  operand(value: Value): number {
    const found = this.operands.findIndex(({ space, index }) => space === value.space && index === value.index);
    if (found >= 0) return found;
    return this.operands.push({ space: value.space, index: value.index, ...this.#types(value) }) - 1;
  }

  build(spec: KernelSpec): Kernel {
    const order = spec.order ?? spec.shape.map((_, d) => d);
    const out = spec.shape.map((_, d) => Index.dimension(d));
    const classes = spec.fold?.classes ?? [];
    const reduced = (spec.fold?.dims ?? []).map((_, d) => Index.dimension(spec.shape.length + d));
    const run = (
      accumulators: readonly RegisterClass[],
      body: (stage: KernelStage) => readonly Ref[],
    ): LogicalStage => {
      const stage = new KernelStage(this, accumulators);
      return stage.build(body(stage));
    };
    const { fold } = spec;
    const init = fold && run([], (stage) => fold.init(stage, out));
    const step = fold && run(classes, (stage) => fold.step(stage, out, reduced));
    const finish = run(classes, (stage) => [spec.finish(stage, out)]);

    const stages = [init, step, finish].filter((stage) => stage !== undefined);
    const sizes = [...spec.shape, ...(fold?.dims ?? [])];
    const outer = groupDimensions(order, sizes, stages);
    const inner = groupDimensions(
      (fold?.dims ?? []).map((_, d) => spec.shape.length + d),
      sizes,
      stages,
    );
    if (fold !== undefined && inner.length === 0) inner.push([]);
    const extent = (group: readonly number[]): number => elementCount(group.map((d) => item(sizes, d)));
    const base = { dtype: spec.dtype, shape: outer.map(extent), operands: this.operands };
    if (init === undefined || step === undefined) return { ...base, finish: physicalStage(finish, outer) };
    return {
      ...base,
      reduce: {
        dims: inner.map(extent),
        accumulators: classes.length,
        init: physicalStage(init, outer),
        step: physicalStage(step, [...outer, ...inner]),
      },
      finish: physicalStage(finish, outer),
    };
  }
}

const affinesOf = (stage: LogicalStage): Index[] =>
  stage.reads.flatMap((read) => [
    read.offset,
    ...read.guards.map(({ index }) => index),
    ...(read.gather ? [read.gather.offset] : []),
  ]);

/**
 * Groups dimensions that every read walks as one: neighbours a, b merge when stride(a) = stride(b) * size(b)
 * everywhere. Dimensions of size 1 vanish. A dimension whose index the code uses stays alone.
 */
const groupDimensions = (
  order: readonly number[],
  sizes: readonly number[],
  stages: readonly LogicalStage[],
): number[][] => {
  const affines = stages.flatMap(affinesOf);
  const indexed = new Set(stages.flatMap((stage) => stage.code.filter(({ op }) => op === "index").map(({ a }) => a)));
  const groups: number[][] = [];
  for (const d of order) {
    if (sizes[d] === 1 && !indexed.has(d)) continue;
    const last = groups.at(-1);
    const previous = last?.at(-1);
    const merges =
      last !== undefined &&
      previous !== undefined &&
      !indexed.has(d) &&
      !indexed.has(previous) &&
      affines.every((index) => index.stride(previous) === index.stride(d) * item(sizes, d));
    if (merges) last.push(d);
    else groups.push([d]);
  }
  return groups;
};

const physicalStage = (stage: LogicalStage, groups: readonly (readonly number[])[]): Stage => {
  const affine = (index: Index): Affine => ({
    base: index.base,
    strides: groups.map((group) => {
      const innermost = group.at(-1);
      return innermost === undefined ? 0 : index.stride(innermost);
    }),
  });
  const reads = stage.reads.map((read): Read => ({
    operand: read.operand,
    ...affine(read.offset),
    fill: read.fill,
    guards: read.guards.map(({ index, bound }) => ({ ...affine(index), bound })),
    ...(read.gather && {
      gather: {
        operand: read.gather.operand,
        ...affine(read.gather.offset),
        bound: read.gather.bound,
        stride: read.gather.stride,
      },
    }),
  }));
  const code = stage.code.map((instruction) =>
    instruction.op === "index"
      ? { ...instruction, a: groups.findIndex((group) => group.includes(instruction.a)) }
      : instruction,
  );
  return { reads, constants: stage.constants, code };
};
