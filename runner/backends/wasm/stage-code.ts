import { item } from "../../items.ts";
import { f32FromBits, f32ToBits } from "../../machine/float.ts";
import type { Instruction, Read } from "../../machine/kernel.ts";
import { OPCODES, type OpcodeRow } from "../../machine/scalar.ts";
import type { Body, BodyStage } from "./body.ts";
import type { Access } from "./access.ts";
import type { Range } from "./range.ts";
import { pushScalar } from "./scalar-code.ts";
import type { Tile } from "./tile.ts";
import { floatConstant, type Held, intConstant, intForm } from "./value.ts";
import { vectorCode } from "./vector-code.ts";
import { currentLocal } from "./walk.ts";

/** Whether a register differs between rows, and between vectors, of a tile. */
export interface Variance {
  readonly row: boolean;
  readonly vector: boolean;
}

const SAME: Variance = { row: false, vector: false };
const ALL: Variance = { row: true, vector: true };

/** What stages of one kernel share. */
export interface StageHost {
  readonly tile: Tile;
  readonly access: (read: Read) => Access;
  /** Values of a body for all parts of the tile: rows by vectors. */
  readonly evaluate: (body: Body) => readonly Held[];
  /** Which registers of a stage differ inside of a tile, once that is known. */
  readonly variances: Map<BodyStage, readonly Variance[]>;
}

/**
 * The registers of a stage, for all parts of a tile. A register is computed when it is first asked for: what shares it
 * finds it again, what nobody asks for is never computed.
 */
export class StageCode {
  readonly #host: StageHost;
  readonly #stage: BodyStage;
  readonly #ranges: readonly Range[];
  readonly #accumulators: readonly (readonly Held[])[];
  readonly #first: number;
  readonly #variances: readonly Variance[];
  readonly #known = new Map<number, Held>();
  readonly #bodies = new Map<number, readonly Held[]>();

  /** @param accumulators By part of the tile, then by number; empty in stages without. */
  constructor(host: StageHost, stage: BodyStage, ranges: readonly Range[], accumulators: readonly (readonly Held[])[]) {
    this.#host = host;
    this.#stage = stage;
    this.#ranges = ranges;
    this.#accumulators = accumulators;
    this.#first = accumulators[0]?.length ?? 0;
    const known = host.variances.get(stage);
    this.#variances = known ?? this.#findVariances();
    if (known === undefined) host.variances.set(stage, this.#variances);
  }

  /** A register for a part of the tile. */
  value(register: number, row: number, vector: number): Held {
    const { plan } = this.#host.tile;
    if (register < this.#first) return item(item(this.#accumulators, row * plan.vectors + vector), register);
    const variance = item(this.#variances, register);
    const part = (variance.row ? row * plan.vectors : 0) + (variance.vector ? vector : 0);
    const key = register * plan.rows * plan.vectors + part;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#make(register, row, vector);
    this.#known.set(key, made);
    return made;
  }

  #make(register: number, row: number, vector: number): Held {
    const { f, lanes, plan } = this.#host.tile;
    const { sources, constants, code } = this.#stage;
    let index = register - this.#first;
    const source = sources[index];
    if (source !== undefined) {
      if ("read" in source) return this.#host.access(source.read).value(row, vector);
      const known = this.#bodies.get(index) ?? this.#host.evaluate(source.body);
      this.#bodies.set(index, known);
      return item(known, row * plan.vectors + vector);
    }
    index -= sources.length;
    const constant = constants[index];
    if (constant !== undefined) {
      if ("f32" in constant) return floatConstant(f, lanes, f32ToBits(f32FromBits(constant.f32)));
      return intConstant(f, lanes, constant.int, item(this.#ranges, register));
    }
    return this.#instruction(item(code, index - constants.length), register, row, vector);
  }

  #instruction({ op, a, b, c }: Instruction, register: number, row: number, vector: number): Held {
    const { f, lanes } = this.#host.tile;
    if (op === "index") return this.#index(a, register, row, vector);
    const { takes }: OpcodeRow = OPCODES[op];
    const registers = [a, b, c].slice(0, takes.length);
    const range = item(this.#ranges, register);
    const given = registers.map((r) => ({ value: this.value(r, row, vector), range: item(this.#ranges, r) }));
    if (lanes > 1) return vectorCode(f, op, b, given, range);
    const float = op === "select" ? item(given, 1).value.form === "scalar f32" : OPCODES[op].gives === "f32";
    pushScalar(f, op, b, (operand) => f.get(item(item(given, operand).value.locals, 0)));
    return { form: float ? "scalar f32" : "scalar i64", locals: [f.keep(float ? "f32" : "i64")] };
  }

  /** The loop index of a dimension. */
  #index(dimension: number, register: number, row: number, vector: number): Held {
    const { f, lanes } = this.#host.tile;
    const walk = this.#host.tile.walk(item(this.#stage.indices, dimension), {});
    const ahead = this.#host.tile.aheadOf(walk, row, vector);
    const push = (): void => {
      f.get(currentLocal(walk));
      if (walk.type === "i32") f.op("i64.extend_i32_s");
      f.i64(BigInt(ahead)).op("i64.add");
    };
    if (lanes === 1) {
      push();
      return { form: "scalar i64", locals: [f.keep("i64")] };
    }
    const stride = this.#host.tile.laneStride(walk);
    const form = intForm(item(this.#ranges, register));
    const vectorOf = (first: number, wide: boolean): number => {
      push();
      if (wide) f.op("i64x2.splat");
      else f.op("i32.wrap_i64").op("i32x4.splat");
      const words = [0, 1, 2, 3].map((lane) => lane * stride);
      if (!wide) f.v128(words).op("i32x4.add");
      else {
        const pair = [first, first + 1].map((lane) => BigInt(lane * stride));
        f.v128(pair.flatMap((n) => [Number(BigInt.asUintN(32, n)), Number(BigInt.asUintN(32, n >> 32n))]));
        f.op("i64x2.add");
      }
      return f.keep("v128");
    };
    return form === "i64"
      ? { form, locals: [vectorOf(0, true), vectorOf(2, true)] }
      : { form, locals: [vectorOf(0, false)] };
  }

  #findVariances(): readonly Variance[] {
    const { plan } = this.#host.tile;
    const { sources, constants, code, indices } = this.#stage;
    const variances: Variance[] = Array.from({ length: this.#first }, () => ALL);
    for (const source of sources) {
      if ("body" in source) variances.push(ALL);
      else {
        const access = this.#host.access(source.read);
        variances.push({ row: access.movesWithRow(), vector: access.movesWithLanes() });
      }
    }
    for (const _ of constants) variances.push(SAME);
    for (const { op, a, b, c } of code) {
      if (op === "index") {
        const { strides } = item(indices, a);
        variances.push({ row: (strides[plan.row] ?? 0) !== 0, vector: (strides[plan.lanes] ?? 0) !== 0 });
        continue;
      }
      const { takes }: OpcodeRow = OPCODES[op];
      const given = [a, b, c].slice(0, takes.length).map((register) => item(variances, register));
      variances.push({ row: given.some(({ row }) => row), vector: given.some(({ vector }) => vector) });
    }
    return variances;
  }
}
