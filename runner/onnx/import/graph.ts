import { throwIfAborted } from "../../errors.ts";
import type { Lowering, NodeName } from "../build/lowering.ts";
import { NodeContext, nodePlace, type Operator } from "../build/node.ts";
import { type Bound, isSequence } from "../build/value.ts";
import type {
  RawAttribute,
  RawFunction,
  RawGraph,
  RawNode,
  RawOpset,
  RawSparseTensor,
  RawTensor,
} from "../file/decode.ts";
import type { ForeignType } from "../file/element-type.ts";
import { importError, nodeBroken } from "../file/refusal.ts";
import { type ExternalReader, readTensor } from "../file/tensors.ts";
import { OPERATORS, REMEDIES } from "../operators/index.ts";
import { castTo } from "../operators/tensor/cast.ts";
import { MAX_DEPTH, sortNodes } from "./order.ts";

/** Nodes that an import may run, unrolled loops and functions included. */
const MAX_NODES = 1_000_000;

export interface RunnerOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Names visible to a node: those of its graph, then of the graphs around it. */
class Scope {
  readonly #bound = new Map<string, Bound>();
  readonly #parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.#parent = parent;
  }

  define(name: string, value: Bound, what: string): void {
    if (this.#bound.has(name)) {
      throw importError("ONNX_INVALID", `${what} defines "${name}" again`, { tensor: name });
    }
    this.#bound.set(name, value);
  }

  has(name: string): boolean {
    return this.#bound.has(name) || (this.#parent?.has(name) ?? false);
  }

  get(name: string): Bound {
    return this.#bound.has(name) ? this.#bound.get(name) : this.#parent?.get(name);
  }
}

/** Runs graphs node by node through the operator table, subgraphs and model functions included. */
export class GraphRunner {
  readonly #lowering: Lowering;
  readonly #functions: ReadonlyMap<string, RawFunction>;
  readonly #external: ExternalReader | undefined;
  readonly #options: RunnerOptions;
  #nodes = 0;
  /** Names of the nodes around the present one. */
  readonly #around: string[] = [];

  constructor(
    lowering: Lowering,
    functions: readonly RawFunction[],
    external: ExternalReader | undefined,
    options: RunnerOptions,
  ) {
    this.#lowering = lowering;
    this.#external = external;
    this.#options = options;
    this.#functions = new Map(functions.map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]));
  }

  /** Values of the graph's outputs, given those of its inputs. */
  run(graph: RawGraph, opsets: ReadonlyMap<string, number>, inputs: readonly Bound[]): readonly Bound[] {
    return this.#graph(graph, opsets, inputs, undefined, new Map(), 0);
  }

