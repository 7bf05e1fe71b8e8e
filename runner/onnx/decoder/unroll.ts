import { item } from "../../items.ts";
import { decodeModel, messageType, type RawModel } from "../file/decode.ts";
import { importError } from "../file/refusal.ts";
import { ELEMENT, GraphWriter } from "./graph-writer.ts";
import { type DecoderPorts, decoderPorts } from "./ports.ts";
import { chooseToken, type Sampling } from "./sampling.ts";

export interface UnrollOptions {
  /** Places of the prompt; shorter prompts have filling in front, which `attention_mask` keeps out of sight. */
  readonly promptLength: number;
  /** Tokens of an answer. */
  readonly tokens: number;
  /** Default greedy. */
  readonly sampling?: Sampling;
  /** Tokens that end an answer: the one that ended it is repeated up to the last place. Default none. */
  readonly endTokens?: readonly number[];
  /** Sizes of symbolic dimensions of the caches, by name. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Entries of the vocabulary, where the file does not say it; only random choices need it. */
  readonly vocabulary?: number;
}

/** Domain and name of the function that holds the decoder's nodes once. */
const [DOMAIN, FUNCTION] = ["assay", "Decoder"] as const;
const MOST_TOKENS = 4096;
/** Names that the new graph has of its own. */
const OWN = ["input_ids", "attention_mask", "seed", "tokens"] as const;

/**
 * A decoder with cached keys and values as one ONNX file that answers: from a prompt to `tokens` tokens, each chosen
 * inside the graph and fed to the next run. The decoder's nodes are in the file once, as a model function that is
 * called for the prompt and then for each token; its weights are there once too. Any ONNX runtime can run the file.
 *
 * Inputs: `input_ids` i64 [1, promptLength]; `attention_mask` i64 [1, promptLength] of 0 (filling) and 1, if the
 * decoder has a mask; `seed` i64 [1], if tokens are drawn. Output: `tokens` i64 [1, tokens].
 * @throws AssayError ONNX_MALFORMED; ONNX_UNSUPPORTED when the model is not such a decoder; ONNX_SHAPE_UNBOUND;
 * ONNX_INVALID when an option is outside its range or a name of the file is one of the new graph's.
 */
export function unrollDecoder(bytes: Uint8Array, options: UnrollOptions): Uint8Array {
  const raw = decodeModel(bytes);
  const sampling = options.sampling ?? { kind: "greedy" };
  checkOptions(options, sampling);
  const ports = decoderPorts(raw, options.sizes ?? {});
  const initializers = (raw.graph?.initializer ?? []).map(({ name }) => name ?? "");
  const opset = Number(
    raw.opset_import.find(({ domain = "" }) => domain === "" || domain === "ai.onnx")?.version ?? 0n,
  );
  if (opset < 13) {
    throw importError("ONNX_UNSUPPORTED", `a decoder of opset ${String(opset)}`, {
      remedy: "export it with opset 13 or newer",
    });
  }
  const g = new GraphWriter(prefixFor(initializers));
  const tokens = writeSteps(g, ports, initializers, options, sampling, vocabularyOf(raw, ports, options));
  return encode(bytes, raw, ports, g, { tokens, initializers, options, sampling });
}

function checkOptions({ promptLength, tokens, endTokens = [] }: UnrollOptions, sampling: Sampling): void {
  const whole = (name: string, value: number, most: number, least = 1): void => {
    if (Number.isSafeInteger(value) && value >= least && value <= most) return;
    throw importError("ONNX_INVALID", `${name} is ${String(value)}, outside ${String(least)} to ${String(most)}`);
  };
  whole("promptLength", promptLength, 2 ** 20);
  whole("tokens", tokens, MOST_TOKENS);
  for (const token of endTokens) whole("an end token", token, 2 ** 31, 0);
  if (sampling.kind === "greedy") return;
  const temperature = Math.fround(sampling.temperature);
  if (!(temperature > 0 && temperature < Infinity)) {
    throw importError("ONNX_INVALID", `the temperature is ${String(sampling.temperature)}, not above 0`);
  }
  if (sampling.topK !== undefined) whole("topK", sampling.topK, 2 ** 31);
}

/** What names of the new graph begin with: nothing of the file begins so. */
function prefixFor(names: readonly string[]): string {
  const taken = names.find((name) => (OWN as readonly string[]).includes(name));
  if (taken !== undefined) throw importError("ONNX_INVALID", "a weight has the name of an input", { tensor: taken });
  let prefix = "answer_";
  while (names.some((name) => name.startsWith(prefix))) prefix += "_";
  return prefix;
}

/** The last dimension of the logits or, of an exporter that leaves it open, what the caller says. */
function vocabularyOf({ graph }: RawModel, { logits }: DecoderPorts, { vocabulary }: UnrollOptions): number {
  const info = graph?.output.find(({ name }) => name === logits);
  const last = info?.type?.tensor_type?.shape?.dim.at(-1)?.dim_value;
  return last !== undefined && last > 0n ? Number(last) : (vocabulary ?? 0);
}

