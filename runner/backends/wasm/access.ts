import { item } from "../../items.ts";
import { DTYPE_BYTES, type DType, registerClass } from "../../machine/dtype.ts";
import { f32FromBits, f32ToBits } from "../../machine/float.ts";
import type { Affine, Gather, Read } from "../../machine/kernel.ts";
import { extent } from "./body.ts";
import { Condition } from "./condition.ts";
import { load, loadedForm, pushElement } from "./memory-code.ts";
import { alwaysInside } from "./plan.ts";
import { dtypeRange, hull, intRange, type Range } from "./range.ts";
import { converted, floatConstant, type Form, fromLanes, type Held, intConstant, intForm } from "./value.ts";
import type { Tile } from "./tile.ts";
import { currentLocal, strideOf, type Walk } from "./walk.ts";

/** A panel as a read sees it: the parameter with its address, where elements are, elements between lanes. */
export interface PanelPlace {
  readonly start: number;
  readonly at: Affine;
  readonly pitch: number;
}

/** A read in generated code. */
export class Access {
  readonly #tile: Tile;
  readonly #read: Read;
  readonly #dtype: DType;
  readonly #length: number;
  /** Address of the element, or, of a gather, what is added to the gathered offset. */
  readonly #walk: Walk;
  readonly #index: Walk | undefined;
  readonly #conditions: readonly Condition[];
  readonly #never: boolean;
  readonly #range: Range;

