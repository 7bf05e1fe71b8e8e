/**
 * An affine function of the loop indices of a kernel, written by logical dimension: output dimensions first, then
 * reduction dimensions. Immutable.
 */
export class Index {
  readonly base: number;
  readonly coefficients: ReadonlyMap<number, number>;

  constructor(base: number, coefficients: ReadonlyMap<number, number> = new Map()) {
    this.base = base;
    this.coefficients = coefficients;
  }

  /** The loop index of one dimension. */
  static dimension(dimension: number): Index {
    return new Index(0, new Map([[dimension, 1]]));
  }

  plus(other: Index | number): Index {
    if (typeof other === "number") return new Index(this.base + other, this.coefficients);
    const sum = new Map(this.coefficients);
    for (const [d, c] of other.coefficients) sum.set(d, (sum.get(d) ?? 0) + c);
    return new Index(this.base + other.base, sum);
  }

  minus(other: Index | number): Index {
    return typeof other === "number" ? this.plus(-other) : this.plus(other.times(-1));
  }

  times(factor: number): Index {
    if (factor === 0) return new Index(0);
    return new Index(this.base * factor, new Map([...this.coefficients].map(([d, c]) => [d, c * factor])));
  }

  /** The coefficient of a dimension. */
  stride(dimension: number): number {
    return this.coefficients.get(dimension) ?? 0;
  }
}

/** What an index may be given as. */
export type IndexLike = Index | number;

export const asIndex = (index: IndexLike): Index => (typeof index === "number" ? new Index(index) : index);
