import { messageType } from "../../runner/onnx/file/decode.ts";
import { product } from "../../runner/machine/shape.ts";

/** Attributes of a node: whole numbers are ints, texts strings, lists ints; an object says what it is. */
export type AttributeValue = number | string | readonly number[] | { readonly float: number };

const ELEMENT = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, bool: 9 } as const;
export type ElementName = keyof typeof ELEMENT;

/** Random numbers of a normal distribution, cut off at about four times the deviation; the same on every run. */
class Noise {
  #state = 0x9e3779b9;

  /** In [0, 1). */
  uniform(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) / 2 ** 32;
  }

  normal(): number {
    return (this.uniform() + this.uniform() + this.uniform() + this.uniform() - 2) * 1.732;
  }
}

/** An ONNX graph under construction. Values are named by what makes them. */
export class Graph {
  readonly #noise = new Noise();
  readonly #nodes: object[] = [];
  readonly #initializers: object[] = [];
  readonly #inputs: object[] = [];
  readonly #outputs: object[] = [];
  readonly #microsoft: boolean;

  /** @param microsoft Whether nodes of the domain com.microsoft occur. */
  constructor(microsoft = false) {
    this.#microsoft = microsoft;
  }

  /** @param shape Sizes; a text is the name of an open one. */
  input(name: string, element: ElementName, shape: readonly (number | string)[]): string {
    this.#inputs.push(valueInfo(name, element, shape));
    return name;
  }

  /** @param as Name of the output, if not the value's own. */
  output(name: string, as = name): void {
    if (as !== name)
      this.#nodes.push({ op_type: "Identity", name: as, domain: "", input: [name], output: [as], attribute: [] });
    this.#outputs.push({ name: as });
  }

  /** Random weights of a deviation, around a mean. */
  weights(shape: readonly number[], deviation: number, mean = 0): string {
    const data = new Float32Array(product(shape));
    for (let i = 0; i < data.length; i++) data[i] = mean + deviation * this.#noise.normal();
    return this.constant("f32", shape, data);
  }

  /** Random whole numbers from `low` to below `high`. */
  integers(element: "i8" | "u8", shape: readonly number[], low: number, high: number): string {
    const length = product(shape);
    const data = element === "i8" ? new Int8Array(length) : new Uint8Array(length);
    for (let i = 0; i < length; i++) data[i] = low + Math.floor(this.#noise.uniform() * (high - low));
    return this.constant(element, shape, data);
  }

  constant(element: ElementName, shape: readonly number[], data: ArrayBufferView<ArrayBuffer>): string {
    const name = `c${String(this.#initializers.length)}`;
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#initializers.push({ name, dims: shape, data_type: ELEMENT[element], raw_data: raw });
    return name;
  }

  i64(...values: readonly number[]): string {
    return this.constant("i64", [values.length], BigInt64Array.from(values, BigInt));
  }

  scalar(value: number): string {
    return this.constant("f32", [], Float32Array.of(value));
  }

  /** A node with one output, whose name it returns. */
  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    return this.nodes(op, inputs, 1, attributes)[0] ?? "";
  }

  /** A node with several outputs. */
  nodes(
    op: string,
    inputs: readonly string[],
    count: number,
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = "",
  ): string[] {
    const number = this.#nodes.length;
    const output = Array.from({ length: count }, (_, i) => `${op}_${String(number)}_${String(i)}`);
    const attribute = Object.entries(attributes).map(([name, value]) => {
      if (typeof value === "number") return { name, type: 2, i: value };
      if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
      return "float" in value ? { name, type: 1, f: value.float } : { name, type: 7, ints: value };
    });
    this.#nodes.push({ op_type: op, name: `${op}_${String(number)}`, domain, input: inputs, output, attribute });
    return output;
  }

  /** The file. */
  encode(): Uint8Array {
    const type = messageType("ModelProto");
    const domains = this.#microsoft ? [{ domain: "com.microsoft", version: 1 }] : [];
    const model = type.fromObject({
      ir_version: 8,
      opset_import: [{ domain: "", version: 17 }, ...domains],
      graph: {
        name: "recipe",
        node: this.#nodes,
        initializer: this.#initializers,
        input: this.#inputs,
        output: this.#outputs,
      },
    });
    return type.encode(model).finish();
  }
}

const valueInfo = (name: string, element: ElementName, shape: readonly (number | string)[]): object => ({
  name,
  type: {
    tensor_type: {
      elem_type: ELEMENT[element],
      shape: { dim: shape.map((d) => (typeof d === "string" ? { dim_param: d } : { dim_value: d })) },
    },
  },
});