/** Adds the run of the prompt, one run for each further token, and the choices between; gives the names of tokens. */
function writeSteps(
  g: GraphWriter,
  ports: DecoderPorts,
  initializers: readonly string[],
  { promptLength, tokens, endTokens = [] }: UnrollOptions,
  sampling: Sampling,
  vocabulary: number,
): readonly string[] {
  if (sampling.kind === "random" && vocabulary < 1) {
    throw importError("ONNX_SHAPE_UNBOUND", "the size of the vocabulary is not in the file", {
      tensor: ports.logits,
      remedy: "give vocabulary",
    });
  }
  const as = (x: string, input: string | undefined): string => {
    const type = ports.types.get(input ?? "") ?? ELEMENT.i64;
    return type === ELEMENT.i64 ? x : g.cast(x, type);
  };
  const ones = (count: number): string =>
    g.constant(
      "i64",
      [1, count],
      Array.from({ length: count }, () => 1),
    );
  const given = ports.mask === undefined ? ones(promptLength) : "attention_mask";
  const counted = g.node("CumSum", [given, g.constant("i64", [], [1])]);
  const places = g.node("Mul", [g.node("Sub", [counted, g.i64(1)]), given]);
  const length = g.node("Gather", [counted, g.i64(promptLength - 1)], { axis: 1 });

  let caches = ports.caches.map(({ elementNumber, shape }) => g.empty(elementNumber, shape));
  const run = (name: string, ids: string, mask: string, positions: string, first: boolean): string => {
    const bound = new Map<string, string>(ports.caches.map(({ past }, i) => [past, item(caches, i)]));
    bound.set(ports.ids, as(ids, ports.ids));
    if (ports.mask !== undefined) bound.set(ports.mask, as(mask, ports.mask));
    if (ports.positions !== undefined) bound.set(ports.positions, as(positions, ports.positions));
    if (ports.branch !== undefined) bound.set(ports.branch, g.constant("bool", [1], [first ? 0 : 1]));
    const logits = g.fresh("logits");
    caches = ports.caches.map(() => g.fresh("cache"));
    const inputs = ports.inputs.map((input) => bound.get(input) ?? "");
    g.call(name, DOMAIN, FUNCTION, [...inputs, ...initializers], [logits, ...caches]);
    return g.node("Gather", [logits, g.constant("i64", [], [-1])], { axis: 1 });
  };

  const chosen: string[] = [];
  let ended: string | undefined;
  let scores = run("prompt", "input_ids", given, places, true);
  for (let step = 0; step < tokens; step++) {
    const previous = chosen.at(-1);
    if (previous !== undefined) {
      const mask = g.node("Concat", [given, ones(step)], { axis: 1 });
      const place = g.node("Add", [length, g.i64(step - 1)]);
      scores = run(`token ${String(step)}`, previous, mask, place, false);
    }
    const fresh = chooseToken(g, sampling, { scores, step, seed: "seed", vocabulary });
    const token = ended === undefined || previous === undefined ? fresh : g.node("Where", [ended, previous, fresh]);
    chosen.push(token);
    const tests = endTokens.map((end) => g.node("Equal", [token, g.i64(end)]));
    ended = tests.length === 0 ? undefined : tests.reduce((all, test) => g.node("Or", [all, test]));
  }
  return chosen;
}

interface Answer {
  readonly tokens: readonly string[];
  readonly initializers: readonly string[];
  readonly options: UnrollOptions;
  readonly sampling: Sampling;
}

/** The file: the decoder's nodes as a function, its weights, and the graph that calls it. */
function encode(
  bytes: Uint8Array,
  raw: RawModel,
  ports: DecoderPorts,
  g: GraphWriter,
  { tokens, initializers, options, sampling }: Answer,
): Uint8Array {
  const type = messageType("ModelProto");
  const decoded: unknown = type.decode(bytes);
  const model = decoded as {
    readonly graph: { readonly node: readonly object[]; readonly initializer: readonly object[] };
    readonly functions: readonly object[];
    readonly opset_import: readonly object[];
  };
  const { promptLength } = options;
  const last = {
    name: "tokens",
    op_type: "Concat",
    input: tokens,
    output: ["tokens"],
    attribute: [{ name: "axis", type: 2, i: 1 }],
  };
  const inputs = [
    valueInfo("input_ids", [1, promptLength]),
    ...(ports.mask === undefined ? [] : [valueInfo("attention_mask", [1, promptLength])]),
    ...(sampling.kind === "greedy" ? [] : [valueInfo("seed", [1])]),
  ];
  const decoder = {
    name: FUNCTION,
    domain: DOMAIN,
    input: [...ports.inputs, ...initializers],
    output: [ports.logits, ...ports.caches.map(({ present }) => present)],
    opset_import: model.opset_import,
  };
  const graph = messageType("GraphProto").fromObject({
    name: "answer",
    node: [...g.nodes, last],
    input: inputs,
    output: [valueInfo("tokens", [1, tokens.length])],
  });
  const constants = messageType("GraphProto").fromObject({ initializer: g.initializers });
  Object.assign(graph, { initializer: [...initializersOf(constants), ...model.graph.initializer] });
  const fn = messageType("FunctionProto").create({ ...decoder, node: model.graph.node });
  const opset = messageType("OperatorSetIdProto").fromObject({ domain: DOMAIN, version: 1 });
  const answer = type.create({
    ir_version: Math.max(8, Number(raw.ir_version ?? 8n)),
    producer_name: "assay",
    opset_import: [...model.opset_import, opset],
    functions: [...model.functions, fn],
    graph,
  });
  return type.encode(answer).finish();
}

const initializersOf = (graph: object): readonly object[] => (graph as { readonly initializer: object[] }).initializer;

const valueInfo = (name: string, shape: readonly number[]): object => ({
  name,
  type: { tensor_type: { elem_type: ELEMENT.i64, shape: { dim: shape.map((size) => ({ dim_value: size })) } } },
});
