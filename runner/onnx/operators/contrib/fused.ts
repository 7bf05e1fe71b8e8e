import { atLeast, item, lastItem } from "../../../items.ts";
import { microsoft, type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { alongRows, broadcastTo } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import * as fn from "../../functions/index.ts";
import { blockFor, kept, matmulKernels, matmulOperands } from "../arithmetic/linear.ts";
import { geluOf } from "../arithmetic/unary.ts";
import { float } from "../common.ts";
import { layerNormalization, rowStatistics, welford } from "../neural/layer-norm.ts";
import { reshaped } from "../tensor/movement.ts";

/* Operators that ONNX Runtime's transformer optimisations put in the place of several. */

const biasedGelu = (node: NodeContext, byTanh: boolean): Value => {
  const [x, bias] = [float(node, node.in(0)), node.opt(1)];
  if (bias === undefined && !byTanh) throw node.invalid("input 1 is missing");
  if (bias === undefined) return node.lowering.map("f32", [x], (s, v) => geluOf(s, v, byTanh));
  if (bias.shape.length !== 1 || bias.shape[0] !== x.shape.at(-1)) throw node.invalid("not one bias a column");
  return node.lowering.map("f32", [x, float(node, bias)], (s, v, b) => geluOf(s, s.op("fadd", v, b), byTanh));
};

const quickGelu = (node: NodeContext): Value => {
  const alpha = node.float("alpha", 1.702);
  return node.lowering.map("f32", [float(node, node.in(0))], (s, v) =>
    s.op("fmul", v, fn.sigmoid(s, s.op("fmul", v, s.f(alpha)))),
  );
};

/** A matrix seen with its last two dimensions exchanged. */
const turned = (value: Value): Value => {
  const exchanged = <T>(row: readonly T[]): T[] => [...row.slice(0, -2), ...row.slice(-1), ...row.slice(-2, -1)];
  return { ...value, shape: exchanged(value.shape), strides: exchanged(value.strides) };
};

/** alpha A B, either matrix transposed. */
const fusedMatMul = (node: NodeContext): Value => {
  const [a, b] = [float(node, node.in(0)), float(node, node.in(1))];
  const [transA, transB] = [node.int("transA", 0) === 1, node.int("transB", 0) === 1];
  for (const name of ["transBatchA", "transBatchB"]) {
    if (node.int(name, 0) !== 0) throw node.refuse("batches between rows and columns", name);
  }
  if (a.shape.length < 2 || b.shape.length < 2) throw node.refuse("operands of fewer than two dimensions");
  const alpha = node.float("alpha", 1);
  const packed = b.shape.length === 2 && node.lowering.initializers.has(b);
  const right = transB ? turned(b) : b;
  // A matrix of two dimensions takes the batches of the left one as further rows.
  const flat = right.shape.length === 2 && a.shape.length > 2 && !transA;
  const rows = elementCount(a.shape.slice(0, -1));
  const left = flat ? reshaped(node.lowering, a, [rows, lastItem(a.shape)]) : transA ? turned(a) : a;
  const operands = matmulOperands(node, left, right);
  const [m, n] = atLeast(operands.shape.slice(-2), 2);
  const k = lastItem(operands.left.shape);
  if (k === 0) throw node.refuse("an inner dimension of 0");
  const order = blockFor({
    m,
    n,
    k,
    packed,
    leftTransposed: transA,
    rightTransposed: transB,
    scaled: alpha !== 1,
  });
  const result = kept(matmulKernels(node, operands, "f32", order, undefined, alpha), operands);
  return flat ? reshaped(node.lowering, result, [...a.shape.slice(0, -1), n]) : result;
};

/** The sum of an input, a skipped one and a bias, normalised by rows; the sum is the fourth output. */
const skipLayerNormalization = (node: NodeContext, centre: boolean): (Value | undefined)[] => {
  const [x, skip, gamma] = [0, 1, 2].map((i) => float(node, node.in(i)));
  if (x === undefined || skip === undefined || gamma === undefined) throw new RangeError("three inputs");
  const [beta, bias] = centre ? [node.opt(3), node.opt(4)] : [undefined, node.opt(3)];
  const epsilon = node.float("epsilon", centre ? 1e-12 : 1e-6);
  for (const i of [1, 2]) {
    if (node.outputUsed[i] === true) throw node.refuse(`output ${String(i)}, which ONNX Runtime does not give`);
  }
  const width = lastItem(x.shape);
  for (const row of [gamma, beta, bias]) {
    if (row !== undefined && (row.shape.length !== 1 || row.shape[0] !== width))
      throw node.invalid("not one parameter a column");
  }
  const values = [x, broadcastTo(skip, x.shape), ...(bias ? [float(node, bias)] : [])];
  const sum = node.lowering.map("f32", values, (s, v, w, b) => {
    const both = s.op("fadd", v, w);
    return b === undefined ? both : s.op("fadd", both, b);
  });
  const rows = reshaped(node.lowering, sum, [elementCount(x.shape) / width, width]);
  const { mean, deviation } = centre
    ? welford(node.lowering, rows, epsilon)
    : rowStatistics(node.lowering, rows, epsilon, false);
  const parameters = [gamma, ...(mean ? [alongRows(mean, rows)] : []), ...(beta ? [float(node, beta)] : [])];
  const normal = node.lowering.map("f32", [rows, alongRows(deviation, rows), ...parameters], (s, v, d, g, ...rest) => {
    const centred = mean ? s.op("fsub", v, item(rest, 0)) : v;
    const scaled = s.op("fmul", s.op("fdiv", centred, d), g);
    return beta ? s.op("fadd", scaled, rest.at(-1) as Ref) : scaled;
  });
  return [reshaped(node.lowering, normal, x.shape), undefined, undefined, sum];
};

/** Fused operators of transformers. */
export const FUSED: readonly Operator[] = [
  microsoft("BiasGelu", (node) => biasedGelu(node, false)),
  microsoft("FastGelu", (node) => biasedGelu(node, true)),
  microsoft("QuickGelu", quickGelu),
  microsoft("FusedMatMul", fusedMatMul),
  microsoft("SkipLayerNormalization", (node) => skipLayerNormalization(node, true)),
  microsoft("SkipSimplifiedLayerNormalization", (node) => skipLayerNormalization(node, false)),
  onnx("SimplifiedLayerNormalization", 1, (node) => layerNormalization(node, false)),
];
