/** A map whose changes a chronicle can undo. */
export class UndoableMap<V> implements Iterable<readonly [string, V]> {
  readonly #map = new Map<string, V>();
  readonly #chronicle: Chronicle;

  constructor(chronicle: Chronicle) {
    this.#chronicle = chronicle;
  }

  get size(): number {
    return this.#map.size;
  }

  get(key: string): V | undefined {
    return this.#map.get(key);
  }

  has(key: string): boolean {
    return this.#map.has(key);
  }

  values(): IterableIterator<V> {
    return this.#map.values();
  }

  [Symbol.iterator](): IterableIterator<[string, V]> {
    return this.#map[Symbol.iterator]();
  }

  /** Sets the value of a key, or removes the key. The values themselves never change. */
  set(key: string, value: V | undefined): void {
    const before = this.#map.get(key);
    this.#chronicle.changed(() => {
      this.#put(key, before);
    });
    this.#put(key, value);
  }

  /** Removes a key for good: nothing that is undone brings it back. */
  forget(key: string): void {
    this.#map.delete(key);
  }

  #put(key: string, value: V | undefined): void {
    if (value === undefined) this.#map.delete(key);
    else this.#map.set(key, value);
  }
}

/** Remembers how to undo the changes of the newest blocks, so that a reorganisation costs what it drops and no more. */
export class Chronicle {
  readonly #changes: { readonly block: number; readonly undo: () => void }[] = [];
  #block = 0;

  /** The block that the next changes are of. */
  enter(block: number): void {
    this.#block = block;
  }

  changed(undo: () => void): void {
    this.#changes.push({ block: this.#block, undo });
  }

  /** Undoes what was changed after a block, the newest first. */
  undoAfter(block: number): void {
    for (let last = this.#changes.at(-1); last !== undefined && last.block > block; last = this.#changes.at(-1)) {
      this.#changes.pop();
      last.undo();
    }
  }

  /** Changes up to a block can no longer be undone. */
  settle(block: number): void {
    const first = this.#changes.findIndex((change) => change.block > block);
    this.#changes.splice(0, first < 0 ? this.#changes.length : first);
  }
}
