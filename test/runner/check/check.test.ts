import { expect } from "chai";

import { checkTrace, summarise } from "../../../runner/check/check.ts";
import { calldataOf } from "../../../runner/check/machine.ts";
import { sampleElements } from "../../../runner/check/sample.ts";
import type { AssayError } from "../../../runner/errors.ts";
import { executeProgram } from "../../../runner/machine/interpreter.ts";
import { product } from "../../../runner/machine/shape.ts";
import type { Kernel, Program } from "../../../runner/machine/kernel.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { randomProgram } from "../../../testing/random-kernels.ts";
import { setElementBits, elementBits, tensorFrom } from "../../../runner/machine/tensor.ts";
import { standIn } from "./support.ts";

describe("sampleElements", () => {
  it("takes everything when there is no more", () => {
    expect(sampleElements(3, 5, 1)).to.deep.equal([0, 1, 2]);
  });

  it("takes the first, the last, and others once each", () => {
    const chosen = sampleElements(1_000_000, 50, 1);
    expect(chosen).to.have.length(50);
    expect(new Set(chosen).size).to.equal(50);
    expect([chosen[0], chosen.at(-1)]).to.deep.equal([0, 999_999]);
  });

  it("takes one when one is asked for", () => {
    expect(sampleElements(9, 1, 1)).to.deep.equal([0]);
  });

  it("is the same for the same seed, another for another", () => {
    expect(sampleElements(1000, 20, 7)).to.deep.equal(sampleElements(1000, 20, 7));
    expect(sampleElements(1000, 20, 7)).to.not.deep.equal(sampleElements(1000, 20, 8));
  });
});

describe("checkTrace", () => {
  const { program, inputs, constants } = randomProgram(createRandom(5), 8);
  const trace = executeProgram(program, inputs, constants);
  const tensors = { inputs, constants, trace };

  it("finds no mismatch between the machine and itself, and looks at every kernel", async () => {
    const kernels = await checkTrace(standIn(), program, tensors, { samples: 10, seed: 1 });
    expect(kernels.map(({ kernel }) => kernel)).to.deep.equal(program.kernels.map((_, i) => i));
    for (const { kernel, elements } of kernels) {
      expect(elements).to.have.length(Math.min(10, product(program.kernels[kernel]?.shape ?? [])));
      expect(elements.filter(({ fault }) => fault !== undefined)).to.deep.equal([]);
    }
  });

  it("reports an element of the trace that is one bit off", async () => {
    const kernel = 3;
    const forged = executeProgram(program, inputs, constants);
    const output = forged[kernel];
    if (output === undefined) throw new Error("no output");
    const last = output.data.length - 1;
    setElementBits(output, last, elementBits(output, last) ^ 1n);
    // Later kernels read the forged element and are honest about it: only this kernel is wrong.
    const spaces = { input: inputs, constant: constants, kernel: forged };
    const readers = program.kernels.filter(
      ({ operands }, i) => i > kernel && operands.some(({ space, index }) => spaces[space][index] === output),
    );
    const kernels = await checkTrace(standIn(), program, { ...tensors, trace: forged }, { samples: 5, seed: 1 });
    const faults = kernels.flatMap(({ elements }) => elements).filter(({ fault }) => fault !== undefined);
    expect(faults.map((fault) => [fault.kernel, fault.element])).to.deep.include([kernel, last]);
    expect(new Set(faults.map((fault) => fault.kernel)).size).to.be.at.most(1 + readers.length);
    const [found] = faults.filter((fault) => fault.kernel === kernel);
    expect(found?.fault).to.equal("bits differ");
    expect((found?.expected ?? 0n) ^ 1n).to.equal(found?.actual);
  });

  it("reports a contract that gives other bits, another root, or reverts", async () => {
    const wrong = `0x${"11".repeat(32)}` as const;
    const lies = [
      [standIn((_, result) => ({ ...result, bits: result.bits ^ 1n })), /bits differ/],
      [standIn((_, result) => ({ ...result, roots: result.roots.map(() => wrong) })), /root of operand|bits/],
      [standIn((_, result) => ({ ...result, done: false })), /ended after call 1/],
      [
        standIn(() => {
          throw new Error("reverted with MachineWitnessShort(1)");
        }),
        /MachineWitnessShort/,
      ],
    ] as const;
    for (const [contract, fault] of lies) {
      const kernels = await checkTrace(contract, program, tensors, { samples: 1, seed: 1 });
      const faults = kernels.flatMap(({ elements }) => elements.flatMap((element) => element.fault ?? []));
      expect(faults).to.not.deep.equal([]);
      for (const text of faults) expect(text).to.match(fault);
    }
  });

  it("executes what is too long for one transaction in several, each from where the last one stopped", async () => {
    const length = 60_000;
    const type = { dtype: "f32", length } as const;
    const dot: Kernel = {
      dtype: "f32",
      shape: [],
      operands: [{ space: "input", index: 0, ...type }],
      reduce: {
        dims: [length],
        accumulators: 1,
        init: { reads: [], constants: [{ f32: 0 }], code: [{ op: "fneg", a: 0, b: 0, c: 0 }] },
        step: {
          reads: [{ operand: 0, base: 0, strides: [1], fill: 0n, guards: [] }],
          constants: [],
          code: [{ op: "fadd", a: 0, b: 1, c: 0 }],
        },
      },
      finish: { reads: [], constants: [], code: [{ op: "fabs", a: 0, b: 0, c: 0 }] },
    };
    const long: Program = { inputs: [type], constants: [], kernels: [dot], outputs: [0] };
    const input = tensorFrom(
      "f32",
      Array.from({ length }, (_, i) => Math.sin(i)),
    );
    const contract = standIn();
    const [checked] = await checkTrace(
      contract,
      long,
      { inputs: [input], constants: [], trace: executeProgram(long, [input], []) },
      { samples: 1, seed: 1 },
    );
    expect(checked?.elements[0]?.fault).to.equal(undefined);
    expect(checked?.elements[0]?.calls).to.be.greaterThan(1);
    expect(contract.calls.map(({ progress }) => progress.position)).to.deep.equal(
      contract.calls.map(({ maxSteps }, i) => i * Number(contract.calls[0]?.maxSteps ?? maxSteps)),
    );
  });

  it("stops when it is told to", async () => {
    const stop = new AbortController();
    const contract = standIn((_, result) => {
      stop.abort();
      return result;
    });
    try {
      await checkTrace(contract, program, tensors, { samples: 50, seed: 1, parallel: 2, signal: stop.signal });
    } catch (error) {
      expect((error as AssayError).code).to.equal("ABORTED");
      expect(contract.calls.length).to.be.at.most(2);
      return;
    }
    throw new Error("it went on");
  });
});

describe("summarise", () => {
  const element = (gas: number, fault?: string) => ({
    kernel: 0,
    element: gas,
    expected: 0n,
    actual: 0n,
    fault,
    gas,
    calldataBytes: 2 * gas,
    calldataGas: 0,
    calls: 1,
  });

  it("gives the spread and the most expensive element", () => {
    const { worst, ...rest } = summarise([element(5), element(1, "bits differ"), element(3), element(9)]);
    expect(rest).to.deep.equal({ samples: 4, mismatches: 1, min: 1, median: 3, max: 9, calldataBytes: 18 });
    expect(worst?.element).to.equal(9);
  });
});

describe("calldataOf", () => {
  it("prices zeros at 4 and the rest at 16", () => {
    expect(calldataOf(Uint8Array.of(0, 0, 7))).to.deep.equal({ bytes: 3, gas: 24 });
  });
});
