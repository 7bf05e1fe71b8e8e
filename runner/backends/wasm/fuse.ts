import { item } from "../../items.ts";
import { registerClass } from "../../machine/dtype.ts";
import { wrapTo } from "../../machine/interpreter.ts";
import type { Affine, Operand, Program, Read } from "../../machine/kernel.ts";
import { product } from "../../machine/shape.ts";
import {
  type Body,
  type BodyStage,
  extent,
  type LoopKernel,
  loopKernel,
  mapRead,
  padded,
  type Source,
} from "./body.ts";
import { digitsOf, splitLevel } from "./digits.ts";

/** A kernel with what it reads. Its loops may do the work of earlier kernels too. */
export interface Unit {
  /** The kernel whose output it stores. */
  readonly kernel: number;
  readonly operands: readonly Operand[];
  readonly loops: LoopKernel;
}

/** Every kernel by itself. */
const singleUnits = ({ kernels }: Program): readonly Unit[] =>
  kernels.map((kernel, k) => ({ kernel: k, operands: kernel.operands, loops: loopKernel(kernel) }));

/**
 * Units that give the program's outputs. A kernel disappears when all who read it take over its work: each element is
 * then computed where it is read, by the same steps. Only what is read about once is taken over.
 */
export function fusedUnits(program: Program): readonly Unit[] {
  const units = [...singleUnits(program)];
  const readers = program.kernels.map(() => new Set<number>());
  units.forEach(({ operands }, k) => {
    for (const { space, index } of operands) if (space === "kernel") readers[index]?.add(k);
  });
  const gone = new Set<number>();
  for (let k = 0; k < units.length; k++) {
    let unit = item(units, k);
    for (let operand = 0; operand < unit.operands.length; operand++) {
      const { space, index } = item(unit.operands, operand);
      if (space !== "kernel" || program.outputs.includes(index) || item(readers, index).size !== 1) continue;
      const taken = takeOver(item(units, index), unit, operand);
      if (taken === undefined) continue;
      unit = taken;
      gone.add(index);
      operand = -1;
    }
    units[k] = unit;
    for (const { space, index } of unit.operands) if (space === "kernel") readers[index]?.add(k);
  }
  return units.filter(
    ({ kernel }) => !gone.has(kernel) && (item(readers, kernel).size > 0 || program.outputs.includes(kernel)),
  );
}

/** Units that give the outputs of all kernels. They read past copies: what a copy moves is read where it lay. */
export function tracedUnits(program: Program): readonly Unit[] {
  const units = [...singleUnits(program)];
  for (let k = 0; k < units.length; k++) {
    let unit = item(units, k);
    for (let operand = 0; operand < unit.operands.length; operand++) {
      const { space, index } = item(unit.operands, operand);
      if (space !== "kernel" || copiedRead(item(units, index).loops) === undefined) continue;
      const taken = takeOver(item(units, index), unit, operand);
      if (taken === undefined) continue;
      unit = taken;
      operand = -1;
    }
    units[k] = unit;
  }
  return units;
}

/** `outer` with the work of its operand, the unit `inner`, done where it is read; undefined where that does not pay. */
function takeOver(inner: Unit, outer: Unit, operand: number): Unit | undefined {
  const { loops } = inner;
  const dims = loops.sizes.slice(0, loops.outputs);
  const length = product(dims);
  const outerOutputs = product(outer.loops.sizes.slice(0, outer.loops.outputs));
  const all = readsOf(outer.loops, outer.loops.body, outerOutputs);
  const taken = all.filter(({ read }) => read.operand === operand);
  const reads = taken.reduce((sum, { times }) => sum + times, 0);
  const possible =
    !usesGather(loops.body) &&
    all.every(({ read }) => read.gather?.operand !== operand) &&
    taken.every(({ read }) => {
      const { lo, hi } = extent(read, outer.loops.sizes);
      return read.gather === undefined && read.guards.length === 0 && lo >= 0 && hi < length;
    });
  const copy = copiedRead(loops);
  if (!possible || (copy === undefined && !reduces(loops.body)) || reads > length) return undefined;
  const operands = outer.operands.filter((_, i) => i !== operand);
  const numberOf = (wanted: Operand): number => {
    const known = operands.findIndex(({ space, index }) => space === wanted.space && index === wanted.index);
    return known >= 0 ? known : operands.push(wanted) - 1;
  };
  const innerNumbers = inner.operands.map(numberOf);
  const outerNumbers = outer.operands.map((given, i) => (i === operand ? -1 : numberOf(given)));
  const split = splitFor(outer.loops, operand, dims);
  if (split === undefined) return undefined;
  const reduction = loops.sizes.slice(loops.outputs);
  let sizes = [...split.sizes];
  const body = mapSources(split.body, (read): Source => {
    if (read.operand !== operand) return { read: renumbered(read, outerNumbers) };
    const digits = digitsOf(read, split.sizes, dims);
    if (digits === undefined || "level" in digits) throw new RangeError("a read that was split has digits");
    const first = sizes.length;
    if (copy === undefined) sizes = [...sizes, ...reduction];
    const substitute = (affine: Affine): Affine => substituted(affine, digits.digits, first);
    if (copy !== undefined) {
      const made = mapRead(copy, substitute);
      const fill = registerClass(loops.dtype) === "f32" ? copy.fill : wrapTo(loops.dtype, copy.fill);
      return { read: { ...renumbered(made, innerNumbers), fill } };
    }
    const moved = mapBody(loops.body, substitute, first - loops.outputs);
    return { body: mapSources(moved, (own) => ({ read: renumbered(own, innerNumbers) })) };
  });
  if (operands.length > MOST_OPERANDS) return undefined;
  const full = (affine: Affine): Affine => padded(affine, sizes.length);
  return {
    kernel: outer.kernel,
    operands,
    loops: { ...split, sizes, operands, at: full(split.at), body: mapBody(body, full, 0) },
  };
}

