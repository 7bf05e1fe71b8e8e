import { ELEMENT, type GraphWriter } from "./graph-writer.ts";

/** How the next token is chosen: the likeliest, or one drawn with a temperature, of all or of the `topK` likeliest. */
export type Sampling =
  { readonly kind: "greedy" } | { readonly kind: "random"; readonly temperature: number; readonly topK?: number };

/** What the choice of one token reads. */
interface Choice {
  /** Scores of the vocabulary, [1, vocabulary]. */
  readonly scores: string;
  /** How many tokens were chosen before it. */
  readonly step: number;
  /** Input of the seed, i64 [1]; only random choices read it. */
  readonly seed: string;
  readonly vocabulary: number;
}

/** Adds the choice of a token, i64 [1, 1]. */
export function chooseToken(g: GraphWriter, sampling: Sampling, { scores, step, seed, vocabulary }: Choice): string {
  if (sampling.kind === "greedy") return g.node("ArgMax", [scores], { axis: 1, keepdims: 1 });
  const temperature = g.constant("f32", [], [sampling.temperature]);
  const count = Math.min(sampling.topK ?? vocabulary, vocabulary);
  const drawn = (of: string): string => {
    const noisy = g.node("Add", [g.node("Div", [of, temperature]), gumbelNoise(g, seed, step, count)]);
    return g.node("ArgMax", [noisy], { axis: 1, keepdims: 1 });
  };
  if (count === vocabulary) return drawn(scores);
  const [values, indices] = [g.fresh("likeliest"), g.fresh("tokens")];
  g.call(g.fresh("TopK"), "", "TopK", [scores, g.i64(count)], [values, indices]);
  return g.node("GatherElements", [indices, drawn(values)], { axis: 1 });
}

/** An odd number without a pattern (2^64 over the golden ratio), as i64. */
const ODD = BigInt.asIntN(64, 0x9e3779b97f4a7c15n);

/**
 * Noise of Gumbel's distribution, -log(-log(u)), f32 [1, count]: the largest of score / temperature + noise is a token
 * drawn with the probabilities of the softmax. u is (2 m + 1) / 2^24 with the upper 23 bits m of a number of the
 * counter-based generator Squares (B. Widynski, "Squares: A Fast Counter-Based RNG", 2020; four rounds, 64 bits). Its
 * key is an odd multiple of the seed's; its counter is step * 2^32 + index.
 */
function gumbelNoise(g: GraphWriter, seed: string, step: number, count: number): string {
  const odd = g.node("Add", [g.node("Mul", [seed, g.i64(2)]), g.i64(1)]);
  const key = g.node("Mul", [odd, g.i64(ODD)]);
  const indices = g.constant(
    "i64",
    [1, count],
    Array.from({ length: count }, (_, i) => i),
  );
  const counter = g.node("Add", [indices, g.i64(BigInt(step) << 32n)]);
  const y = g.node("Mul", [counter, key]);
  const z = g.node("Add", [y, key]);
  const round = (x: string, plus: string): string => g.node("Add", [g.node("Mul", [x, x]), plus]);
  let x = y;
  for (const plus of [y, z, y]) x = turned(g, round(x, plus));
  const upper = shifted(g, round(x, z), 41, "RIGHT");
  const whole = g.cast(g.cast(upper, ELEMENT.i64), ELEMENT.f32);
  const [half, unit] = [g.constant("f32", [], [0.5]), g.constant("f32", [], [2 ** -23])];
  const uniform = g.node("Mul", [g.node("Add", [whole, half]), unit]);
  const once = g.node("Neg", [g.node("Log", [uniform])]);
  return g.node("Neg", [g.node("Log", [once])]);
}

/** The bits of an i64 moved, as a u64: ONNX moves only bits of unsigned numbers. */
const shifted = (g: GraphWriter, x: string, by: number, direction: "LEFT" | "RIGHT"): string =>
  g.node("BitShift", [g.cast(x, ELEMENT.u64), g.constant("u64", [1], [by])], { direction });

/** The halves of a 64-bit number exchanged. */
const turned = (g: GraphWriter, x: string): string =>
  g.node("Add", [g.cast(shifted(g, x, 32, "LEFT"), ELEMENT.i64), g.cast(shifted(g, x, 32, "RIGHT"), ELEMENT.i64)]);
