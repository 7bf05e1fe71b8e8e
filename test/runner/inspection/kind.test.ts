import { expect } from "chai";

import { kernelKind } from "../../../runner/inspection/kind.ts";
import type { Kernel, Read, Stage } from "../../../runner/machine/kernel.ts";
import type { Opcode } from "../../../runner/machine/scalar.ts";

const read: Read = { operand: 0, base: 0, strides: [], fill: 0n, guards: [] };
const stage = (...ops: readonly Opcode[]): Stage => ({
  reads: [read],
  constants: [],
  code: ops.map((op) => ({ op, a: 0, b: 0, c: 0 })),
});
const kernel = (finish: Stage, step?: Stage): Kernel => ({
  dtype: "f32",
  shape: [],
  operands: [],
  finish,
  ...(step === undefined ? {} : { reduce: { dims: [2], accumulators: 1, init: stage(), step } }),
});

describe("kernelKind", () => {
  const gathering: Stage = {
    ...stage(),
    reads: [{ ...read, gather: { operand: 0, base: 0, strides: [], bound: 1, stride: 1 } }],
  };
  const rows: readonly (readonly [string, Kernel])[] = [
    ["f32 dot", kernel(stage("fmax"), stage("fmul", "fadd"))],
    ["int dot", kernel(stage(), stage("isub", "imul", "iadd"))],
    ["fmax fold", kernel(stage(), stage("fmax"))],
    ["fadd fold", kernel(stage("fdiv"), stage("fadd"))],
    ["other fold", kernel(stage(), stage("select"))],
    ["gather", kernel(gathering)],
    ["copy", kernel(stage())],
    ["map", kernel(stage("fadd"))],
  ];
  for (const [kind, of] of rows) it(`names a ${kind}`, () => expect(kernelKind(of)).to.equal(kind));
});
