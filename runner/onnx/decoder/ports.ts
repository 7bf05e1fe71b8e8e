import { item } from "../../items.ts";
import type { RawGraph, RawModel, RawValueInfo } from "../file/decode.ts";
import { importError } from "../file/refusal.ts";

/** Keys or values of one layer: its input, the output with the new ones behind it, and sizes of heads and of one head. */
export interface Cache {
  readonly past: string;
  readonly present: string;
  readonly elementNumber: number;
  /** [batch, heads, 0, size]: what the first run gets. */
  readonly shape: readonly number[];
}

/** The inputs and outputs of a decoder, as exporters name them. */
export interface DecoderPorts {
  /** Names of all inputs that are not initializers, in the file's order. */
  readonly inputs: readonly string[];
  readonly ids: string;
  readonly mask: string | undefined;
  readonly positions: string | undefined;
  /** Whether there are past tokens, in files that hold both kinds of run. */
  readonly branch: string | undefined;
  readonly logits: string;
  readonly caches: readonly Cache[];
  /** ONNX numbers of the element types of inputs, by name. */
  readonly types: ReadonlyMap<string, number>;
}

const ROLE = {
  ids: /^input_ids?$/,
  mask: /^attention_mask$/,
  positions: /^position_ids$/,
  branch: /^use_cache_branch$/,
};

/** The layer and the kind of a cache's name: "past_key_values.0.key", "past_value_3", "present.0.key". */
const cacheOf = (name: string, word: "past" | "present"): string | undefined => {
  if (!name.startsWith(word)) return undefined;
  const layer = /\d+/.exec(name)?.[0];
  const last = [...name.matchAll(/key(?!_values)|value(?!s)/g)].at(-1)?.[0];
  return layer === undefined || last === undefined ? undefined : `${layer} ${last}`;
};

/**
 * Recognises the inputs and outputs of a decoder.
 * @param sizes Sizes of symbolic dimensions of the caches, by name.
 * @throws AssayError ONNX_UNSUPPORTED unless the model is a decoder with past and present keys and values.
 */
export function decoderPorts(model: RawModel, sizes: Readonly<Record<string, number>>): DecoderPorts {
  const graph = model.graph;
  if (graph === undefined) throw importError("ONNX_MALFORMED", "the file has no graph");
  const initialized = new Set(graph.initializer.map(({ name }) => name ?? ""));
  const inputs = graph.input.filter(({ name }) => !initialized.has(name ?? ""));
  const names = inputs.map(({ name }) => name ?? "");
  const named = (role: RegExp): string | undefined => names.find((name) => role.test(name));
  const ids = named(ROLE.ids);
  if (ids === undefined) throw notADecoder("it has no input input_ids", names);
  const roles = { mask: named(ROLE.mask), positions: named(ROLE.positions), branch: named(ROLE.branch) };
  const caches = cachesOf(graph, inputs, sizes);
  const known = new Set([ids, ...Object.values(roles), ...caches.map(({ past }) => past)]);
  const other = names.find((name) => !known.has(name));
  if (other !== undefined) throw notADecoder(`nothing says what its input "${other}" is`, names);
  const logits = graph.output.map(({ name }) => name ?? "").find((name) => /^(logits|lm_logits)$/.test(name));
  if (logits === undefined) {
    throw notADecoder(
      "it has no output logits",
      graph.output.map(({ name }) => name ?? ""),
    );
  }
  const types = new Map(inputs.map(({ name, type }) => [name ?? "", type?.tensor_type?.elem_type ?? 0]));
  return { inputs: names, ids, ...roles, logits, caches, types };
}

function cachesOf(
  graph: RawGraph,
  inputs: readonly RawValueInfo[],
  sizes: Readonly<Record<string, number>>,
): readonly Cache[] {
  const presents = new Map<string, string>();
  for (const { name = "" } of graph.output) {
    const key = cacheOf(name, "present");
    if (key !== undefined) presents.set(key, name);
  }
  const caches = inputs.flatMap((info) => {
    const name = info.name ?? "";
    const key = cacheOf(name, "past");
    if (key === undefined) return [];
    const present = presents.get(key);
    if (present === undefined) throw notADecoder(`no output goes with its input "${name}"`, [...presents.values()]);
    const elementNumber = info.type?.tensor_type?.elem_type ?? 0;
    return [{ past: name, present, elementNumber, shape: emptyCache(info, sizes) }];
  });
  if (caches.length === 0) {
    throw notADecoder(
      "it has no inputs past_key_values.N.key and .value",
      inputs.map(({ name }) => name ?? ""),
    );
  }
  return caches;
}

/** Dimensions of a cache without tokens: one sequence, heads, none, size. */
function emptyCache({ name, type }: RawValueInfo, sizes: Readonly<Record<string, number>>): readonly number[] {
  const dims = type?.tensor_type?.shape?.dim ?? [];
  if (dims.length !== 4) {
    throw importError("ONNX_UNSUPPORTED", `a cache of ${String(dims.length)} dimensions`, {
      tensor: name ?? "",
      remedy: "export keys and values as [batch, heads, sequence, size]",
    });
  }
  return dims.map(({ dim_value: value, dim_param: parameter }, d) => {
    if (d === 0) return 1;
    if (d === 2) return 0;
    const size = value !== undefined && value > 0n ? Number(value) : sizes[parameter ?? ""];
    if (size === undefined || !Number.isSafeInteger(size) || size < 1) {
      const what = item(["", "heads", "", "size"], d);
      throw importError("ONNX_SHAPE_UNBOUND", `the number of ${what} is not in the file`, {
        tensor: name ?? "",
        remedy: `give a size for "${parameter ?? ""}"`,
      });
    }
    return size;
  });
}

const notADecoder = (reason: string, names: readonly string[]): Error =>
  importError("ONNX_UNSUPPORTED", `the model is not a decoder with cached keys and values: ${reason}`, {
    remedy: `export it with past and present keys and values; it has ${names.slice(0, 8).join(", ")}`,
  });
