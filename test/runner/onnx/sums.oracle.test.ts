import { agrees, floats } from "./agreement.ts";
import { f32, i64, type TestModel, type TestNode, type TestTensor } from "../../../testing/onnx-model.ts";

/*
 * Products of matrices, reductions and pools agree with onnxruntime-web on every bit at the sizes where its kernels change the order of sums (blocks of 128 and
 * 256, runs of four) and on both sides of them.
 */

const zeros = (shape: readonly number[], zero = 0): TestTensor =>
  f32(
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => zero),
  );

const negative = (shape: readonly number[]): TestTensor =>
  f32(
    shape,
    (floats(shape).data ?? []).map((v) => -Math.abs(Number(v)) - 0.01),
  );

const gemm = (
  [m, k, n]: readonly [number, number, number],
  attributes: NonNullable<TestNode["attributes"]> = {},
  constants: Readonly<Record<string, TestTensor>> = {},
): TestModel => {
  const [a, b] = [attributes["transA"] === 1 ? [k, m] : [m, k], attributes["transB"] === 1 ? [n, k] : [k, n]];
  const given = { a: floats(a), b: floats(b), c: floats([n]), ...constants };
  return {
    inputs: Object.fromEntries(Object.entries(given).filter(([name]) => !(name in constants))),
    constants,
    nodes: [{ op: "Gemm", in: ["a", "b", "c"], out: ["y"], attributes }],
    outputs: ["y"],
  };
};