  /** @param conditions Those of the kernel, to which what the read needs is added. */
  constructor(tile: Tile, conditions: Condition[], read: Read, panel: PanelPlace | undefined) {
    this.#tile = tile;
    this.#read = read;
    const { kernel } = tile;
    const { dtype, length } = item(kernel.operands, read.operand);
    this.#dtype = dtype;
    this.#length = length;
    const fill = Number(read.fill);
    this.#range = hull(dtypeRange(dtype), intRange(fill, fill));
    const scale = DTYPE_BYTES[dtype];
    const found: (Condition | boolean)[] = [];
    const condition = (affine: Affine, bound: number): void => {
      const { lo, hi } = extent(affine, kernel.sizes);
      if (lo >= 0 && hi < bound) return;
      if (hi < 0 || lo >= bound) found.push(false);
      else {
        const walk = tile.walk(affine, {});
        const known = conditions.find((c) => c.walk === walk && c.bound === bound);
        const made = known ?? new Condition(walk, bound);
        if (known === undefined) conditions.push(made);
        found.push(made);
      }
    };
    for (const guard of read.guards) condition(guard, guard.bound);
    const { gather } = read;
    if (gather === undefined) {
      if (!guardsImplyInside(read, length, kernel.sizes)) condition(read, length);
      const inside = alwaysInside(kernel, read);
      this.#walk = panel
        ? tile.walk(panel.at, { start: panel.start, scale, inside: true, pitch: panel.pitch })
        : tile.walk(read, { start: 1 + read.operand, scale, inside });
      this.#index = undefined;
    } else {
      const table = item(kernel.operands, gather.operand);
      condition(gather, table.length);
      const inside = extent(gather, kernel.sizes).lo >= 0 && extent(gather, kernel.sizes).hi < table.length;
      this.#walk = tile.walk(read, { wide: true });
      this.#index = tile.walk(gather, {
        start: 1 + gather.operand,
        scale: DTYPE_BYTES[table.dtype],
        inside,
      });
    }
    this.#never = found.includes(false);
    this.#conditions = found.filter((c) => typeof c !== "boolean");
  }

  get #walks(): readonly Walk[] {
    const index = this.#index === undefined ? [] : [this.#index];
    return [this.#walk, ...index, ...this.#conditions.map(({ walk }) => walk)];
  }

  movesWithRow(): boolean {
    const { row } = this.#tile.plan;
    return !this.#never && row >= 0 && this.#walks.some((walk) => strideOf(walk, row) !== 0);
  }

  movesWithLanes(): boolean {
    return !this.#never && this.#walks.some((walk) => this.#tile.laneStride(walk) !== 0);
  }

  /**
   * What `load` leaves on the stack, a vector, for the address of the first element; the vector `fill` where the conditions
   * do not hold. Lanes must share the conditions.
   */
  vector(row: number, vector: number, load: (address: (extra: number) => number) => void, fill: () => void): number {
    const { f } = this.#tile;
    const address = this.#tile.address(this.#walk, row, vector);
    if (this.#never) fill();
    else if (this.#conditions.length === 0) load(address);
    else {
      this.#pushTests(row, vector);
      f.if("v128", () => load(address), fill);
    }
    return f.keep("v128");
  }

  /** The element, or four of them. */
  value(row: number, vector: number): Held {
    const { f, lanes } = this.#tile;
    if (this.#never) return this.#fill();
    if (lanes === 1) {
      this.#pushLane(row, vector, 0);
      const float = this.#float;
      return { form: float ? "scalar f32" : "scalar i64", locals: [f.keep(float ? "f32" : "i64")] };
    }
    if (this.#read.gather !== undefined) return this.#gathered(this.#read.gather, row, vector);
    const stride = this.#tile.laneStride(this.#walk);
    const address = this.#tile.address(this.#walk, row, vector);
    if (this.#conditions.length === 0) return load(f, this.#dtype, stride, address);
    const result = this.#result();
    this.#pushTests(row, vector);
    f.if(
      undefined,
      () => this.#become(result, load(f, this.#dtype, stride, address)),
      () => {
        const varies = this.#conditions.some((condition) => condition.varies(this.#tile));
        this.#become(result, varies ? this.#laneByLane(row, vector) : this.#fill());
      },
    );
    return result;
  }

  get #float(): boolean {
    return registerClass(this.#dtype) === "f32";
  }

  /** The form that holds elements and `fill`. */
  get #form(): Form {
    if (this.#float) return "f32";
    return this.#conditions.length === 0 && this.#read.gather === undefined
      ? loadedForm(this.#dtype)
      : intForm(this.#range);
  }

  #result(): Held {
    const { f } = this.#tile;
    const form = this.#form;
    return { form, locals: form === "i64" ? [f.local("v128"), f.local("v128")] : [f.local("v128")] };
  }

  #become({ form, locals }: Held, value: Held): void {
    const { f } = this.#tile;
    const same = converted(f, value, form);
    same.locals.forEach((local, i) => f.get(local).set(item(locals, i)));
  }

  #fill(): Held {
    const { f, lanes } = this.#tile;
    const { fill } = this.#read;
    if (this.#float) return floatConstant(f, lanes, f32ToBits(f32FromBits(Number(fill))));
    return intConstant(f, lanes, fill, this.#range);
  }

  #pushFill(): void {
    const { f } = this.#tile;
    const { fill } = this.#read;
    if (this.#float) f.f32(f32ToBits(f32FromBits(Number(fill))));
    else f.i64(fill);
  }

  /** Pushes whether all conditions hold for all lanes; nothing when there are none. */
  #pushTests(row: number, vector: number): void {
    this.#conditions.forEach((condition, i) => {
      condition.pushAll(this.#tile, row, vector);
      if (i > 0) this.#tile.f.op("i32.and");
    });
  }

  #laneByLane(row: number, vector: number): Held {
    return fromLanes(this.#tile.f, this.#form, (lane) => this.#pushLane(row, vector, lane));
  }

  /** Pushes one element: an f32, or an int as i64. */
  #pushLane(row: number, vector: number, lane: number): void {
    const { f, lanes } = this.#tile;
    const type = this.#float ? "f32" : "i64";
    const element = (): void => {
      if (this.#read.gather === undefined) {
        const stride = this.#tile.laneStride(this.#walk) * this.#walk.scale;
        const address = this.#tile.address(this.#walk, row, vector);
        pushElement(f, this.#dtype, () => address(lane * stride));
      } else {
        const gather = this.#read.gather;
        this.#pushOffset(gather, row, vector, lane, (offset) => {
          f.get(offset).i64(BigInt(this.#length)).op("i64.lt_u");
          f.if(
            type,
            () => this.#pushAt(offset),
            () => this.#pushFill(),
          );
        });
      }
    };
    if (this.#conditions.length === 0) {
      element();
      return;
    }
    this.#conditions.forEach((condition, i) => {
      if (lanes === 1 || !condition.varies(this.#tile)) condition.pushAll(this.#tile, row, vector);
      else condition.push(this.#tile, row, vector, lane);
      if (i > 0) f.op("i32.and");
    });
    f.if(type, element, () => this.#pushFill());
  }

  /** Pushes the element at an offset that is inside the operand. */
  #pushAt(offset: number): void {
    const { f } = this.#tile;
    pushElement(f, this.#dtype, () => {
      this.#pushAddress(offset);
      return 0;
    });
  }

  #pushAddress(offset: number): void {
    const { f } = this.#tile;
    f.get(offset).op("i32.wrap_i64").i32(DTYPE_BYTES[this.#dtype]).op("i32.mul");
    f.get(1 + this.#read.operand).op("i32.add");
  }

  /** Pushes what `then` pushes of the gathered offset, or the fill when the index is out of its bound. */
  #pushOffset(gather: Gather, row: number, vector: number, lane: number, then: (offset: number) => void): void {
    const { f } = this.#tile;
    const index = this.#pushIndex(gather, row, vector, lane);
    f.get(index).i64(BigInt(gather.bound)).op("i64.lt_u");
    f.if(
      this.#float ? "f32" : "i64",
      () => {
        this.#pushGathered(gather, index, row, vector, lane);
        then(f.keep("i64"));
      },
      () => this.#pushFill(),
    );
  }

  /** A local with the element of the gather's operand. */
  #pushIndex(gather: Gather, row: number, vector: number, lane: number): number {
    const { f, kernel } = this.#tile;
    const walk = this.#index;
    if (walk === undefined) throw new RangeError("not a gather");
    const address = this.#tile.address(walk, row, vector);
    const { dtype } = item(kernel.operands, gather.operand);
    pushElement(f, dtype, () => address(lane * this.#tile.laneStride(walk) * walk.scale));
    return f.keep("i64");
  }

  /** Pushes the offset that an index leads to. */
  #pushGathered(gather: Gather, index: number, row: number, vector: number, lane: number): void {
    const { f } = this.#tile;
    const walk = this.#walk;
    f.get(currentLocal(walk));
    f.i64(BigInt(this.#tile.aheadOf(walk, row, vector, lane))).op("i64.add");
    f.get(index).i64(BigInt(gather.stride)).op("i64.mul").op("i64.add");
  }

  /** Four gathered elements: in one load where all lanes have one index. */
  #gathered(gather: Gather, row: number, vector: number): Held {
    const { f } = this.#tile;
    const fixed = this.#index !== undefined && this.#tile.laneStride(this.#index) === 0;
    const varies = this.#conditions.some((condition) => condition.varies(this.#tile));
    if (!fixed || varies) return this.#laneByLane(row, vector);
    const stride = this.#tile.laneStride(this.#walk);
    const offset = f.local("i64");
    f.i64(-1n).set(offset);
    const look = (): void => {
      const index = this.#pushIndex(gather, row, vector, 0);
      f.get(index).i64(BigInt(gather.bound)).op("i64.lt_u");
      f.if(undefined, () => {
        this.#pushGathered(gather, index, row, vector, 0);
        f.set(offset);
      });
    };
    if (this.#conditions.length === 0) look();
    else {
      this.#pushTests(row, vector);
      f.if(undefined, look);
    }
    f.get(offset).i64(BigInt(this.#length)).op("i64.lt_u");
    f.get(offset)
      .i64(BigInt(3 * stride))
      .op("i64.add")
      .i64(BigInt(this.#length))
      .op("i64.lt_u")
      .op("i32.and");
    const result = this.#result();
    f.if(
      undefined,
      () => {
        this.#pushAddress(offset);
        const first = f.keep("i32");
        const address = (extra: number): number => {
          f.get(first);
          if (extra >= 0 && extra < 2 ** 31) return extra;
          f.i32(extra).op("i32.add");
          return 0;
        };
        this.#become(result, load(f, this.#dtype, stride, address));
      },
      () => this.#become(result, this.#laneByLane(row, vector)),
    );
    return result;
  }
}

/**
 * Whether the offset of a read is inside its operand wherever the guards hold. The offset is written as a sum of multiples
 * of the guarded functions, of which each is known to lie in its bound, and what is left.
 */
function guardsImplyInside(read: Read, length: number, sizes: readonly number[]): boolean {
  let [lo, hi] = [0, 0];
  let { base } = read;
  const strides = [...read.strides];
  for (const guard of read.guards) {
    const level = guard.strides.findIndex((stride, l) => stride !== 0 && item(sizes, l) > 1);
    const times = level < 0 ? 0 : item(strides, level) / item(guard.strides, level);
    if (!Number.isInteger(times)) continue;
    base -= times * guard.base;
    guard.strides.forEach((stride, l) => (strides[l] = item(strides, l) - times * stride));
    const reach = extent(guard, sizes);
    const ends = [times * Math.max(0, reach.lo), times * Math.min(guard.bound - 1, reach.hi)];
    lo += Math.min(...ends);
    hi += Math.max(...ends);
  }
  const rest = extent({ base, strides }, sizes);
  return lo + rest.lo >= 0 && hi + rest.hi < length;
}
