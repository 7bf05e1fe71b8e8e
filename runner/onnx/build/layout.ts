import { item } from "../../items.ts";
import type { Affine, Kernel, Operand, Read, Stage } from "../../machine/kernel.ts";
import { LIMITS } from "../../machine/limits.ts";
import { readBytes, reductionBytes } from "../../machine/proof-limits.ts";
import { elementCount } from "../file/element-type.ts";
import { rowMajor } from "./value.ts";

/** Bytes of leaves above which an element's reduction reads copies: some 150 transactions of a replay. */
const MOST_BYTES = 150 * 80_000;
/** Bytes below which a read stays as it is. */
const SMALL = 80_000;

/** A kernel without a reduction that gives an operand's elements in another order, and the operand that it becomes. */
export type Place = (copy: Kernel) => Operand;

/**
 * The kernel with reads of copies in place of those that stride over large tensors, if one element would otherwise take
 * very many transactions to replay: a copy has the elements of a reduction side by side, so that a leaf serves many steps.
 * Copies change no bit.
 * @param place Emits a copy.
 * @param most Bytes of leaves that one element may go through before its reads are copied.
 */
export function laidOut(kernel: Kernel, place: Place, most = MOST_BYTES): Kernel {
  const { reduce } = kernel;
  if (reduce === undefined || reductionBytes(kernel) <= most) return kernel;
  const reads = reduce.step.reads.map((read) => {
    const copy = readBytes(kernel, read) > Math.min(SMALL, most) ? copyFor(kernel, read) : undefined;
    return copy === undefined ? read : { read: copy.read, operand: place(copy.kernel) };
  });
  const operands: Operand[] = [];
  const numberOf = (operand: Operand): number => {
    const known = operands.findIndex(({ space, index }) => space === operand.space && index === operand.index);
    return known >= 0 ? known : operands.push(operand) - 1;
  };
  const kept = (read: Read): Read => ({
    ...read,
    operand: numberOf(item(kernel.operands, read.operand)),
    ...(read.gather && {
      gather: { ...read.gather, operand: numberOf(item(kernel.operands, read.gather.operand)) },
    }),
  });
  const renumbered = (stage: Stage): Stage => ({ ...stage, reads: stage.reads.map(kept) });
  const init = renumbered(reduce.init);
  const step = {
    ...reduce.step,
    reads: reads.map((read) => ("read" in read ? { ...read.read, operand: numberOf(read.operand) } : kept(read))),
  };
  const finish = renumbered(kernel.finish);
  return { ...kernel, operands, reduce: { ...reduce, init, step }, finish };
}

/** The copy for one read of the step, and the read of it; undefined where a copy cannot hold the same elements. */
function copyFor(kernel: Kernel, read: Read): { readonly kernel: Kernel; readonly read: Read } | undefined {
  const sizes = [...kernel.shape, ...(kernel.reduce?.dims ?? [])];
  const walked = [read, ...read.guards, ...(read.gather === undefined ? [] : [read.gather])];
  const used = sizes.flatMap((_, d) => (walked.some(({ strides }) => item(strides, d) !== 0) ? [d] : []));
  const shape = used.map((d) => item(sizes, d));
  const length = elementCount(shape);
  if (used.length > LIMITS.rank || length > LIMITS.count) return undefined;
  const { dtype } = item(kernel.operands, read.operand);
  // A fill is as wide as a register; only zero is certain to be the same after it was stored.
  if (read.fill !== 0n && (read.guards.length > 0 || read.gather !== undefined)) return undefined;
  const onlyUsed = <T extends Affine>(affine: T): T => ({
    ...affine,
    strides: used.map((d) => item(affine.strides, d)),
  });
  const operands = [item(kernel.operands, read.operand)];
  if (read.gather !== undefined) operands.push(item(kernel.operands, read.gather.operand));
  const copied: Read = {
    ...onlyUsed(read),
    operand: 0,
    guards: read.guards.map(onlyUsed),
    ...(read.gather && { gather: { ...onlyUsed(read.gather), operand: 1 } }),
  };
  const dense = rowMajor(shape);
  const strides = sizes.map((_, d) => (used.includes(d) ? item(dense, used.indexOf(d)) : 0));
  return {
    kernel: { dtype, shape, operands, finish: { reads: [copied], constants: [], code: [] } },
    read: { operand: 0, base: 0, strides, fill: 0n, guards: [] },
  };
}
