import { tensorBytes, tensorFrom } from "../../machine/tensor.ts";

/** ONNX numbers of element types that are written here. */
export const ELEMENT = { f32: 1, i64: 7, bool: 9, u64: 13 } as const;

/** An attribute: whole numbers are ints, texts strings. */
type AttributeValue = number | string;

/** Nodes and constants of a graph under construction; what it makes has names that begin with a prefix. */
export class GraphWriter {
  readonly nodes: object[] = [];
  readonly initializers: object[] = [];
  readonly #prefix: string;
  readonly #constants = new Map<string, string>();
  #count = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** A name that nothing else has. */
  fresh(what: string): string {
    return `${this.#prefix}${what}_${String(this.#count++)}`;
  }

  /** A constant; equal ones are one. */
  constant(element: keyof typeof ELEMENT, shape: readonly number[], values: readonly (number | bigint)[]): string {
    const key = `${element} ${shape.join()} ${values.map((v) => (Object.is(v, -0) ? "-0" : String(v))).join()}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.fresh("constant");
    const raw = tensorBytes(tensorFrom(element, values));
    this.initializers.push({ name, dims: shape, data_type: ELEMENT[element], raw_data: raw });
    this.#constants.set(key, name);
    return name;
  }

  /** A tensor without elements, of a type by its number. */
  empty(elementNumber: number, shape: readonly number[]): string {
    const name = this.fresh("empty");
    this.initializers.push({ name, dims: shape, data_type: elementNumber });
    return name;
  }

  i64(...values: readonly (number | bigint)[]): string {
    return this.constant("i64", [values.length], values);
  }

  /** A node with one output, whose name it returns. */
  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    const output = this.fresh(op);
    const attribute = Object.entries(attributes).map(([name, value]) =>
      typeof value === "number" ? { name, type: 2, i: value } : { name, type: 3, s: new TextEncoder().encode(value) },
    );
    this.nodes.push({ op_type: op, name: output, input: inputs, output: [output], attribute });
    return output;
  }

  /** A node of any kind with the outputs that it is given. */
  call(name: string, domain: string, op: string, inputs: readonly string[], output: readonly string[]): void {
    this.nodes.push({ op_type: op, domain, name, input: inputs, output });
  }

  cast(x: string, element: number): string {
    return this.node("Cast", [x], { to: element });
  }
}
