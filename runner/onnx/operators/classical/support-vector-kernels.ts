import { atLeast, item } from "../../../items.ts";
import type { NodeContext } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import * as fn from "../../functions/index.ts";
import type { DotSpec } from "../../sums/dot.ts";
import { blockFor, orderedDot } from "../arithmetic/linear.ts";

/** What compares an input with a support vector. */
export interface KernelFunction {
  readonly type: "LINEAR" | "POLY" | "RBF" | "SIGMOID";
  readonly gamma: number;
  readonly coef0: number;
  readonly degree: number;
}

const TYPES = ["LINEAR", "POLY", "RBF", "SIGMOID"] as const;

/** The attributes `kernel_type` and `kernel_params` (gamma, coef0, degree) of a node. */
export const kernelFunction = (node: NodeContext): KernelFunction => {
  const name = node.string("kernel_type", "LINEAR");
  const type = TYPES.find((known) => known === name);
  if (type === undefined) throw node.invalid(`kernel_type "${name}"`, "kernel_type");
  const [gamma = 0, coef0 = 0, degree = 0, ...more] = node.floats("kernel_params") ?? [];
  if (more.length > 0) throw node.invalid("more than three parameters", "kernel_params");
  if (type === "POLY" && degree !== 2 && degree !== 3) {
    throw node.refuse(`a polynomial of degree ${String(degree)}, only 2 and 3`, "kernel_params");
  }
  return { type, gamma, coef0, degree };
};

/** alpha times rows times the transposed matrix, plus one constant, in the order of Gemm. */
export const scaledProduct = (node: NodeContext, x: Value, matrixOf: Value, alpha: number, constant: number): Value => {
  const [m, k] = atLeast(x.shape, 2);
  const n = item(matrixOf.shape, 0);
  const order = blockFor({ m, n, k, packed: false, rightTransposed: true, scaled: alpha !== 1 });
  const spec = {
    dtype: "f32",
    shape: [m, n],
    class: "f32",
    length: k,
    scale: alpha,
    left: (s, out, at) => {
      const [row] = atLeast(out, 1);
      return s.load(x, [row, at]);
    },
    right: (s, out, at) => {
      const [, column] = atLeast(out, 2);
      return s.load(matrixOf, [column, at]);
    },
    ...(constant !== 0 && { start: (s) => s.f(constant) }),
    finish: (_s, _out, sum) => sum,
  } satisfies Omit<DotSpec, "block">;
  return orderedDot(node.lowering, spec, order);
};

/** The kernel function of every row of x with every vector: [rows, vectors]. */
export const compared = (node: NodeContext, x: Value, vectors: Value, kernel: KernelFunction): Value => {
  const { type, gamma, coef0, degree } = kernel;
  const [rows, features] = atLeast(x.shape, 2);
  if (type === "RBF") {
    const distances = node.lowering.emit({
      dtype: "f32",
      shape: [rows, item(vectors.shape, 0)],
      fold: {
        dims: [features],
        classes: ["f32"],
        init: (s) => [s.f(0)],
        step: (s, out, red) => {
          const [row, vector] = atLeast(out, 2);
          const [k] = atLeast(red, 1);
          const d = s.op("fsub", s.load(x, [row, k]), s.load(vectors, [vector, k]));
          return [s.op("fadd", s.accumulator(), s.op("fmul", d, d))];
        },
      },
      finish: (s) => s.accumulator(),
    });
    return node.lowering.map("f32", [distances], (s, d) => fn.expOfLibrary(s, s.op("fmul", s.f(-gamma), d)));
  }
  if (type === "LINEAR") return scaledProduct(node, x, vectors, 1, 0);
  const products = scaledProduct(node, x, vectors, gamma, coef0);
  return node.lowering.map("f32", [products], (s, v) => {
    if (type === "SIGMOID") return fn.tanh(s, v);
    const square = s.op("fmul", v, v);
    return degree === 2 ? square : s.op("fmul", square, v);
  });
};