describe("sums", () => {
  describe("given a product of one row with a matrix", () => {
    for (const n of [1, 3, 4, 5, 50, 64, 130]) {
      for (const k of [1, 3, 4, 5, 6, 9, 129, 300]) {
        it(`of ${String(k)} to ${String(n)} columns on a bias agrees on every bit`, async () => {
          await agrees(gemm([1, k, n]));
          await agrees(gemm([1, k, n], {}, { b: floats([k, n]) }));
        });
      }
    }
    it("agrees on the sign of zeros", async () => {
      for (const [k, n] of [
        [1, 4],
        [2, 6],
        [5, 6],
        [9, 7],
      ] as const) {
        const matrix = { a: zeros([1, k]), b: negative([k, n]) };
        await agrees({ inputs: matrix, nodes: [{ op: "MatMul", in: ["a", "b"], out: ["y"] }], outputs: ["y"] });
        for (const zero of [0, -0]) {
          await agrees({
            inputs: { ...matrix, c: zeros([n], zero) },
            nodes: [{ op: "Gemm", in: ["a", "b", "c"], out: ["y"] }],
            outputs: ["y"],
          });
        }
      }
    });
    for (const axes of [[0], [1], [2], [0, 2], [0, 1, 2]]) {
      it(`ReduceSum over [${axes.join(", ")}] agrees on the sign of zeros`, async () =>
        agrees({
          opset: 18,
          inputs: { x: zeros([3, 5, 7], -0) },
          constants: { a: i64([axes.length], axes) },
          nodes: [{ op: "ReduceSum", in: ["x", "a"], out: ["y"] }],
          outputs: ["y"],
        }));
    }
  });

  describe("given Gemm's attributes", () => {
    for (const attributes of [
      { transA: 1 },
      { transB: 1 },
      { transA: 1, transB: 1 },
      { alpha: 0.5 },
      { beta: 0.5 },
      { alpha: 1.5, beta: 0.25 },
    ]) {
      for (const size of [
        [1, 300, 50],
        [1, 7, 300],
        [3, 300, 5],
        [3, 300, 40],
      ] as const) {
        it(`${JSON.stringify(attributes)} at ${size.join("x")} agrees on every bit`, async () => {
          await agrees(gemm(size, attributes));
          const [, k, n] = size;
          await agrees(gemm(size, attributes, { b: floats("transB" in attributes ? [n, k] : [k, n]) }));
        });
      }
    }
  });

  describe("given Attention", () => {
    const attention = (
      queries: number,
      depth: number,
      keys: number,
      attributes: TestNode["attributes"],
    ): TestModel => ({
      opset: 23,
      inputs: { q: floats([2, 4, queries, depth]), k: floats([2, 2, keys, depth]), v: floats([2, 2, keys, depth]) },
      nodes: [{ op: "Attention", in: ["q", "k", "v"], out: ["y"], ...(attributes && { attributes }) }],
      outputs: ["y"],
    });
    for (const [queries, depth, keys] of [
      [1, 7, 40],
      [1, 15, 9],
      [1, 64, 200],
      [5, 64, 9],
      [3, 300, 9],
    ] as const) {
      it(`${String(queries)} queries of ${String(depth)} at ${String(keys)} keys agree on every bit`, async () => {
        await agrees(attention(queries, depth, keys, {}));
        await agrees(attention(queries, depth, keys, { scale: 0.3, is_causal: 1 }));
        for (const softcap of [0.3, 2.5, 50.5]) await agrees(attention(queries, depth, keys, { softcap }));
      });
    }
  });

  describe("given LRN", () => {
    for (const [channels, attributes] of [
      [9, { size: 3 }],
      [9, { size: 5, alpha: 0.01, beta: 0.5, bias: 2.5 }],
      [2, { size: 5, alpha: 0.5 }],
      [1, { size: 3 }],
      [33, { size: 5, bias: 1.5 }],
      [20, { size: 1, alpha: 0.3, beta: 1.25 }],
      [6, { size: 15, alpha: 2.5, beta: 0.25 }],
    ] as const) {
      it(`${JSON.stringify(attributes)} of ${String(channels)} channels agrees on every bit`, async () =>
        agrees({
          inputs: { x: floats([2, channels, 6, 7], 2) },
          nodes: [{ op: "LRN", in: ["x"], out: ["y"], attributes }],
          outputs: ["y"],
        }));
    }
  });

  describe("given ReduceLogSumExp", () => {
    const reduced = (x: TestTensor, axes: readonly number[]): TestModel => ({
      opset: 18,
      inputs: { x },
      constants: { a: i64([axes.length], axes) },
      nodes: [{ op: "ReduceLogSumExp", in: ["x", "a"], out: ["y"] }],
      outputs: ["y"],
    });
    const replacing = (value: number, less: number): TestTensor => {
      const x = floats([4, 5, 6]);
      return { ...x, data: (x.data ?? []).map((v, i) => (i % 7 === 0 ? value : Math.fround(Number(v) - less))) };
    };
    for (const axes of [[2], [0], [1], [1, 2], [0, 1], [0, 2], [0, 1, 2]]) {
      it(`over [${axes.join(", ")}] agrees on every bit, with infinities and NaN too`, async () => {
        await agrees(reduced(floats([5, 37, 66], 5), axes));
        for (const value of [-Infinity, Infinity, NaN]) {
          await agrees(reduced(replacing(value, 0), axes));
          await agrees(reduced(replacing(value, 2), axes));
        }
        await agrees(reduced(zeros([2, 3, 4], -Infinity), axes));
      });
    }
  });

  describe("given a matrix and a vector", () => {
    for (const [a, b] of [
      [[5, 40], [40]],
      [[3, 5, 300], [300]],
      [[40], [40, 6]],
      [[40], [40]],
    ] as const) {
      it(`[${a.join(", ")}] by [${b.join(", ")}] agrees on every bit`, async () => {
        const nodes = [{ op: "MatMul", in: ["a", "b"], out: ["y"] }];
        await agrees({ inputs: { a: floats(a), b: floats(b) }, nodes, outputs: ["y"] });
        await agrees({ inputs: { a: floats(a) }, constants: { b: floats(b) }, nodes, outputs: ["y"] });
      });
    }
  });

  describe("given Einsum", () => {
    const SIZES: Readonly<Record<string, number>> = { i: 7, j: 70, k: 9, b: 3, h: 2, d: 300, l: 5, m: 11 };
    const einsum = (equation: string, sizes: Readonly<Record<string, number>>): TestModel => {
      const [left = ""] = equation.split("->");
      const shapes = left.split(",").map((term) => [...term].map((letter) => sizes[letter] ?? 1));
      const names = shapes.map((_, i) => `x${String(i)}`);
      return {
        inputs: Object.fromEntries(names.map((name, i) => [name, floats(shapes[i] ?? [])])),
        nodes: [{ op: "Einsum", in: names, out: ["y"], attributes: { equation } }],
        outputs: ["y"],
      };
    };
    for (const equation of (
      "ij,jk->ik id,dj->ij bij,bjk->bik bhid,bhjd->bhij bhij,bhjd->bhid d,d-> d,dk->k id,d->i ij,ij->ij i,j->ij " +
      "ijk,jil->kl ijk,kjl->il kij,jkl->il ij,jk,kl->il ij,jk,ki-> ij,kl->il ij,k->k iji,jk->ik bd,bdk->bk " +
      "lbm,mhd->lbhd lbhd,mhd->lbm ij->i ij->j ijk->ik ii->i ij->"
    ).split(" ")) {
      it(`${equation} agrees on every bit`, async () => agrees(einsum(equation, SIZES)));
    }
    it("of dimensions of one element agrees on every bit", async () => {
      for (const letter of "ijk") {
        await agrees(einsum("ij,jk->ik", { ...SIZES, [letter]: 1 }));
        await agrees(einsum("bij,bjk->bik", { ...SIZES, [letter]: 1 }));
      }
    });
  });

  describe("given dimensions of one element in a reduction", () => {
    for (const [shape, axes] of [
      [[7, 70, 1], [1]],
      [[7, 70, 1, 5], [1]],
      [[1, 70, 9], [1]],
      [[1, 70, 1], [1]],
      [[70, 9, 1], [0]],
      [
        [7, 70, 1],
        [1, 2],
      ],
      [
        [5, 70, 6, 1],
        [1, 3],
      ],
    ] as const) {
      for (const op of ["ReduceSum", "ReduceMean"]) {
        it(`${op} of [${shape.join(", ")}] over [${axes.join(", ")}] agrees on every bit`, async () =>
          agrees({
            opset: 18,
            inputs: { x: floats(shape) },
            constants: { a: i64([axes.length], axes) },
            nodes: [{ op, in: ["x", "a"], out: ["y"] }],
            outputs: ["y"],
          }));
      }
    }
  });

  describe("given a pool", () => {
    for (const opset of [11, 18, 19, 22]) {
      for (const op of ["AveragePool", "LpPool"]) {
        it(`${op} of opset ${String(opset)} agrees on every bit`, async () => {
          const pool = (shape: readonly number[], attributes: TestNode["attributes"]): TestModel => ({
            opset,
            inputs: { x: floats(shape) },
            nodes: [{ op, in: ["x"], out: ["y"], ...(attributes && { attributes }) }],
            outputs: ["y"],
          });
          const image = [2, 5, 13, 11];
          await agrees(pool(image, { kernel_shape: [3, 3] }));
          await agrees(pool(image, { kernel_shape: [2, 3], strides: [2, 2] }));
          await agrees(pool(image, { kernel_shape: [3, 3], strides: [3, 1], pads: [1, 0, 1, 2] }));
          await agrees(pool(image, { kernel_shape: [13, 11] }));
          await agrees(pool([2, 3, 19], { kernel_shape: [4], strides: [3] }));
          await agrees(pool([2, 3, 7, 8, 6], { kernel_shape: [2, 3, 2], pads: [1, 0, 1, 0, 1, 0] }));
          if (op !== "AveragePool") return;
          const padded = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 };
          await agrees(pool(image, padded));
          await agrees(pool(image, { ...padded, ceil_mode: 1, strides: [3, 2] }));
          if (opset >= 19) await agrees(pool(image, { kernel_shape: [3, 3], dilations: [2, 2] }));
        });
      }
    }
  });

  describe("given MeanVarianceNormalization", () => {
    for (const axes of [[0, 2, 3], [2, 3], [1], [0, 1], [3], [0]]) {
      it(`over [${axes.join(", ")}] agrees on every bit`, async () =>
        agrees({
          inputs: { x: floats([2, 5, 13, 11]) },
          nodes: [{ op: "MeanVarianceNormalization", in: ["x"], out: ["y"], attributes: { axes } }],
          outputs: ["y"],
        }));
    }
  });
});
