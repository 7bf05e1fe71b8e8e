import type { RawAttribute, RawGraph, RawNode } from "../file/decode.ts";
import type { ForeignType } from "../file/element-type.ts";
import { type ImportErrorCode, importError } from "../file/refusal.ts";
import type { Dense } from "../file/tensors.ts";
import type { Lowering } from "./lowering.ts";
import { type Bound, isSequence, type SequenceValue, type Value } from "./value.ts";

/** Attribute types by the number that ONNX gives them. */
const TYPE = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 } as const;

/** What surrounds a node: how to reach constants in attributes and to run subgraphs. */
export interface Surroundings {
  readonly lowering: Lowering;
  readonly opset: number;
  readonly tensor: (raw: RawAttribute["t"] & object) => Dense;
  /** Runs a subgraph in the scope of the node with the given values for its inputs. */
  readonly subgraph: (graph: RawGraph, inputs: readonly Bound[]) => readonly Bound[];
}

/**
 * A node as an operator's lowering sees it. Every attribute must be asked for by name: those that nobody asked for
 * are unknown, and `checkUnused` refuses them.
 */
export class NodeContext {
  readonly lowering: Lowering;
  readonly opset: number;
  readonly outputCount: number;
  readonly outputUsed: readonly boolean[];
  readonly surroundings: Surroundings;
  readonly #raw: RawNode;
  readonly #inputs: readonly Bound[];
  readonly #attributes: ReadonlyMap<string, RawAttribute>;
  readonly #asked = new Set<string>();

  constructor(raw: RawNode, inputs: readonly Bound[], attributes: readonly RawAttribute[], around: Surroundings) {
    this.lowering = around.lowering;
    this.opset = around.opset;
    this.surroundings = around;
    this.#raw = raw;
    this.#inputs = inputs;
    this.outputCount = raw.output.length;
    this.outputUsed = raw.output.map((name) => name !== "");
    const byName = new Map<string, RawAttribute>();
    for (const attribute of attributes) {
      const name = attribute.name ?? "";
      if (byName.has(name)) throw this.error("ONNX_INVALID", "the attribute is given twice", name);
      byName.set(name, attribute);
    }
    this.#attributes = byName;
  }

  get inputCount(): number {
    return this.#inputs.length;
  }

  /** A required input. */
  in(i: number): Value {
    const value = this.opt(i);
    if (value === undefined) throw this.error("ONNX_INVALID", `input ${String(i)} is missing`);
    return value;
  }

  /** An optional input. */
  opt(i: number): Value | undefined {
    const bound = this.#inputs[i];
    if (isSequence(bound)) throw this.error("ONNX_UNSUPPORTED", `input ${String(i)} is a sequence`);
    return bound;
  }

  /** Whether any input has a float type of half width. */
  get half(): ForeignType | undefined {
    for (const bound of this.#inputs) {
      if (bound !== undefined && !isSequence(bound) && (bound.element === "f16" || bound.element === "bf16"))
        return bound.element;
    }
    return undefined;
  }

  /** The same node with inputs of half width widened to f32. */
  widened(widen: (value: Value) => Value): NodeContext {
    const inputs = this.#inputs.map((bound) =>
      bound !== undefined && !isSequence(bound) && (bound.element === "f16" || bound.element === "bf16")
        ? widen(bound)
        : bound,
    );
    return new NodeContext(this.#raw, inputs, [...this.#attributes.values()], this.surroundings);
  }

  sequence(i: number): SequenceValue {
    const bound = this.#inputs[i];
    if (!isSequence(bound)) throw this.error("ONNX_INVALID", `input ${String(i)} is not a sequence`);
    return bound;
  }

  bound(i: number): Bound {
    return this.#inputs[i];
  }

  /** All inputs of a variadic operator. */
  all(from = 0): Value[] {
    return this.#inputs.slice(from).map((_, i) => this.in(i + from));
  }

  has(name: string): boolean {
    return this.#attributes.has(name);
  }

  int(name: string, fallback: number): number;
  int(name: string): number | undefined;
  int(name: string, fallback?: number): number | undefined {
    const attribute = this.#ask(name, TYPE.int);
    if (attribute === undefined) return fallback;
    return this.#number(name, attribute.i ?? 0n);
  }

  float(name: string, fallback: number): number;
  float(name: string): number | undefined;
  float(name: string, fallback?: number): number | undefined {
    const attribute = this.#ask(name, TYPE.float);
    return attribute === undefined ? fallback : (attribute.f ?? 0);
  }

  string(name: string, fallback: string): string;
  string(name: string): string | undefined;
  string(name: string, fallback?: string): string | undefined {
    const attribute = this.#ask(name, TYPE.string);
    return attribute === undefined ? fallback : new TextDecoder().decode(attribute.s);
  }

