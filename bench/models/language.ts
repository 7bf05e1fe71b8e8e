import { Graph } from "./graph.ts";

/* Transformers and a recurrent network. */

const linear = (g: Graph, x: string, from: number, to: number): string =>
  g.node("Add", [g.node("MatMul", [x, g.weights([from, to], 0.5 / Math.sqrt(from))]), g.weights([to], 0.02)]);

const layerNorm = (g: Graph, x: string, width: number): string =>
  g.node("LayerNormalization", [x, g.weights([width], 0.02, 1), g.weights([width], 0.02)], {
    axis: -1,
    epsilon: { float: 1e-5 },
  });

const gelu = (g: Graph, x: string): string => {
  const inner = g.node("Add", [g.node("Erf", [g.node("Div", [x, g.scalar(Math.SQRT2)])]), g.scalar(1)]);
  return g.node("Mul", [g.node("Mul", [x, inner]), g.scalar(0.5)]);
};

/** GELU by tanh, as GPT-2 has it. */
const tanhGelu = (g: Graph, x: string): string => {
  const cubed = g.node("Mul", [g.node("Mul", [g.node("Mul", [x, x]), x]), g.scalar(0.044715)]);
  const inner = g.node("Tanh", [g.node("Mul", [g.node("Add", [x, cubed]), g.scalar(0.7978845608)])]);
  return g.node("Mul", [g.node("Mul", [x, g.scalar(0.5)]), g.node("Add", [inner, g.scalar(1)])]);
};

interface Attention {
  /** -1 for any number. */
  readonly tokens: number;
  readonly width: number;
  readonly heads: number;
  /** Added to the scores: [1, 1, tokens, all tokens]. */
  readonly mask?: string;
  /** Keys and values of earlier tokens, each [1, heads, past, width / heads]. */
  readonly past?: { readonly keys: string; readonly values: string };
}

/** Attention of a row of tokens; gives the output, and the keys and values of all tokens. */
const attention = (
  g: Graph,
  q: string,
  k: string,
  v: string,
  of: Attention,
): { out: string; keys: string; values: string } => {
  const { tokens, width, heads, mask, past } = of;
  const split = (x: string): string =>
    g.node("Transpose", [g.node("Reshape", [x, g.i64(1, tokens, heads, width / heads)])], { perm: [0, 2, 1, 3] });
  const append = (before: string | undefined, x: string): string =>
    before === undefined ? x : g.node("Concat", [before, x], { axis: 2 });
  const keys = append(past?.keys, split(k));
  const values = append(past?.values, split(v));
  const transposed = g.node("Transpose", [keys], { perm: [0, 1, 3, 2] });
  let scores = g.node("Div", [g.node("MatMul", [split(q), transposed]), g.scalar(Math.sqrt(width / heads))]);
  if (mask !== undefined) scores = g.node("Add", [scores, mask]);
  const odds = g.node("Softmax", [scores], { axis: -1 });
  const merged = g.node("Transpose", [g.node("MatMul", [odds, values])], { perm: [0, 2, 1, 3] });
  return { out: g.node("Reshape", [merged, g.i64(1, tokens, width)]), keys, values };
};