  #graph(
    graph: RawGraph,
    opsets: ReadonlyMap<string, number>,
    inputs: readonly Bound[],
    parent: Scope | undefined,
    references: ReadonlyMap<string, RawAttribute>,
    depth: number,
  ): readonly Bound[] {
    if (depth > MAX_DEPTH) throw importError("ONNX_LIMIT", `graphs nest deeper than ${String(MAX_DEPTH)}`);
    const scope = new Scope(parent);
    if (inputs.length > graph.input.length) {
      throw importError("ONNX_INVALID", `a graph of ${String(graph.input.length)} inputs got ${String(inputs.length)}`);
    }
    inputs.forEach((value, i) => scope.define(graph.input[i]?.name ?? "", value, "the graph"));
    for (const raw of graph.initializer) scope.define(raw.name ?? "", this.#constant(raw), "an initializer");
    for (const raw of graph.sparse_initializer) {
      scope.define(raw.values?.name ?? "", this.#sparse(raw), "an initializer");
    }
    this.#body(graph.node, scope, opsets, references, depth);
    return graph.output.map(({ name }, i) => {
      if (!scope.has(name ?? "")) {
        throw importError("ONNX_INVALID", `no node gives output ${String(i)} of the graph`, { tensor: name ?? "" });
      }
      return scope.get(name ?? "");
    });
  }

  #body(
    nodes: readonly RawNode[],
    scope: Scope,
    opsets: ReadonlyMap<string, number>,
    references: ReadonlyMap<string, RawAttribute>,
    depth: number,
  ): void {
    const sorted = sortNodes(nodes, scope);
    sorted.forEach((node, i) => {
      throwIfAborted(this.#options.signal, "import");
      if (++this.#nodes > MAX_NODES) {
        throw importError("ONNX_LIMIT", `the model unrolls to more than ${String(MAX_NODES)} nodes`, nodePlace(node));
      }
      const outputs = this.#node(node, scope, opsets, references, depth);
      node.output.forEach((name, o) => {
        if (name === "") return;
        if (o >= outputs.length) {
          throw importError("ONNX_UNSUPPORTED", `output ${String(o)} is not supported`, nodePlace(node));
        }
        scope.define(name, outputs[o], `node "${nodePlace(node).node}"`);
      });
      if (depth === 0) this.#options.onProgress?.(i + 1, sorted.length);
    });
  }

  #node(
    node: RawNode,
    scope: Scope,
    opsets: ReadonlyMap<string, number>,
    references: ReadonlyMap<string, RawAttribute>,
    depth: number,
  ): readonly Bound[] {
    const domain = node.domain === "ai.onnx" ? "" : (node.domain ?? "");
    const inputs = node.input.map((name) => (name === "" ? undefined : scope.get(name)));
    const attributes = resolveReferences(node, references);
    const fn = this.#functions.get(functionKey(node.domain, node.op_type, node.overload));
    if (fn !== undefined) return this.#call(fn, node, inputs, attributes, depth);
    const opset = opsets.get(domain);
    if (opset === undefined) {
      throw importError("ONNX_INVALID", `the model imports no opset of domain "${domain}"`, nodePlace(node));
    }
    const operator = findOperator(domain, node.op_type ?? "", opset);
    if (operator === undefined) {
      throw importError("ONNX_UNSUPPORTED", `the operator is not supported at opset ${String(opset)}`, {
        ...nodePlace(node),
        remedy: remedyOf(domain, node.op_type ?? ""),
      });
    }
    this.#lowering.node = this.#nameOf(node);
    const context = new NodeContext(node, inputs, attributes, {
      lowering: this.#lowering,
      opset,
      tensor: (raw) => readTensor(raw, this.#external),
      subgraph: (graph, values) =>
        this.#within(node, () => this.#graph(graph, opsets, values, scope, references, depth + 1)),
    });
    try {
      const half = operator.anyType ? undefined : context.half;
      if (half !== undefined) return this.#lowerHalf(operator, context, half);
      return lowered(operator, context);
    } catch (error) {
      throw placed(error, context);
    }
  }

  /**
   * An operator on f16 or bf16: computed in f32, results rounded once to the narrow type. For + - * / and square root
   * that is the correctly rounded narrow result; ONNX Runtime computes the others in the same way.
   */
  #lowerHalf(operator: Operator, context: NodeContext, half: ForeignType): readonly Bound[] {
    const refuse = (reason: string): Error => context.refuse(reason);
    const wide = context.widened((value) => castTo(this.#lowering, refuse, value, "f32"));
    return lowered(operator, wide).map((bound) =>
      bound !== undefined && !isSequence(bound) && bound.element === "f32"
        ? castTo(this.#lowering, refuse, bound, half)
        : bound,
    );
  }

  #call(
    fn: RawFunction,
    node: RawNode,
    inputs: readonly Bound[],
    attributes: readonly RawAttribute[],
    depth: number,
  ): readonly Bound[] {
    if (depth >= MAX_DEPTH) {
      throw importError("ONNX_LIMIT", `functions nest deeper than ${String(MAX_DEPTH)}`, nodePlace(node));
    }
    const scope = new Scope();
    fn.input.forEach((name, i) => scope.define(name, inputs[i], `function "${fn.name ?? ""}"`));
    const references = new Map(fn.attribute_proto.map((attribute) => [attribute.name ?? "", attribute]));
    for (const attribute of attributes) references.set(attribute.name ?? "", attribute);
    this.#within(node, () => {
      this.#body(fn.node, scope, opsetsOf(fn.opset_import), references, depth + 1);
    });
    return fn.output.map((name) => scope.get(name));
  }

  /** A node's name after the names of the nodes around it. */
  #nameOf(node: RawNode): NodeName {
    const { node: name, opType } = nodePlace(node);
    return { operator: opType, name: [...this.#around, name].join("/") };
  }

  /** Lowers what is inside of a node. */
  #within<T>(node: RawNode, lower: () => T): T {
    this.#around.push(nodePlace(node).node);
    const result = lower();
    this.#around.pop();
    this.#lowering.node = this.#nameOf(node);
    return result;
  }

  #constant(raw: RawTensor): Bound {
    const value = this.#lowering.dense(readTensor(raw, this.#external));
    this.#lowering.initializers.add(value);
    return value;
  }

  #sparse(raw: RawSparseTensor): Bound {
    throw importError("ONNX_UNSUPPORTED", "sparse initializers are not supported", { tensor: raw.values?.name ?? "" });
  }
}