/** The loops split until each read of an operand walks its dimensions one by one; undefined where none does. */
function splitFor(loops: LoopKernel, operand: number, dims: readonly number[]): LoopKernel | undefined {
  for (const { read } of readsOf(loops, loops.body, 1)) {
    if (read.operand !== operand) continue;
    const digits = digitsOf(read, loops.sizes, dims);
    if (digits === undefined) return undefined;
    if ("level" in digits) return splitFor(splitLevel(loops, digits.level, digits.inner), operand, dims);
  }
  return loops;
}

/** Parameters of a function are no problem for engines up to hundreds. */
const MOST_OPERANDS = 64;

const reduces = (body: Body): boolean => body.reduce !== undefined;

/** The read of a kernel that only copies elements of its own type. */
function copiedRead({ body, dtype, operands }: LoopKernel): Read | undefined {
  const [source, more] = body.finish.sources;
  if (body.reduce !== undefined || source === undefined || more !== undefined || "body" in source) return undefined;
  if (body.finish.constants.length > 0 || body.finish.code.length > 0) return undefined;
  return item(operands, source.read.operand).dtype === dtype ? source.read : undefined;
}

function usesGather(body: Body): boolean {
  const stage = ({ sources }: BodyStage): boolean =>
    sources.some((source) => ("read" in source ? source.read.gather !== undefined : usesGather(source.body)));
  return stage(body.finish) || (body.reduce !== undefined && (stage(body.reduce.init) || stage(body.reduce.step)));
}

/** All reads of a body, each with how often it is done in all when the body is evaluated so often. */
function readsOf(
  kernel: LoopKernel,
  body: Body,
  evaluations: number,
): { readonly read: Read; readonly times: number }[] {
  const stage = ({ sources }: BodyStage, times: number): { readonly read: Read; readonly times: number }[] =>
    sources.flatMap((source) =>
      "read" in source ? [{ read: source.read, times }] : readsOf(kernel, source.body, times),
    );
  const { reduce, finish } = body;
  if (reduce === undefined) return stage(finish, evaluations);
  const steps = product(reduce.levels.map((level) => item(kernel.sizes, level)));
  return [
    ...stage(reduce.init, evaluations),
    ...stage(reduce.step, evaluations * steps),
    ...stage(finish, evaluations),
  ];
}

function mapSources(body: Body, map: (read: Read) => Source): Body {
  const stage = (given: BodyStage): BodyStage => ({
    ...given,
    sources: given.sources.map((source) =>
      "read" in source ? map(source.read) : { body: mapSources(source.body, map) },
    ),
  });
  const { reduce } = body;
  return {
    ...body,
    ...(reduce && { reduce: { ...reduce, init: stage(reduce.init), step: stage(reduce.step) } }),
    finish: stage(body.finish),
  };
}

/** A body with its affine functions mapped and its reduction levels moved up by `shift`. */
function mapBody(body: Body, map: (affine: Affine) => Affine, shift: number): Body {
  const stage = (given: BodyStage): BodyStage => ({
    ...given,
    sources: given.sources.map((source) =>
      "read" in source ? { read: mapRead(source.read, map) } : { body: mapBody(source.body, map, shift) },
    ),
    indices: given.indices.map(map),
  });
  const { reduce } = body;
  return {
    ...body,
    ...(reduce && {
      reduce: {
        ...reduce,
        levels: reduce.levels.map((level) => level + shift),
        init: stage(reduce.init),
        step: stage(reduce.step),
      },
    }),
    finish: stage(body.finish),
  };
}

const renumbered = (read: Read, numbers: readonly number[]): Read => ({
  ...read,
  operand: item(numbers, read.operand),
  ...(read.gather && { gather: { ...read.gather, operand: item(numbers, read.gather.operand) } }),
});

/**
 * An affine function over a kernel's levels as one over the levels of another: output dimension `d` becomes `digits[d]`,
 * the levels behind follow from level `first` on.
 */
function substituted({ base, strides }: Affine, digits: readonly Affine[], first: number): Affine {
  const made: (number | undefined)[] = [];
  let start = base;
  strides.forEach((stride, level) => {
    const digit = digits[level];
    if (digit === undefined) {
      made[first + level - digits.length] = stride;
      return;
    }
    start += stride * digit.base;
    digit.strides.forEach((by, l) => (made[l] = (made[l] ?? 0) + stride * by));
  });
  return { base: start, strides: Array.from(made, (stride) => stride ?? 0) };
}
