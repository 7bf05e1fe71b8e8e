import type { Affine } from "../../machine/kernel.ts";
import { FunctionBody } from "../../webassembly/assembler.ts";
import { extent, type LoopKernel } from "./body.ts";
import type { Address } from "./memory-code.ts";
import type { Plan } from "./plan.ts";
import { currentLocal, strideOf, type Walk } from "./walk.ts";

/** What a walk is besides its affine function; see `Walk`. `wide`: its values are needed as i64. */
interface WalkOptions {
  readonly start?: number;
  readonly scale?: number;
  readonly inside?: boolean;
  readonly pitch?: number;
  readonly wide?: boolean;
}

/** The function under construction of a kernel, and where its code is: a tile of outputs, walks, copies of steps. */
export class Tile {
  readonly kernel: LoopKernel;
  readonly plan: Plan;
  readonly f: FunctionBody;
  /** Lanes of a value: 4, or 1 where outputs are computed one by one. */
  readonly lanes: number;
  /** Outputs of a tile along the level of the lanes. */
  readonly width: number;
  /** Parameter with the first tile of the split level; the next one has the tile after the last. */
  readonly from: number;
  readonly walks: Walk[] = [];
  /** Indices by which code is ahead of the loops, by level: copies of a step. */
  readonly ahead = new Map<number, number>();

  constructor(kernel: LoopKernel, plan: Plan) {
    this.kernel = kernel;
    this.plan = plan;
    this.lanes = plan.lanes < 0 ? 1 : 4;
    this.width = plan.lanes < 0 ? 1 : 4 * plan.vectors;
    this.from = 1 + kernel.operands.length + plan.packed.size;
    this.f = new FunctionBody(Array.from({ length: this.from + 2 }, () => "i32" as const));
  }

  /** A walk; equal walks are one. */
  walk(affine: Affine, of: WalkOptions): Walk {
    const { lo, hi } = extent(affine, this.kernel.sizes);
    const { start, scale = 1, inside = false, pitch, wide = false } = of;
    const fits = start !== undefined || (!wide && lo >= -(2 ** 31) && hi < 2 ** 31);
    const type = fits ? "i32" : "i64";
    const known = this.walks.find(
      (walk) =>
        walk.start === start &&
        walk.scale === scale &&
        walk.type === type &&
        walk.pitch === pitch &&
        walk.inside === inside &&
        walk.affine.base === affine.base &&
        this.kernel.sizes.every((_, level) => strideOf(walk, level) === (affine.strides[level] ?? 0)),
    );
    if (known !== undefined) return known;
    const walk: Walk = { affine, scale, start, type, pitch, inside, locals: [] };
    this.walks.push(walk);
    return walk;
  }

  /** Elements or bytes that a walk is ahead of its local for a part of the tile. */
  aheadOf(walk: Walk, row: number, vector: number, lane = 0): number {
    let ahead = this.plan.row < 0 ? 0 : row * strideOf(walk, this.plan.row);
    ahead += (4 * vector + lane) * this.laneStride(walk);
    for (const [level, by] of this.ahead) ahead += by * strideOf(walk, level);
    return ahead * walk.scale;
  }

  laneStride(walk: Walk): number {
    return this.plan.lanes < 0 ? 0 : (walk.pitch ?? strideOf(walk, this.plan.lanes));
  }

  /** The address of a walk for a part of the tile. */
  address(walk: Walk, row: number, vector: number): Address {
    const { f } = this;
    const ahead = this.aheadOf(walk, row, vector);
    return (extra) => {
      f.get(currentLocal(walk));
      const offset = ahead + extra;
      if (offset >= 0 && walk.inside && offset < 2 ** 31) return offset;
      if (offset !== 0) f.i32(offset).op("i32.add");
      return 0;
    };
  }
}