/** Opset version by domain; "ai.onnx" is "". */
export const opsetsOf = (imports: readonly RawOpset[]): Map<string, number> =>
  new Map(imports.map(({ domain, version }) => [domain === "ai.onnx" ? "" : (domain ?? ""), Number(version ?? 1n)]));

/** Runs a lowering and refuses attributes that it did not ask for. */
const lowered = (operator: Operator, context: NodeContext): readonly Bound[] => {
  const result = operator.lower(context);
  context.checkUnused();
  return Array.isArray(result) ? (result as readonly Bound[]) : [result as Bound];
};

const functionKey = (domain = "", name = "", overload = ""): string => `${domain}::${name}::${overload}`;

const findOperator = (domain: string, name: string, opset: number): Operator | undefined =>
  OPERATORS.get(`${domain}::${name}`)?.find(
    ({ since, until }) => opset >= since && (until === undefined || opset <= until),
  );

/** What to do about an operator that has no row for the model's opset. */
const remedyOf = (domain: string, name: string): string => {
  const rows = OPERATORS.get(`${domain}::${name}`);
  if (rows === undefined) {
    const instead = REMEDIES.get(`${domain}::${name}`);
    return (
      instead ??
      "no version of it is supported: export the model without it, or with a model function of other operators"
    );
  }
  const opsets = rows.map(
    ({ since, until }) => `${String(since)} ${until === undefined ? "on" : `to ${String(until)}`}`,
  );
  return `it is supported from opset ${opsets.join(", and from ")}: convert the model to such an opset`;
};

/** Attributes of a node inside a function, with references to the function's attributes resolved. */
const resolveReferences = (node: RawNode, references: ReadonlyMap<string, RawAttribute>): readonly RawAttribute[] =>
  node.attribute.flatMap((attribute) => {
    if (!attribute.ref_attr_name) return [attribute];
    const value = references.get(attribute.ref_attr_name);
    return value === undefined ? [] : [{ ...value, ...(attribute.name !== undefined && { name: attribute.name }) }];
  });

/** An error that does not say at which node it arose, with the node added. */
const placed = (error: unknown, context: NodeContext): unknown => {
  if (!isUnplaced(error)) return nodeBroken(error, context.place());
  return importError(error.code, error.message, { ...error.details, ...context.place() });
};

const isUnplaced = (error: unknown): error is ReturnType<typeof importError> =>
  error instanceof Error &&
  "code" in error &&
  String(error.code).startsWith("ONNX_") &&
  "details" in error &&
  typeof error.details === "object" &&
  error.details !== null &&
  !("opType" in error.details);
