import { atLeast, item } from "../../../items.ts";
import { type Index } from "../../build/affine.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { broadcastTo, permuted, sliced } from "../../build/view.ts";
import * as fn from "../../functions/index.ts";
import { contiguousAlong } from "../../sums/dot.ts";
import { blockFor, orderedDot } from "../arithmetic/linear.ts";
import { softmaxRows } from "../arithmetic/normalize.ts";
import { float } from "../common.ts";
import { concatenated, reshaped } from "../tensor/movement.ts";

/** [B, S, H * D] as a view of [B, H, S, D]; four dimensions stay. */
const byHeads = (node: NodeContext, x: Value, heads: number | undefined): Value => {
  if (x.shape.length === 4) return x;
  const [batch, length, width] = atLeast(x.shape, 3);
  if (x.shape.length !== 3 || heads === undefined || width % heads !== 0)
    throw node.invalid("the heads do not divide the width");
  return permuted(reshaped(node.lowering, x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
};

/** Every key and value head seen by each of the query heads that share it. */
const repeated = (x: Value, times: number): Value => {
  const [batch, heads, length, width] = atLeast(x.shape, 4);
  const [sb, sh, sl, sw] = atLeast(x.strides, 4);
  return { ...x, shape: [batch, heads, times, length, width], strides: [sb, sh, 0, sl, sw] };
};

/** What is added to or withheld from the scores. */
interface Masks {
  readonly mask: Value | undefined;
  readonly causal: boolean;
  readonly past: number;
  readonly lengths: Value | undefined;
}

/** Score plus mask: -inf where a key is masked, in the future, or after the valid length. */
const masked = (node: NodeContext, scores: Value, { mask, causal, past, lengths }: Masks): Value => {
  const [, , queries, keys] = atLeast(scores.shape, 4);
  // A mask shorter than the keys masks what it does not reach.
  const reach = mask?.shape.at(-1) ?? keys;
  const padded = mask && reach < keys && reach > 1;
  const view = mask && broadcastTo(mask, [...scores.shape.slice(0, -1), padded ? reach : keys]);
  return node.lowering.emit({
    dtype: "f32",
    shape: scores.shape,
    finish: (s, out) => {
      const [batch, , q, k] = atLeast(out, 4);
      let value = s.load(scores, out);
      const minusInfinity = s.f(-Infinity);
      if (view) {
        const options = padded ? { guarded: [3] } : {};
        if (view.element === "bool")
          value = s.select(s.load(view, out, { ...options, fill: 0 }), value, s.op("fadd", value, minusInfinity));
        else value = s.op("fadd", value, s.load(view, out, { ...options, fill: -Infinity }));
      }
      const within = (test: Ref): void => {
        value = s.select(test, value, s.op("fadd", value, minusInfinity));
      };
      if (causal && lengths === undefined) within(s.op("ilt", s.affine(k), s.affine(q.plus(past + 1))));
      if (lengths !== undefined) {
        const length = s.load(lengths, [batch]);
        if (causal) {
          const last = s.op("iadd", s.affine(q.minus(queries)), length);
          within(s.op("ilt", s.affine(k), s.op("iadd", last, s.i(1))));
        }
        within(s.op("ilt", s.affine(k), length));
      }
      return value;
    },
  });
};

/**
 * Products of the rows of two values of [B, G, R, M, K] and [B, G, R, N, K]; `transposed` if the GEMM transposes the
 * second. The sum of each block is multiplied by `scale`.
 */
const rowProducts = (node: NodeContext, a: Value, b: Value, transposed: boolean, scale = 1): Value => {
  const [left, right] = [contiguousAlong(node.lowering, a, 4), contiguousAlong(node.lowering, b, 4)];
  const [batch, groups, times, m, k] = atLeast(a.shape, 5);
  const n = item(b.shape, 3);
  return orderedDot(
    node.lowering,
    {
      dtype: "f32",
      shape: [batch, groups, times, m, n],
      class: "f32",
      length: k,
      scale,
      left: (s, out, at) => s.load(left, [...out.slice(0, 4), at]),
      right: (s, out, at) => {
        const [i, g, r, , j] = atLeast(out, 5);
        return s.load(right, [i, g, r, j, at]);
      },
      finish: (_s, _out, sum) => sum,
    },
    blockFor({ m, n, k, packed: false, rightTransposed: transposed }),
  );
};

const attention = (node: NodeContext): Value[] => {
  const [qHeads, kvHeads] = [node.int("q_num_heads"), node.int("kv_num_heads")];
  const flat = node.in(0).shape.length === 3;
  const q = byHeads(node, float(node, node.in(0)), qHeads);
  const k = byHeads(node, float(node, node.in(1)), kvHeads);
  const v = byHeads(node, float(node, node.in(2)), kvHeads);
  const [mask, pastKey, pastValue, lengths] = [node.opt(3), node.opt(4), node.opt(5), node.opt(6)];
  const scale = node.float("scale", 1 / Math.sqrt(item(q.shape, 3)));
  const softcap = node.float("softcap", 0);
  const mode = node.int("qk_matmul_output_mode", 0);
  const precision = node.int("softmax_precision", 1);
  if (precision !== 1) throw node.refuse("only a float softmax", "softmax_precision");
  const keys = pastKey ? concatenated(node.lowering, [pastKey, k], 2) : k;
  const values = pastValue ? concatenated(node.lowering, [pastValue, v], 2) : v;
  const [batch, heads, queries, depth] = atLeast(q.shape, 4);
  const groups = item(keys.shape, 1);
  if (heads % groups !== 0) throw node.invalid("the query heads do not divide by the key heads");
  const times = heads / groups;
  const groupedQueries = reshaped(node.lowering, q, [batch, groups, times, queries, depth]);
  const products = rowProducts(node, groupedQueries, repeated(keys, times), true, scale);
  const total = item(keys.shape, 2);
  const scores = reshaped(node.lowering, products, [batch, heads, queries, total]);
  const capped =
    softcap > 0
      ? node.lowering.map("f32", [scores], (s, e) =>
          s.op("fmul", fn.tanhOfLibrary(s, s.op("fdiv", e, s.f(softcap))), s.f(softcap)),
        )
      : scores;
  const biased = masked(node, capped, {
    mask,
    causal: node.int("is_causal", 0) === 1,
    past: pastKey?.shape[2] ?? 0,
    lengths,
  });
  const weights = softmaxRows(node.lowering, biased);
  const spread = repeated(values, times);
  const groupedWeights = reshaped(node.lowering, weights, [batch, groups, times, queries, total]);
  const mixed = rowProducts(node, groupedWeights, permuted(spread, [0, 1, 2, 4, 3]), false);
  const result = reshaped(node.lowering, mixed, [batch, heads, queries, item(values.shape, 3)]);
  const y = flat
    ? reshaped(node.lowering, permuted(result, [0, 2, 1, 3]), [batch, queries, heads * item(values.shape, 3)])
    : result;
  const shown = [scores, softcap > 0 ? capped : scores, biased, weights][mode];
  if (shown === undefined) throw node.invalid(`mode ${String(mode)}`, "qk_matmul_output_mode");
  return [y, keys, values, shown];
};

/** Rotates pairs of the first dimensions of each head by angles that depend on the position. */
const rotaryEmbedding = (node: NodeContext): Value => {
  const given = float(node, node.in(0));
  const heads = node.int("num_heads", 0);
  const interleaved = node.int("interleaved", 0) === 1;
  const x = given.shape.length === 4 ? given : byHeads(node, given, heads === 0 ? undefined : heads);
  const [batch, count, length, width] = atLeast(x.shape, 4);
  const rotated = node.int("rotary_embedding_dim", 0) || width;
  const half = rotated / 2;
  const [cosines, sines, positions] = [float(node, node.in(1)), float(node, node.in(2)), node.opt(3)];
  const angle = (table: Value): Value => {
    if (positions === undefined) return broadcastTo(sliced(table, 2, 0, half), [batch, length, half]);
    return node.lowering.emit({
      dtype: "f32",
      shape: [batch, length, half],
      finish: (s, out) => {
        const [b, l, d] = atLeast(out, 3);
        return s.load(table, [0, d], { gather: { dimension: 0, by: positions, at: [b, l] } });
      },
    });
  };
  const [cos, sin] = [angle(cosines), angle(sines)];
  const part = (offset: (d: Index) => Index, other: (d: Index) => Index, sign: 1 | -1): Value =>
    node.lowering.emit({
      dtype: "f32",
      shape: [batch, count, length, half],
      finish: (s, out) => {
        const [b, h, l, d] = atLeast(out, 4);
        const [c, n] = [s.load(cos, [b, l, d]), s.load(sin, [b, l, d])];
        const own = s.op("fmul", s.load(x, [b, h, l, offset(d)]), c);
        const cross = s.op("fmul", s.load(x, [b, h, l, other(d)]), n);
        return s.op(sign === 1 ? "fadd" : "fsub", own, cross);
      },
    });
  const even = (d: Index): Index => (interleaved ? d.times(2) : d);
  const odd = (d: Index): Index => (interleaved ? d.times(2).plus(1) : d.plus(half));
  const [real, imaginary] = [part(even, odd, -1), part(odd, even, 1)];
  const pairs = interleaved
    ? reshaped(
        node.lowering,
        concatenated(
          node.lowering,
          [real, imaginary].map((p) => ({ ...p, shape: [...p.shape, 1], strides: [...p.strides, 0] })),
          4,
        ),
        [batch, count, length, rotated],
      )
    : concatenated(node.lowering, [real, imaginary], 3);
  const rest = rotated < width ? [sliced(x, 3, rotated, width - rotated)] : [];
  const whole = concatenated(node.lowering, [pairs, ...rest], 3);
  if (given.shape.length === 4) return whole;
  return reshaped(node.lowering, permuted(whole, [0, 2, 1, 3]), given.shape);
};

/** Attention and its position embedding. */
export const ATTENTION: readonly Operator[] = [
  onnx("Attention", 23, attention),
  onnx("RotaryEmbedding", 23, rotaryEmbedding),
];
