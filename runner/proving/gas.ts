import { item } from "../items.ts";
import { DTYPE_BYTES } from "../machine/dtype.ts";
import type { Kernel, Reduce } from "../machine/kernel.ts";

/*
 * What a reduction step costs on chain, to split long reductions into transactions. Upper estimates for ordinary data,
 * execution and calldata together; the sender of a proof should still ask a node for an estimate.
 */

/** Steps of dot products and sums, which TensorMachine takes a run at a time. */
const DOT = { float: 700, byte: 80, run: 7000 };
/** Any other step. */
const STEP = { base: 1200, read: 1600, guard: 250, gather: 1800, constant: 50, instruction: 700 };

/** A sum of floats that starts from -0 takes its first word of operands, eight steps, with the general routine. */
const NEGATIVE_ZERO = { bits: 0x80000000, gas: 8 * 1000 };

/** Gas that a kernel's reduction takes once, besides its steps; 0 when it does not reduce. */
export function startGas({ reduce }: Kernel): number {
  const negative = reduce?.init.constants.some((constant) => "f32" in constant && constant.f32 === NEGATIVE_ZERO.bits);
  return negative === true ? NEGATIVE_ZERO.gas : 0;
}

/** Upper estimate of the gas of one reduction step of a kernel; 0 when it does not reduce. */
export function stepGas(kernel: Kernel): number {
  const { reduce } = kernel;
  if (reduce === undefined) return 0;
  const { reads, constants, code } = reduce.step;
  if (isDot(kernel, reduce)) {
    const inner = reduce.dims.findLast((dim) => dim > 1) ?? 1;
    const float = code.at(-1)?.op === "fadd";
    return Math.ceil((float ? DOT.float : DOT.byte) + DOT.run / inner);
  }
  const guards = reads.reduce((sum, read) => sum + read.guards.length, 0);
  const gathers = reads.filter((read) => read.gather !== undefined).length;
  return (
    STEP.base +
    STEP.read * reads.length +
    STEP.guard * guards +
    STEP.gather * gathers +
    STEP.constant * constants.length +
    STEP.instruction * code.length
  );
}

/** Whether contracts/machine/FastReduction.sol takes the steps a run at a time; false where that is not certain. */
function isDot({ shape, operands }: Kernel, { accumulators, dims, step }: Reduce): boolean {
  const { reads, code } = step;
  const inner =
    shape.length +
    Math.max(
      0,
      dims.findLastIndex((dim) => dim > 1),
    );
  const runs = reads.every(({ strides, guards, gather }) => {
    const stride = item(strides, inner);
    return (stride === 0 || stride === 1) && gather === undefined && guards.every((g) => g.strides[inner] === 0);
  });
  if (accumulators !== 1 || reads.length < 1 || reads.length > 2 || !runs) return false;
  const shown = code.map(({ op }) => op).join(" ");
  if (/^(fmul )?fadd$/.test(shown)) return true;
  const bytes = reads.every(({ operand }) => DTYPE_BYTES[item(operands, operand).dtype] === 1);
  return bytes && /^(isub ){0,2}imul iadd$/.test(shown);
}
