import type { TransactionReceipt, ContractTransactionResponse } from "ethers";

/** One line of docs/gas.md. */
export interface GasReading {
  /** The action, as a short sentence. */
  readonly name: string;
  /** What the gas buys. */
  readonly buys: string;
  readonly gas: bigint;
  /** The most it should cost; a reading above it fails the run. */
  readonly atMost?: bigint;
}

/** A chapter of docs/gas.md: readings that belong together, taken on a chain of its own. */
export interface GasScenario {
  readonly title: string;
  /** A paragraph of Markdown before the table. */
  readonly text: string;
  readonly run: (gauge: Gauge) => Promise<void>;
}

/** A transaction sent or mined, or gas counted by other means (a view's `estimateGas`, a harness's `gasleft`). */
export type GasSource = bigint | ContractTransactionResponse | TransactionReceipt;

const gasOf = async (source: GasSource): Promise<bigint> => {
  if (typeof source === "bigint") return source;
  if ("gasUsed" in source) return source.gasUsed;
  const receipt = await source.wait();
  if (receipt === null) throw new Error(`transaction ${source.hash} was not mined`);
  return receipt.gasUsed;
};

/** Collects the readings of a scenario, in the order in which they are taken. */
export class Gauge {
  readonly #readings: GasReading[] = [];

  get readings(): readonly GasReading[] {
    return this.#readings;
  }

  /**
   * Takes a reading.
   * @returns the gas, so that a scenario can add readings up.
   */
  async measure(
    name: string,
    buys: string,
    source: GasSource | Promise<GasSource>,
    limits: { readonly atMost?: bigint } = {},
  ): Promise<bigint> {
    const gas = await gasOf(await source);
    this.#readings.push({ name, buys, gas, ...limits });
    return gas;
  }

  /**
   * Takes a reading of the cost of one more unit: the difference of a long and a short run over the units between,
   * which leaves out what both pay alike, rounded up.
   */
  async measureEach(
    name: string,
    buys: string,
    runs: { readonly short: GasSource; readonly long: GasSource; readonly units: bigint },
    limits: { readonly atMost?: bigint } = {},
  ): Promise<bigint> {
    const difference = (await gasOf(runs.long)) - (await gasOf(runs.short));
    return await this.measure(name, buys, (difference + runs.units - 1n) / runs.units, limits);
  }
}