  ints(name: string): number[] | undefined {
    const attribute = this.#ask(name, TYPE.ints);
    return attribute?.ints.map((value) => this.#number(name, value));
  }

  floats(name: string): readonly number[] | undefined {
    return this.#ask(name, TYPE.floats)?.floats;
  }

  strings(name: string): readonly string[] | undefined {
    return this.#ask(name, TYPE.strings)?.strings.map((bytes) => new TextDecoder().decode(bytes));
  }

  tensor(name: string): Dense | undefined {
    const raw = this.#ask(name, TYPE.tensor)?.t;
    return raw && this.surroundings.tensor(raw);
  }

  graph(name: string): RawGraph {
    const graph = this.#ask(name, TYPE.graph)?.g;
    if (graph === undefined) throw this.error("ONNX_INVALID", "the attribute is missing", name);
    return graph;
  }

  /** Marks attributes as known although they make no difference here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#asked.add(name);
  }

  /** Integers of an input that must be known at import (shapes, axes, …). */
  staticInts(i: number, what: string): number[] {
    const list = this.lowering.elements(this.in(i));
    if (list === undefined) {
      throw this.error("ONNX_UNSUPPORTED", `${what} (input ${String(i)}) depends on the model's inputs`);
    }
    return list.map((value) => this.#number(what, BigInt(value)));
  }

  /** Floats of an input that must be known at import. */
  staticFloats(i: number, what: string): number[] {
    const list = this.lowering.elements(this.in(i));
    if (list === undefined) {
      throw this.error("ONNX_UNSUPPORTED", `${what} (input ${String(i)}) depends on the model's inputs`);
    }
    return list.map(Number);
  }

  /** An axis in `[-rank, rank)` as one in `[0, rank)`. */
  axis(axis: number, rank: number): number {
    const normal = axis < 0 ? axis + rank : axis;
    if (normal < 0 || normal >= rank) {
      throw this.error("ONNX_INVALID", `axis ${String(axis)} is outside rank ${String(rank)}`);
    }
    return normal;
  }

  refuse(reason: string, attribute?: string, remedy?: string): Error {
    return this.error("ONNX_UNSUPPORTED", reason, attribute, remedy);
  }

  invalid(reason: string, attribute?: string): Error {
    return this.error("ONNX_INVALID", reason, attribute);
  }

  error(code: ImportErrorCode, reason: string, attribute?: string, remedy?: string): Error {
    return importError(code, reason, {
      ...this.place(),
      ...(attribute !== undefined && { attribute }),
      ...(remedy !== undefined && { remedy }),
    });
  }

  place(): { readonly node: string; readonly opType: string; readonly domain: string } {
    return nodePlace(this.#raw);
  }

  /** Refuses the attributes that the lowering did not ask for. */
  checkUnused(): void {
    for (const name of this.#attributes.keys()) {
      if (!this.#asked.has(name))
        throw this.refuse(`the attribute is not supported at opset ${String(this.opset)}`, name);
    }
  }

  #ask(name: string, type: number): RawAttribute | undefined {
    this.#asked.add(name);
    const attribute = this.#attributes.get(name);
    if (attribute === undefined) return undefined;
    // Files before IR version 2 give no type of an attribute: the field that is present says it.
    if (attribute.type !== undefined && attribute.type !== 0 && attribute.type !== type) {
      throw this.invalid(`the attribute has type ${String(attribute.type)}, not ${String(type)}`, name);
    }
    return attribute;
  }

  #number(what: string, value: bigint): number {
    const number = Number(value);
    // INT64_MIN and INT64_MAX mean "to the end" in Slice; other integers must be exact.
    if (Number.isSafeInteger(number) || value >= 2n ** 62n || value <= -(2n ** 62n)) return number;
    throw this.error("ONNX_LIMIT", `${what} is ${String(value)}, beyond 2^53`);
  }
}

/** Name of a node for messages: its own, or that of its first output. */
export const nodePlace = (
  raw: RawNode,
): { readonly node: string; readonly opType: string; readonly domain: string } => ({
  node: raw.name ? raw.name : (raw.output.find((name) => name !== "") ?? ""),
  opType: raw.op_type ?? "",
  domain: raw.domain ?? "",
});

/** One row of the operator table. */
export interface Operator {
  /** "" is ONNX's own. */
  readonly domain: string;
  readonly name: string;
  /** First and last opset of the domain in which this lowering is right. */
  readonly since: number;
  readonly until?: number;
  /** The lowering handles f16 and bf16 itself (it moves or converts elements). Others compute in f32 around them. */
  readonly anyType?: boolean;
  /** Outputs in order; those that the node does not name may be left out. */
  readonly lower: (node: NodeContext) => Bound | readonly Bound[];
}

/** Rows of ONNX's own domain. */
export const onnx = (name: string, since: number, lower: Operator["lower"], until?: number): Operator => ({
  domain: "",
  name,
  since,
  lower,
  ...(until !== undefined && { until }),
});

/** Rows of ONNX Runtime's own domain. */
export const microsoft = (name: string, lower: Operator["lower"]): Operator => ({
  domain: "com.microsoft",
  name,
  since: 1,
  lower,
});
