/** What a view needs of a map. */
export interface Lookup<V> {
  readonly size: number;
  readonly get: (key: string) => V | undefined;
  readonly has: (key: string) => boolean;
  readonly values: () => IterableIterator<V>;
}

interface Entry<V> {
  /** Number of the change that made it. */
  readonly change: number;
  readonly value: V;
}

/** What all maps of one line share. */
interface Line<V> {
  /** For each key, its values in the order of the changes. */
  readonly entries: Map<string, Entry<V>[]>;
  changes: number;
}

/**
 * An immutable map for a long line of changes: `with` gives the map after a change and leaves this one as it is, in
 * constant time, because maps of one line share their entries and each sees only the changes up to its own. A change of a
 * map that is not the newest of its line copies it. A plain copy at each change would make n changes cost n² steps, and
 * strangers choose n.
 */
export class GrowingMap<V> implements Lookup<V> {
  readonly size: number;
  readonly #line: Line<V>;
  readonly #changes: number;

  private constructor(line: Line<V>, changes: number, size: number) {
    this.#line = line;
    this.#changes = changes;
    this.size = size;
  }

  static empty<V>(): GrowingMap<V> {
    return new GrowingMap<V>({ entries: new Map(), changes: 0 }, 0, 0);
  }

  readonly get = (key: string): V | undefined => this.#entry(this.#line.entries.get(key))?.value;

  readonly has = (key: string): boolean => this.#entry(this.#line.entries.get(key)) !== undefined;

  readonly values = function* (this: GrowingMap<V>): IterableIterator<V> {
    for (const history of this.#line.entries.values()) {
      const entry = this.#entry(history);
      if (entry !== undefined) yield entry.value;
    }
  }.bind(this);

  /** Keys, in the order in which they came. */
  *keys(): IterableIterator<string> {
    for (const [key, history] of this.#line.entries) if (this.#entry(history) !== undefined) yield key;
  }

  /** The map with one entry more, or another value for a key. */
  with(key: string, value: V): GrowingMap<V> {
    const line = this.#line.changes === this.#changes ? this.#line : this.#copy();
    line.changes++;
    const history = line.entries.get(key);
    const entry = { change: line.changes, value };
    if (history === undefined) line.entries.set(key, [entry]);
    else history.push(entry);
    return new GrowingMap(line, line.changes, this.has(key) ? this.size : this.size + 1);
  }

  /** The newest entry that this map sees. */
  #entry(history: readonly Entry<V>[] | undefined): Entry<V> | undefined {
    return history?.findLast(({ change }) => change <= this.#changes);
  }

  #copy(): Line<V> {
    const entries = new Map<string, Entry<V>[]>();
    for (const [key, history] of this.#line.entries) {
      const entry = this.#entry(history);
      if (entry !== undefined) entries.set(key, [entry]);
    }
    return { entries, changes: this.#changes };
  }
}
