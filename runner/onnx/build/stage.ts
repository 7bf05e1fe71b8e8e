import { entry, item } from "../../items.ts";
import { DTYPE_CODE, type DType, type RegisterClass } from "../../machine/dtype.ts";
import { f32ToBits } from "../../machine/float.ts";
import type { Constant, Instruction } from "../../machine/kernel.ts";
import { type Opcode, OPCODES, type OpcodeRow } from "../../machine/scalar.ts";
import { asIndex, type Index, type IndexLike } from "./affine.ts";

/** A register of a stage under construction. */
export interface Ref {
  readonly id: number;
  readonly class: RegisterClass;
}

/** A read by logical loop indices; the kernel builder turns it into strides. */
export interface LogicalRead {
  readonly operand: number;
  readonly offset: Index;
  readonly fill: bigint;
  readonly guards: readonly LogicalGuard[];
  readonly gather?: {
    readonly operand: number;
    readonly offset: Index;
    readonly bound: number;
    readonly stride: number;
  };
}

export interface LogicalGuard {
  readonly index: Index;
  readonly bound: number;
}

type Node =
  | { readonly kind: "accumulator"; readonly class: RegisterClass; readonly slot: number }
  | { readonly kind: "read"; readonly class: RegisterClass; readonly read: LogicalRead }
  | { readonly kind: "constant"; readonly class: RegisterClass; readonly constant: Constant }
  | {
      readonly kind: "code";
      readonly class: RegisterClass;
      readonly op: Opcode;
      readonly args: readonly Ref[];
      readonly field: number;
    };

/** A stage with its reads still by logical index. */
export interface LogicalStage {
  readonly reads: readonly LogicalRead[];
  readonly constants: readonly Constant[];
  /** `index` instructions hold the logical dimension in `a`. */
  readonly code: readonly Instruction[];
}

/**
 * Builds a stage as a graph of expressions. Equal expressions are one register, unused ones disappear, and the
 * results are in the last registers, which is where the machine reads them.
 */
export class StageBuilder {
  readonly #nodes: Node[] = [];
  readonly #known = new Map<string, Ref>();
  readonly #accumulators: readonly RegisterClass[];

