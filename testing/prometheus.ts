/* As much of Prometheus as the alerts of ops/alerts.yml need: what a process exposes, and whether an expression holds. */

/** Values by series: the name with its labels, as the process writes them. */
export type Scrape = ReadonlyMap<string, number>;

/** Reads the text format. */
export function parseScrape(text: string): Scrape {
  const values = new Map<string, number>();
  for (const [, series = "", value] of text.matchAll(/^([a-z_]+(?:\{[^}]*\})?) (\S+)$/gm)) {
    values.set(series, value === "Nan" || value === "NaN" ? NaN : Number(value));
  }
  return values;
}

/** What an expression is judged by: the newest scrape, one from the beginning of its range, and the time of the newest. */
export interface Moment {
  readonly before: Scrape;
  readonly now: Scrape;
  /** Seconds. */
  readonly time: number;
}

const FORM = /^(?:(time\(\)) - )?(?:(increase|delta)\()?(assay_\w+)(\{[^}]*\})?(?:\[\w+\]\))? ([<>]) ([0-9.e]+)$/;

/**
 * Whether an alert's expression holds for some series: `X > 1`, `time() - X > 1`, `increase(X[5m]) > 1`, `delta(X[5m]) > 1`.
 * As in Prometheus, a range function says nothing about a series that was not there at the beginning: its first value
 * is no increase. @throws Error for any other form.
 */
export function holds(expression: string, { before, now, time }: Moment): boolean {
  const [, clock, range, name = "", labels = "", sign, limit] = FORM.exec(expression) ?? [];
  if (limit === undefined) throw new Error(`not a form that is known here: ${expression}`);
  const series = `${name}${labels}`;
  const [last, first] = [now.get(series), before.get(series)];
  if (last === undefined || (range !== undefined && first === undefined)) return false;
  const change = range === "increase" && last < (first ?? 0) ? last : last - (first ?? 0);
  const value = clock !== undefined ? time - last : range === undefined ? last : change;
  return sign === ">" ? value > Number(limit) : value < Number(limit);
}
