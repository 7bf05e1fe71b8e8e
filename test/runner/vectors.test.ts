import { expect } from "chai";
import { readFileSync } from "node:fs";

import { decodeKernel, encodeKernel } from "../../runner/machine/encoding.ts";
import { executeElement } from "../../runner/machine/interpreter.ts";
import { tensorFromBytes } from "../../runner/machine/tensor.ts";
import { verifyKernel } from "../../runner/machine/verify.ts";
import { commitmentVectors, type kernelVectors } from "../../tools/vectors.ts";

const stored = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), "utf8"));
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.slice(2), "hex"));

describe("vectors", () => {
  it("commitments.json: every root and every proof is what the runner computes", () => {
    expect(commitmentVectors()).to.deep.equal(stored("commitments.json"));
  });

  it("kernels.json: every kernel decodes, verifies, encodes to the same bytes and gives the same bits", () => {
    const { kernels } = stored("kernels.json") as ReturnType<typeof kernelVectors>;
    expect(kernels).to.have.length.of.at.least(60);
    for (const { kernel: encoded, operands, outputs } of kernels) {
      const kernel = decodeKernel(bytesOf(encoded));
      verifyKernel(kernel);
      expect(encodeKernel(kernel)).to.deep.equal(bytesOf(encoded));
      const tensors = kernel.operands.map(({ dtype }, i) => tensorFromBytes(dtype, bytesOf(operands[i] ?? "0x")));
      const bits = outputs.map((_, o) => `0x${executeElement(kernel, tensors, o).toString(16)}`);
      expect(bits).to.deep.equal(outputs);
    }
  });
});