/** GPT-2 small. With `past`, one token after so many; without, all tokens of a prompt at once. */
export function gpt2(tokens: number, past: number): Graph {
  const [width, heads, layers, vocabulary] = [768, 12, 12, 50257];
  const g = new Graph();
  const ids = g.input("input_ids", "i64", [1, tokens]);
  const embedding = g.weights([vocabulary, width], 0.02);
  const positions = g.constant(
    "i64",
    [1, tokens],
    BigInt64Array.from({ length: tokens }, (_, i) => BigInt(past + i)),
  );
  let x = g.node("Add", [
    g.node("Gather", [embedding, ids], { axis: 0 }),
    g.node("Gather", [g.weights([1024, width], 0.02), positions], { axis: 0 }),
  ]);
  const causal = new Float32Array(tokens * tokens);
  for (let i = 0; i < tokens; i++) for (let j = i + 1; j < tokens; j++) causal[i * tokens + j] = -10000;
  const mask = tokens > 1 ? g.constant("f32", [1, 1, tokens, tokens], causal) : undefined;
  for (let layer = 0; layer < layers; layer++) {
    const normal = layerNorm(g, x, width);
    const [q = "", k = "", v = ""] = g.nodes(
      "Split",
      [linear(g, normal, width, 3 * width), g.i64(width, width, width)],
      3,
      {
        axis: 2,
      },
    );
    const before = past > 0 ? pastOf(g, layer, heads, past, width / heads) : undefined;
    const { out, keys, values } = attention(g, q, k, v, {
      tokens,
      width,
      heads,
      ...(mask !== undefined && { mask }),
      ...(before && { past: before }),
    });
    if (before) {
      g.output(keys);
      g.output(values);
    }
    x = g.node("Add", [x, linear(g, out, width, width)]);
    const hidden = tanhGelu(g, linear(g, layerNorm(g, x, width), width, 4 * width));
    x = g.node("Add", [x, linear(g, hidden, 4 * width, width)]);
  }
  g.output(g.node("MatMul", [layerNorm(g, x, width), g.node("Transpose", [embedding], { perm: [1, 0] })]));
  return g;
}

/** GPT-2 small as exporters write decoders: any number of tokens after any number of cached ones. */
export function gpt2Decoder(): Graph {
  const [width, heads, layers, vocabulary] = [768, 12, 12, 50257];
  const g = new Graph();
  const ids = g.input("input_ids", "i64", [1, "length"]);
  const mask = g.input("attention_mask", "i64", [1, "total"]);
  const positions = g.input("position_ids", "i64", [1, "length"]);
  const sizeOf = (x: string): string =>
    g.node("Gather", [g.node("Shape", [x]), g.constant("i64", [], BigInt64Array.of(1n))], { axis: 0 });
  const total = sizeOf(mask);
  const range = (from: string): string => g.node("Range", [from, total, g.constant("i64", [], BigInt64Array.of(1n))]);
  const queries = g.node("Reshape", [range(g.node("Sub", [total, sizeOf(ids)])), g.i64(-1, 1)]);
  const earlier = g.node("LessOrEqual", [range(g.constant("i64", [], BigInt64Array.of(0n))), queries]);
  const given = g.node("Cast", [g.node("Reshape", [mask, g.i64(1, 1, 1, -1)])], { to: 9 });
  const bias = g.node("Where", [g.node("And", [earlier, given]), g.scalar(0), g.scalar(-10000)]);
  const embedding = g.weights([vocabulary, width], 0.02);
  let x = g.node("Add", [
    g.node("Gather", [embedding, ids], { axis: 0 }),
    g.node("Gather", [g.weights([1024, width], 0.02), positions], { axis: 0 }),
  ]);
  const presents: [string, string][] = [];
  for (let layer = 0; layer < layers; layer++) {
    const past = (part: string): string =>
      g.input(`past_key_values.${String(layer)}.${part}`, "f32", [1, heads, "past", width / heads]);
    const normal = layerNorm(g, x, width);
    const [q = "", k = "", v = ""] = g.nodes(
      "Split",
      [linear(g, normal, width, 3 * width), g.i64(width, width, width)],
      3,
      { axis: 2 },
    );
    const { out, keys, values } = attention(g, q, k, v, {
      tokens: -1,
      width,
      heads,
      mask: bias,
      past: { keys: past("key"), values: past("value") },
    });
    presents.push([keys, `present.${String(layer)}.key`], [values, `present.${String(layer)}.value`]);
    x = g.node("Add", [x, linear(g, out, width, width)]);
    const hidden = tanhGelu(g, linear(g, layerNorm(g, x, width), width, 4 * width));
    x = g.node("Add", [x, linear(g, hidden, 4 * width, width)]);
  }
  const scores = g.node("MatMul", [layerNorm(g, x, width), g.node("Transpose", [embedding], { perm: [1, 0] })]);
  g.output(scores, "logits");
  for (const [value, name] of presents) g.output(value, name);
  return g;
}

