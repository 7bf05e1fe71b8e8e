import { commitTensor } from "../runner/commitment/tensor.ts";
import { compiled } from "../runner/backends/javascript/compiled.ts";
import { kernelCost } from "../runner/machine/cost.ts";
import type { DType } from "../runner/machine/dtype.ts";
import { executeElement } from "../runner/machine/interpreter.ts";
import type { Affine, Instruction, Kernel, Read } from "../runner/machine/kernel.ts";
import { createRandom } from "../runner/machine/prng.ts";
import { createTensor, setElementBits, type Tensor } from "../runner/machine/tensor.ts";
import { verifyKernel } from "../runner/machine/verify.ts";

/*
 * Speed of the compiled backend and of commitments, single thread: `npx tsx bench/machine.ts`. Prints millions of
 * multiply-accumulates a second of processor time; every kernel's result is spot-checked against the interpreter.
 */

const read = (
  operand: number,
  strides: readonly number[],
  guards: readonly (Affine & { bound: number })[] = [],
): Read => ({
  operand,
  base: guards.length === 0 ? 0 : guards.reduce((base, g, i) => base + g.base * (i === 0 ? 56 * 64 : 64), 0),
  strides,
  fill: 0n,
  guards,
});

const multiplyAccumulate = (float: boolean): readonly Instruction[] => [
  { op: float ? "fmul" : "imul", a: 1, b: 2, c: 0 },
  { op: float ? "fadd" : "iadd", a: 0, b: 3, c: 0 },
];

function reduction(
  name: string,
  dtype: DType,
  shape: number[],
  dims: number[],
  reads: readonly Read[],
  lengths: number[],
) {
  const float = dtype === "f32";
  const zero = float ? { f32: 0 } : { int: 0n };
  const kernel: Kernel = {
    dtype: float ? "f32" : "i32",
    shape,
    operands: lengths.map((length, index) => ({ space: "input", index, dtype, length })),
    reduce: {
      dims,
      accumulators: 1,
      init: { reads: [], constants: [zero], code: [] },
      step: { reads, constants: [], code: multiplyAccumulate(float) },
    },
    finish: { reads: [], constants: [], code: [{ op: float ? "fabs" : "wrap", a: 0, b: float ? 0 : 2, c: 0 }] },
  };
  return { name, kernel };
}

/** 3 x 3, padding 1, 56 x 56, channels last. */
const convolution = (dtype: DType) => {
  const guards = [
    { base: -1, strides: [1, 0, 0, 1, 0, 0], bound: 56 },
    { base: -1, strides: [0, 1, 0, 0, 1, 0], bound: 56 },
  ];
  const reads = [read(0, [56 * 64, 64, 0, 56 * 64, 64, 1], guards), read(1, [0, 0, 576, 192, 64, 1])];
  return reduction(`conv 3x3 64->64 at 56x56 ${dtype}`, dtype, [56, 56, 64], [3, 3, 64], reads, [
    56 * 56 * 64,
    576 * 64,
  ]);
};
const gemm = (dtype: DType) =>
  reduction(
    `gemm 256x512x512 ${dtype}`,
    dtype,
    [256, 512],
    [512],
    [read(0, [512, 0, 1]), read(1, [0, 512, 1])],
    [256 * 512, 512 * 512],
  );
/** Partial sums over blocks: the innermost output dimension is too short for lanes. */
const blocks = () =>
  reduction(
    "gemm 256x512x512 f32, 2 blocks",
    "f32",
    [256, 512, 2],
    [256],
    [read(0, [512, 0, 256, 1]), read(1, [0, 512, 256, 1])],
    [256 * 512, 512 * 512],
  );
const depthwise = () => {
  const guards = [
    { base: -1, strides: [1, 0, 0, 1, 0], bound: 56 },
    { base: -1, strides: [0, 1, 0, 0, 1], bound: 56 },
  ];
  const reads = [read(0, [56 * 64, 64, 1, 56 * 64, 64], guards), read(1, [0, 0, 9, 3, 1])];
  return reduction("depthwise 3x3 64 at 56x56 f32", "f32", [56, 56, 64], [3, 3], reads, [56 * 56 * 64, 576]);
};

const random = createRandom(1);
const fill = (tensor: Tensor): Tensor => {
  const { data } = tensor;
  for (let i = 0; i < data.length; i++) {
    if (data instanceof Float32Array) data[i] = random.u32() / 2 ** 31 - 1;
    else setElementBits(tensor, i, BigInt(random.below(256)));
  }
  return tensor;
};

for (const { name, kernel } of [
  gemm("f32"),
  blocks(),
  convolution("f32"),
  depthwise(),
  gemm("i8"),
  convolution("i8"),
]) {
  verifyKernel(kernel);
  const operands = kernel.operands.map(({ dtype, length }) => fill(createTensor(dtype, length)));
  const { elements, multiplyAccumulates } = kernelCost(kernel);
  const output = createTensor(kernel.dtype, elements);
  const run = compiled.prepare(kernel);
  let best = Infinity;
  for (let i = 0; i < 4; i++) {
    const start = process.cpuUsage();
    for (const _pause of run(operands, output));
    best = Math.min(best, process.cpuUsage(start).user / 1e3);
  }
  for (let i = 0; i < 20; i++) {
    const element = random.below(elements);
    const bits = new DataView(output.data.buffer).getUint32(4 * element, true);
    if (BigInt(bits) !== executeElement(kernel, operands, element))
      throw new Error(`${name}: element ${element} differs`);
  }
  console.log(`${name.padEnd(36)} ${(multiplyAccumulates / best / 1e3).toFixed(0).padStart(6)} M MAC/s`);
}

const large = createTensor("f32", 27e6 / 4);
const start = process.cpuUsage();
commitTensor(large);
console.log(`${"commit 27 MB".padEnd(36)} ${(process.cpuUsage(start).user / 1e3).toFixed(0).padStart(6)} ms`);
