import { expect } from "chai";

import { interpreter, prepareProgram } from "../../../runner/backends/backend.ts";
import { isAssayError } from "../../../runner/errors.ts";
import { compiled } from "../../../runner/backends/javascript/compiled.ts";
import { wasm } from "../../../runner/backends/wasm/wasm.ts";
import { executeProgram } from "../../../runner/machine/interpreter.ts";
import type { Kernel, Program } from "../../../runner/machine/kernel.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { randomProgram } from "../../../testing/random-kernels.ts";
import { createTensor, tensorFrom } from "../../../runner/machine/tensor.ts";

/** 64 kernels, each a sum of 2^21 elements: about a second in all. */
function heavy(): Program {
  const kernel: Kernel = {
    dtype: "f32",
    shape: [2048],
    operands: [{ space: "input", index: 0, dtype: "f32", length: 1024 }],
    reduce: {
      dims: [1024],
      accumulators: 1,
      init: { reads: [], constants: [{ f32: 0 }], code: [] },
      step: {
        reads: [{ operand: 0, base: 0, strides: [0, 1], fill: 0n, guards: [] }],
        constants: [],
        code: [{ op: "fadd", a: 0, b: 1, c: 0 }],
      },
    },
    finish: { reads: [], constants: [], code: [{ op: "fabs", a: 0, b: 0, c: 0 }] },
  };
  return {
    inputs: [{ dtype: "f32", length: 1024 }],
    constants: [],
    kernels: Array.from({ length: 64 }, () => kernel),
    outputs: [63],
  };
}

describe("prepareProgram", () => {
  for (const backend of [interpreter, compiled, wasm]) {
    describe(backend.name, () => {
      it("gives the outputs of all kernels, bit for bit as the definition (40 programs)", async () => {
        const random = createRandom(21);
        for (let i = 0; i < 40; i++) {
          const { program, inputs, constants } = randomProgram(random, 5);
          const executable = prepareProgram(program, backend);
          const expected = executeProgram(program, inputs, constants);
          expect(await executable.run(inputs, constants)).to.deep.equal(expected);
          const outputs = program.outputs.map((kernel) => expected[kernel]);
          expect(await executable.infer(inputs, constants)).to.deep.equal(outputs);
        }
      });
    });
  }

  it("runs the same program again on other inputs", async () => {
    const executable = prepareProgram(heavy(), compiled);
    const run = async (value: number) => {
      const input = tensorFrom("f32", new Array<number>(1024).fill(value));
      return Number((await executable.run([input], [])).at(-1)?.data[0]);
    };
    expect([await run(1), await run(0.5)]).to.deep.equal([1024, 512]);
  });

  it("refuses programs that do not verify", () => {
    expect(() => prepareProgram({ ...heavy(), outputs: [] }, compiled))
      .to.throw()
      .that.satisfies((error: unknown) => isAssayError(error, "PROGRAM_INVALID"));
  });

  it("refuses inputs of another type or number", async () => {
    const executable = prepareProgram(heavy(), compiled);
    for (const inputs of [[], [createTensor("i32", 1024)], [createTensor("f32", 1023)]]) {
      const error: unknown = await executable.run(inputs, []).catch((e: unknown) => e);
      expect(error).to.satisfy((e: unknown) => isAssayError(e, "TENSOR_MISMATCH"));
    }
  });

  it("lets the event loop turn, reports progress, and stops when told to", async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      expect(total).to.equal(64);
      seen.push(done);
      if (done > 3) setImmediate(() => controller.abort());
    };
    const error: unknown = await prepareProgram(heavy(), compiled)
      .run([createTensor("f32", 1024)], [], { signal: controller.signal, onProgress })
      .catch((e: unknown) => e);
    expect(error).to.satisfy((e: unknown) => isAssayError(e, "ABORTED"));
    expect(seen.at(-1)).to.be.lessThan(64);
  });
});
