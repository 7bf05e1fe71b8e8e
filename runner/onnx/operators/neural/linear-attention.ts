import { atLeast, item } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { inserted, permuted, sliced, without } from "../../build/view.ts";
import * as fn from "../../functions/index.ts";
import { kept, matmulKernels, matmulOperands } from "../arithmetic/linear.ts";
import { float, range } from "../common.ts";
import { concatenated, reshaped } from "../tensor/movement.ts";

/* Operators of opset 27 that carry a state from one token to the next. */

/** Most steps that are unrolled. */
const MAX_STEPS = 4096;

/** [B, H, M, K] times [B, H, K, N]. */
const product = (node: NodeContext, a: Value, b: Value): Value => {
  const operands = matmulOperands(node, a, b);
  return kept(matmulKernels(node, operands, "f32", item(a.shape, a.shape.length - 1)), operands);
};

/** [B, T, H * D] as [B, H, T, D]. */
const heads = (node: NodeContext, x: Value, count: number): Value => {
  const [batch, length, width] = atLeast(x.shape, 3);
  if (count < 1 || width % count !== 0) throw node.invalid("the heads do not divide the width");
  return permuted(reshaped(node.lowering, x, [batch, length, count, width / count]), [0, 2, 1, 3]);
};

const RULES = ["linear", "gated", "delta", "gated_delta"] as const;

/**
 * One state matrix for each key head, S = decay S + k (beta (v - (decay S)^T k))^T, read by each query as scale S^T q; the
 * rule says which of decay and beta there are.
 */
const linearAttention = (node: NodeContext): Value[] => {
  const [qHeads, kvHeads] = [node.int("q_num_heads", 0), node.int("kv_num_heads", 0)];
  const rule = node.string("update_rule", "gated_delta");
  node.ignore("chunk_size");
  if (!(RULES as readonly string[]).includes(rule)) throw node.refuse(`update_rule "${rule}"`, "update_rule");
  if (qHeads < 1 || kvHeads < 1 || qHeads % kvHeads !== 0) throw node.invalid("the query heads do not divide");
  const [q, k, v] = [
    heads(node, float(node, node.in(0)), qHeads),
    heads(node, float(node, node.in(1)), kvHeads),
    heads(node, float(node, node.in(2)), kvHeads),
  ];
  const [batch, , steps, depth] = atLeast(q.shape, 4);
  const width = item(v.shape, 3);
  const given = node.float("scale", 0);
  const scale = given === 0 ? Math.fround(1 / Math.fround(Math.sqrt(depth))) : given;
  const gates = rule.startsWith("gated") ? heads(node, float(node, node.in(4)), kvHeads) : undefined;
  const delta = rule.endsWith("delta") ? float(node, node.in(5)) : undefined;
  const betas = delta && heads(node, delta, item(delta.shape, 2));
  if (steps > MAX_STEPS) throw node.error("ONNX_LIMIT", `the recurrence has ${String(steps)} steps`);
  const zeros = { ...node.lowering.scalar("f32", 0), shape: [batch, kvHeads, depth, width], strides: [0, 0, 0, 0] };
  let state = node.opt(3) === undefined ? zeros : float(node, node.in(3));
  const at = (x: Value, t: number): Value => without(sliced(x, 2, t, 1), [2]);
  const outputs = range(steps).map((t) => {
    const key = at(k, t);
    const decayed =
      gates === undefined
        ? state
        : node.lowering.map("f32", [state, inserted(at(gates, t), 3)], (s, x, g) => s.op("fmul", x, fn.exp(s, g)));
    let write = at(v, t);
    if (betas !== undefined) {
      const kept = without(product(node, inserted(key, 2), decayed), [2]);
      write = node.lowering.map("f32", [at(betas, t), write, kept], (s, b, x, y) =>
        s.op("fmul", b, s.op("fsub", x, y)),
      );
    }
    state = node.lowering.map("f32", [decayed, inserted(key, 3), inserted(write, 2)], (s, x, a, b) =>
      s.op("fadd", x, s.op("fmul", a, b)),
    );
    const groups = reshaped(node.lowering, at(q, t), [batch, kvHeads, qHeads / kvHeads, depth]);
    const read = node.lowering.map("f32", [product(node, groups, state)], (s, x) => s.op("fmul", s.f(scale), x));
    return reshaped(node.lowering, read, [batch, 1, qHeads * width]);
  });
  return [concatenated(node.lowering, outputs, 1), state];
};

/** A convolution of each channel with the elements before and at each place; the last ones are the next run's past. */
const causalConv = (node: NodeContext): Value[] => {
  const [x, weight] = [float(node, node.in(0)), float(node, node.in(1))];
  const [bias, past] = [node.opt(2), node.opt(3)];
  const activation = node.string("activation", "none");
  if (!["none", "silu", "swish"].includes(activation)) throw node.refuse(`activation "${activation}"`, "activation");
  if (node.int("ndim", 1) !== 1 || x.shape.length !== 3) throw node.refuse("more than one dimension of places");
  const [batch, channels, length] = atLeast(x.shape, 3);
  const size = item(weight.shape, 2);
  if (weight.shape.join() !== [channels, 1, size].join()) throw node.invalid("not one row of weights a channel");
  const before = size - 1;
  const zeros = { ...node.lowering.scalar("f32", 0), shape: [batch, channels, before], strides: [0, 0, 0] };
  const all = before === 0 ? x : concatenated(node.lowering, [past ?? zeros, x], 2);
  if (item(all.shape, 2) !== length + before) throw node.invalid("the past state has another length");
  const y = node.lowering.emit({
    dtype: "f32",
    shape: [batch, channels, length],
    fold: {
      dims: [size],
      classes: ["f32"],
      init: (s) => [s.f(0)],
      step: (s, out, red) => {
        const [[b, c, t], [k]] = [atLeast(out, 3), atLeast(red, 1)];
        return [s.op("fadd", s.accumulator(), s.op("fmul", s.load(all, [b, c, t.plus(k)]), s.load(weight, [c, 0, k])))];
      },
    },
    finish: (s, out) => {
      const [, c] = atLeast(out, 2);
      const sum = bias === undefined ? s.accumulator() : s.op("fadd", s.accumulator(), s.load(float(node, bias), [c]));
      return activation === "none" ? sum : s.op("fmul", sum, fn.sigmoid(s, sum));
    },
  });
  return [y, sliced(all, 2, length, before)];
};

/** Recurrences over tokens. */
export const LINEAR_ATTENTION: readonly Operator[] = [
  onnx("LinearAttention", 27, linearAttention),
  onnx("CausalConvWithState", 27, causalConv),
];
