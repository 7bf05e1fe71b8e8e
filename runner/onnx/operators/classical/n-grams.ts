import { atLeast, item, lastItem } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { computable, range } from "../common.ts";

/** Longest n-gram. */
const LONGEST = 8;

/** How often each n-gram of a pool occurs in each row, with gaps of up to `max_skip_count` between its tokens. */
const tfIdfVectorizer = (node: NodeContext): Value => {
  const x = node.in(0);
  const dtype = computable(node, x);
  if (node.has("pool_strings")) throw node.refuse("pools of strings", "pool_strings");
  const [counts, columns, pool] = [node.ints("ngram_counts"), node.ints("ngram_indexes"), node.ints("pool_int64s")];
  const [shortest, longest] = [node.int("min_gram_length", 1), node.int("max_gram_length", 1)];
  const skips = node.int("max_skip_count", 0);
  const mode = node.string("mode", "TF");
  const weights = node.floats("weights");
  if (dtype !== "i64" && dtype !== "i32") throw node.refuse(`element type ${dtype}`);
  if (counts === undefined || columns === undefined || pool === undefined) throw node.invalid("the pool is missing");
  if (!["TF", "IDF", "TFIDF"].includes(mode)) throw node.refuse(`mode "${mode}"`, "mode");
  if (longest > LONGEST || skips > 64) throw node.refuse(`n-grams of ${String(longest)} with ${String(skips)} skips`);
  const grams = counts.flatMap((start, g) => {
    const end = counts[g + 1] ?? pool.length;
    const size = g + 1;
    return range(Math.floor((end - start) / size)).map((i) => pool.slice(start + i * size, start + (i + 1) * size));
  });
  if (grams.length !== columns.length || (weights !== undefined && weights.length !== columns.length))
    throw node.invalid("not one column and weight an n-gram");
  if (new Set(columns).size !== columns.length) throw node.refuse("two n-grams of one column", "ngram_indexes");
  const width = Math.max(...columns) + 1;
  const table = range(width * longest).map(() => 0);
  const sizes = range(width).map(() => 0);
  const factors = range(width).map(() => 1);
  columns.forEach((column, i) => {
    const gram = item(grams, i);
    if (gram.length < shortest || gram.length > longest) return;
    sizes[column] = gram.length;
    gram.forEach((token, t) => (table[column * longest + t] = token));
    if (weights !== undefined) factors[column] = item(weights, i);
  });
  const [tokens, lengths, scales] = [
    node.lowering.constantOf("i64", [width, longest], table),
    node.lowering.constantOf("i64", [width], sizes),
    node.lowering.constantOf("f32", [width], factors),
  ];
  const length = lastItem(x.shape);
  const outer = x.shape.slice(0, -1);
  return node.lowering.emit({
    dtype: "f32",
    shape: [...outer, width],
    fold: {
      dims: [skips + 1, length],
      classes: ["int"],
      init: (s) => [s.i(0)],
      step: (s, out, red) => {
        const [skip, start] = atLeast(red, 2);
        const [row, column] = [out.slice(0, -1), lastItem(out)];
        const size = s.load(lengths, [column]);
        // One token has no gaps: it counts once.
        let matches: Ref = s.op(
          "ior",
          s.op("ilt", s.i(1), size),
          s.op("iand", size, s.op("ieq", s.affine(skip), s.i(0))),
        );
        for (let t = 0; t < longest; t++) {
          const at = skip.times(t).plus(start).plus(t);
          const inside = s.op("ilt", s.affine(at), s.i(length));
          const same = s.op(
            "ieq",
            s.load(x, [...row, at], { guards: [{ index: at, bound: length }] }),
            s.load(tokens, [column, t]),
          );
          const beyond = s.op("ilt", s.op("isub", size, s.i(1)), s.i(t));
          matches = s.op("iand", matches, s.op("ior", beyond, s.op("iand", inside, same)));
        }
        return [s.op("iadd", s.accumulator(), matches)];
      },
    },
    finish: (s, out) => {
      const count = s.op("i2f", s.accumulator());
      const weight = s.load(scales, [lastItem(out)]);
      if (mode === "TF") return count;
      if (mode === "TFIDF") return s.op("fmul", count, weight);
      return s.select(s.op("ilt", s.i(0), s.accumulator()), weight, s.f(0));
    },
  });
};

/** Counts of n-grams. */
export const N_GRAMS: readonly Operator[] = [onnx("TfIdfVectorizer", 9, tfIdfVectorizer)];
