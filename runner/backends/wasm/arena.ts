/** Places blocks of memory that live for a while: a block takes the lowest gap between those alive that holds it. */
export class Arena {
  readonly #alive: { readonly at: number; readonly end: number }[] = [];
  readonly #start: number;
  #end: number;

  constructor(start: number) {
    this.#start = aligned(start);
    this.#end = this.#start;
  }

  /** End of all blocks that ever lived. */
  get end(): number {
    return this.#end;
  }

  place(bytes: number): number {
    const size = aligned(bytes);
    let at = this.#start;
    let index = 0;
    for (const block of this.#alive) {
      if (block.at - at >= size) break;
      at = block.end;
      index++;
    }
    this.#alive.splice(index, 0, { at, end: at + size });
    this.#end = Math.max(this.#end, at + size);
    return at;
  }

  /** Ends the life of the block at an address. */
  free(at: number): void {
    const index = this.#alive.findIndex((block) => block.at === at);
    if (index >= 0) this.#alive.splice(index, 1);
  }
}

/** Blocks begin at cache lines. */
const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;