const pastOf = (g: Graph, layer: number, heads: number, past: number, size: number) => ({
  keys: g.input(`past_key_${String(layer)}`, "f32", [1, heads, past, size]),
  values: g.input(`past_value_${String(layer)}`, "f32", [1, heads, past, size]),
});

/** Layers of an encoder, normalised after (BERT) or before (ViT) each part. */
const encoder = (g: Graph, x: string, layers: number, before: boolean, of: Attention): string => {
  const { width } = of;
  const part = (input: string, inner: (y: string) => string): string =>
    before
      ? g.node("Add", [input, inner(layerNorm(g, input, width))])
      : layerNorm(g, g.node("Add", [input, inner(input)]), width);
  for (let layer = 0; layer < layers; layer++) {
    x = part(x, (y) => {
      const [q, k, v] = [linear(g, y, width, width), linear(g, y, width, width), linear(g, y, width, width)];
      return linear(g, attention(g, q, k, v, of).out, width, width);
    });
    x = part(x, (y) => linear(g, gelu(g, linear(g, y, width, 4 * width)), 4 * width, width));
  }
  return x;
};

/** BERT base on 128 tokens. */
export function bert(): Graph {
  const [tokens, width] = [128, 768];
  const g = new Graph();
  const ids = g.input("input_ids", "i64", [1, tokens]);
  const given = g.node("Cast", [g.input("attention_mask", "i64", [1, tokens])], { to: 1 });
  const hidden = g.node("Mul", [g.node("Sub", [g.scalar(1), given]), g.scalar(-10000)]);
  const mask = g.node("Reshape", [hidden, g.i64(1, 1, 1, tokens)]);
  const embedded = g.node("Gather", [g.weights([30522, width], 0.02), ids], { axis: 0 });
  const x = layerNorm(g, g.node("Add", [embedded, g.weights([1, tokens, width], 0.02)]), width);
  g.output(encoder(g, x, 12, false, { tokens, width, heads: 12, mask }));
  return g;
}

/** ViT-B/16 on a picture of 224 by 224. */
export function vit(): Graph {
  const [tokens, width] = [197, 768];
  const g = new Graph();
  const image = g.input("image", "f32", [1, 3, 224, 224]);
  const patches = g.node("Conv", [image, g.weights([width, 3, 16, 16], 0.03), g.weights([width], 0.02)], {
    kernel_shape: [16, 16],
    strides: [16, 16],
  });
  const row = g.node("Transpose", [g.node("Reshape", [patches, g.i64(1, width, 196)])], { perm: [0, 2, 1] });
  const all = g.node("Concat", [g.weights([1, 1, width], 0.02), row], { axis: 1 });
  const x = g.node("Add", [all, g.weights([1, tokens, width], 0.02)]);
  const last = layerNorm(g, encoder(g, x, 12, true, { tokens, width, heads: 12 }), width);
  const first = g.node("Gather", [last, g.constant("i64", [], BigInt64Array.of(0n))], { axis: 1 });
  g.output(g.node("Gemm", [first, g.weights([1000, width], 0.05), g.weights([1000], 0.05)], { transB: 1 }));
  return g;
}

/** An LSTM of 256 units over 64 steps. */
export function lstm(): Graph {
  const [steps, size, units] = [64, 128, 256];
  const g = new Graph();
  const x = g.input("x", "f32", [steps, 1, size]);
  const [, last = ""] = g.nodes(
    "LSTM",
    [x, g.weights([1, 4 * units, size], 0.08), g.weights([1, 4 * units, units], 0.06), g.weights([1, 8 * units], 0.02)],
    2,
    { hidden_size: units },
  );
  const flat = g.node("Reshape", [last, g.i64(1, units)]);
  g.output(g.node("Gemm", [flat, g.weights([10, units], 0.06), g.weights([10], 0.02)], { transB: 1 }));
  return g;
}
