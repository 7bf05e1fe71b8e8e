import { item } from "../../items.ts";
import type { Tile } from "./tile.ts";
import { currentLocal, pushNumber, strideOf, type Walk } from "./walk.ts";

/** `0 <= walk < bound`, of loop indices alone. */
export class Condition {
  readonly walk: Walk;
  readonly bound: number;
  /** Locals that say whether it holds for all lanes of a part of the tile, where that is decided. */
  flags: readonly number[] | undefined = undefined;

  constructor(walk: Walk, bound: number) {
    this.walk = walk;
    this.bound = bound;
  }

  /** Whether lanes of a vector may differ. */
  varies(tile: Tile): boolean {
    return tile.laneStride(this.walk) !== 0;
  }

  decide(tile: Tile): void {
    const { f, plan } = tile;
    const rows = plan.row >= 0 && strideOf(this.walk, plan.row) !== 0 ? plan.rows : 1;
    const varies = this.varies(tile);
    const vectors = varies ? plan.vectors : 1;
    this.flags = Array.from({ length: rows * vectors }, (_, i) => {
      const [row, vector] = [Math.floor(i / vectors), i % vectors];
      this.push(tile, row, vector, 0);
      if (varies) {
        this.push(tile, row, vector, 3);
        f.op("i32.and");
      }
      return f.keep("i32");
    });
  }

  /** Pushes whether it holds for one lane. */
  push(tile: Tile, row: number, vector: number, lane: number): void {
    const { f } = tile;
    const { walk, bound } = this;
    f.get(currentLocal(walk));
    const ahead = tile.aheadOf(walk, row, vector, lane);
    if (ahead !== 0) {
      pushNumber(f, walk, ahead);
      f.op(`${walk.type}.add`);
    }
    // As unsigned numbers, those below 0 are above every bound.
    pushNumber(f, walk, walk.type === "i32" ? Math.min(bound, 2 ** 31) : bound);
    f.op(`${walk.type}.lt_u`);
  }

  /** Pushes whether it holds for all lanes. */
  pushAll(tile: Tile, row: number, vector: number): void {
    const { plan, f } = tile;
    const vectors = this.varies(tile) ? plan.vectors : 1;
    const rows = (this.flags?.length ?? 0) / vectors;
    f.get(item(this.flags ?? [], (rows > 1 ? row * vectors : 0) + (vectors > 1 ? vector : 0)));
  }
}