  constructor(accumulators: readonly RegisterClass[] = []) {
    this.#accumulators = accumulators;
    accumulators.forEach((cls, slot) => this.#add({ kind: "accumulator", class: cls, slot }, `acc${String(slot)}`));
  }

  /** An accumulator, in `step` and `finish`. */
  accumulator(slot = 0): Ref {
    const cls = this.#accumulators[slot];
    if (cls === undefined) throw new RangeError(`no accumulator ${String(slot)}`);
    return { id: slot, class: cls };
  }

  read(read: LogicalRead, cls: RegisterClass): Ref {
    return this.#add({ kind: "read", class: cls, read }, `read ${readKey(read)}`);
  }

  /** An f32 constant: the value is rounded to f32. */
  f(value: number): Ref {
    return this.bits(f32ToBits(Math.fround(value)));
  }

  /** An f32 constant by its bits. */
  bits(f32: number): Ref {
    return this.#add({ kind: "constant", class: "f32", constant: { f32 } }, `f ${String(f32)}`);
  }

  /** An int constant in the range of i64. */
  i(value: number | bigint): Ref {
    const int = BigInt(value);
    return this.#add({ kind: "constant", class: "int", constant: { int } }, `i ${String(int)}`);
  }

  op(op: Exclude<Opcode, "index" | "wrap">, ...args: readonly Ref[]): Ref {
    const row: OpcodeRow = OPCODES[op];
    const cls = row.gives === "any" ? item(args, 1).class : row.gives;
    args.forEach((arg, i) => {
      const takes = row.takes[i];
      if (takes !== undefined && takes !== "any" && takes !== arg.class) {
        throw new TypeError(`${op} takes ${takes} as operand ${String(i)}, not ${arg.class}`);
      }
    });
    return this.#code(op, args, cls, 0);
  }

  /** Stored to an integer dtype and read back. */
  wrap(value: Ref, dtype: DType): Ref {
    if (dtype === "i64" || dtype === "u64") return value;
    return this.#code("wrap", [value], "int", DTYPE_CODE[dtype]);
  }

  /** The loop index of a logical dimension, as an int. */
  index(dimension: number): Ref {
    return this.#code("index", [], "int", dimension);
  }

  /** An affine function of the loop indices as an int. */
  affine(index: IndexLike): Ref {
    const { base, coefficients } = asIndex(index);
    let sum: Ref | undefined;
    for (const [dimension, coefficient] of coefficients) {
      const one = this.index(dimension);
      const term = coefficient === 1 ? one : this.op("imul", one, this.i(coefficient));
      sum = sum === undefined ? term : this.op("iadd", sum, term);
    }
    if (sum === undefined) return this.i(base);
    return base === 0 ? sum : this.op("iadd", sum, this.i(base));
  }

  select(condition: Ref, yes: Ref, no: Ref): Ref {
    return this.op("select", condition, yes, no);
  }

  /** 1 where the int is 0 and 0 elsewhere. */
  not(value: Ref): Ref {
    return this.op("ieq", value, this.i(0));
  }

  build(results: readonly Ref[]): LogicalStage {
    const used = this.#reachable(results);
    const order: number[] = this.#accumulators.map((_, slot) => slot);
    for (const kind of ["read", "constant", "code"] as const) {
      this.#nodes.forEach((node, id) => {
        if (node.kind === kind && used.has(id)) order.push(id);
      });
    }
    const register = new Map(order.map((id, position) => [id, position]));
    const at = (ref: Ref | undefined): number => (ref === undefined ? 0 : entry(register, ref.id));
    const reads: LogicalRead[] = [];
    const constants: Constant[] = [];
    const code: Instruction[] = [];
    for (const id of order) {
      const node = this.#nodes[id];
      if (node?.kind === "read") reads.push(node.read);
      if (node?.kind === "constant") constants.push(node.constant);
      if (node?.kind !== "code") continue;
      const [a, b, c] = node.args;
      if (node.op === "index") code.push({ op: "index", a: node.field, b: 0, c: 0 });
      else if (node.op === "wrap") code.push({ op: "wrap", a: at(a), b: node.field, c: 0 });
      else code.push({ op: node.op, a: at(a), b: at(b), c: at(c) });
    }
    // The results must be the last registers, in order: where they are not, copies follow.
    const placed = results.every((ref, i) => at(ref) === order.length - results.length + i);
    if (!placed) {
      for (const ref of results) {
        const a = at(ref);
        code.push(ref.class === "f32" ? { op: "fmax", a, b: a, c: 0 } : { op: "ior", a, b: a, c: 0 });
      }
    }
    return { reads, constants, code };
  }

  #code(op: Opcode, args: readonly Ref[], cls: RegisterClass, field: number): Ref {
    const key = `${op} ${args.map((arg) => arg.id).join(" ")} ${String(field)}`;
    return this.#add({ kind: "code", class: cls, op, args, field }, key);
  }

  #add(node: Node, key: string): Ref {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const ref: Ref = { id: this.#nodes.push(node) - 1, class: node.class };
    this.#known.set(key, ref);
    return ref;
  }

  #reachable(results: readonly Ref[]): Set<number> {
    const used = new Set<number>();
    const stack = results.map((ref) => ref.id);
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (used.has(id)) continue;
      used.add(id);
      const node = this.#nodes[id];
      if (node?.kind === "code") stack.push(...node.args.map((arg) => arg.id));
    }
    return used;
  }
}

const indexKey = ({ base, coefficients }: Index): string =>
  `${String(base)}:${[...coefficients]
    .filter(([, c]) => c !== 0)
    .sort(([a], [b]) => a - b)
    .map(([d, c]) => `${String(d)}*${String(c)}`)
    .join("+")}`;

const readKey = ({ operand, offset, fill, guards, gather }: LogicalRead): string =>
  [
    operand,
    indexKey(offset),
    fill,
    ...guards.map(({ index, bound }) => `g${indexKey(index)}<${String(bound)}`),
    gather
      ? `j${String(gather.operand)} ${indexKey(gather.offset)} ${String(gather.bound)} ${String(gather.stride)}`
      : "",
  ].join(" ");
