import { item } from "../../runner/items.ts";
import { prepareProgram } from "../../runner/backends/backend.ts";
import { compiled } from "../../runner/backends/javascript/compiled.ts";
import type { Program } from "../../runner/machine/kernel.ts";
import { type Tensor, tensorFrom } from "../../runner/machine/tensor.ts";
import { importModel, type Model, type Port } from "../../runner/onnx/index.ts";
import { Lowering } from "../../runner/onnx/build/lowering.ts";
import { finishProgram } from "../../runner/onnx/passes/program.ts";
import { f32, onnxFile } from "../../testing/onnx-model.ts";
import { onnxruntime } from "../../testing/onnxruntime.ts";
import type { Subject } from "./list.ts";
import { DENSE, densely, EVEN, evenly, golden, ulps } from "./sample.ts";

/** The largest errors of a sample. Arguments are lists: two of them for a function of two. */
export interface Worst {
  readonly ulps: number;
  readonly at: readonly number[];
  /** The largest |result - exact|. */
  readonly absolute: number;
  /** Where the result is NaN and should not be, or the reverse: kept out of the other figures. */
  readonly invalid: readonly (readonly number[])[];
}

export interface Measurement {
  readonly overall: Worst;
  readonly usual: Worst;
  /** Against onnxruntime-web on the same sample; absent for what is no operator. */
  readonly oracle?: Agreement;
}

export interface Agreement {
  /** How many results differ in a bit; NaNs are alike. */
  readonly differ: number;
  /** The largest relative difference of two normal results. */
  readonly relative: number;
}

/** Arguments by operand: first `even` at evenly spaced bit patterns, then `dense` at evenly spaced values. */
export const argumentsOf = (
  { name, domain, usual }: Subject,
  even = EVEN,
  dense = DENSE,
): readonly (readonly number[])[] => {
  const x = [...evenly(domain, even), ...densely(usual, dense)];
  if (name !== "Pow") return [x];
  // Exponents that take the result through all of f32 and a little beyond; by values, -8 to 8.
  const logs = golden([-152, 130], even);
  const y = logs.map((log, i) => Math.fround(log / (Math.log2(item(x, i)) || 1)));
  return [x, [...y, ...golden([-8, 8], dense).map(Math.fround)]];
};

/** A function compiled for EVEN + DENSE elements; with its ONNX file when it is an operator. */
export interface CompiledSubject extends Pick<Model, "program" | "constants"> {
  readonly operator?: { readonly file: Uint8Array; readonly inputs: readonly Port[] };
}

/** Compiles a function of one or two operands, without running it. */
export const compileSubject = ({ body }: Subject, operands: number): CompiledSubject => {
  const length = EVEN + DENSE;
  if ("inside" in body) {
    const lowering = new Lowering();
    const x = lowering.input("f32", [length]);
    return finishProgram(lowering, [lowering.map("f32", [x], body.inside)]);
  }
  const names = Array.from({ length: operands }, (_, i) => `x${String(i)}`);
  const file = onnxFile({
    opset: 20,
    inputs: Object.fromEntries(names.map((name) => [name, f32([length])])),
    nodes: [{ op: body.op, in: names, out: ["y"], attributes: body.attributes ?? {} }],
    outputs: ["y"],
  });
  const { program, constants, inputs } = importModel(file);
  return { program, constants, operator: { file, inputs } };
};

/** Runs a function through the machine and measures it. */
export const measure = async (subject: Subject): Promise<Measurement> => {
  const operands = argumentsOf(subject);
  const tensors = operands.map((values) => tensorFrom("f32", values));
  const { program, constants, operator } = compileSubject(subject, operands.length);
  const results = await execute(program, tensors, constants);
  const measured = errors(subject, operands, results);
  if (operator === undefined) return measured;
  const wanted = await onnxruntime(
    operator.file,
    operator.inputs.map((port, i) => ({ port, tensor: item(tensors, i) })),
  );
  return { ...measured, oracle: agreement(results, [...(wanted["y"]?.data as Float32Array)]) };
};

const execute = async (
  program: Program,
  inputs: readonly Tensor[],
  constants: readonly Tensor[],
): Promise<readonly number[]> => {
  const trace = await prepareProgram(program, compiled).run(inputs, constants);
  return Array.from(item(trace, item(program.outputs, 0)).data, Number);
};

const errors = (
  { exact }: Subject,
  operands: readonly (readonly number[])[],
  results: readonly number[],
): Measurement => {
  const argument = (i: number): number[] => operands.map((values) => item(values, i));
  const worst = (from: number, to: number): Worst => {
    let [most, where, absolute] = [-1, from, 0];
    const invalid: number[][] = [];
    for (let i = from; i < to; i++) {
      const [result, [x = NaN, y = NaN]] = [item(results, i), argument(i)];
      const wanted = exact(x, y);
      const error = ulps(result, wanted);
      if (error === Infinity) {
        invalid.push(argument(i));
        continue;
      }
      if (error > most) [most, where] = [error, i];
      if (Number.isFinite(result)) absolute = Math.max(absolute, Math.abs(result - wanted));
    }
    return { ulps: most, at: argument(where), absolute, invalid };
  };
  return { overall: worst(0, EVEN), usual: worst(EVEN, EVEN + DENSE) };
};

const agreement = (ours: readonly number[], theirs: readonly number[]): Agreement => {
  let [differ, relative] = [0, 0];
  ours.forEach((value, i) => {
    const other = item(theirs, i);
    if (Object.is(value, other)) return;
    differ++;
    const [a, b] = [Math.abs(value), Math.abs(other)];
    if (Math.min(a, b) >= 2 ** -126 && Math.max(a, b) < Infinity) {
      relative = Math.max(relative, Math.abs(value - other) / b);
    }
  });
  return { differ, relative };
};
