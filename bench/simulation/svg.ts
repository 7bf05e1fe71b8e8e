/*
 * Line charts as SVG, without scripts and without anything from elsewhere.
 */

export interface Line {
  readonly name: string;
  readonly colour: string;
  readonly low: readonly number[];
  readonly middle: readonly number[];
  readonly high: readonly number[];
}

export interface Chart {
  readonly title: string;
  readonly note: string;
  readonly lines: readonly Line[];
  readonly logarithmic?: boolean;
  /** Points of each line in a year. */
  readonly perYear: number;
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [560, 300, 64, 34, 12, 24];
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** A number as a label of an axis. */
function label(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${String(Math.round(value / 1e5) / 10)} M`;
  if (size >= 1e4) return `${String(Math.round(value / 1e2) / 10)} k`;
  return size >= 100 || size === 0 ? String(Math.round(value)) : String(Number(value.toPrecision(2)));
}

/** Values at which an axis has marks. */
export function marks(low: number, high: number, logarithmic: boolean): readonly number[] {
  if (logarithmic) {
    const [from, to] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => 10 ** (from + i));
  }
  const span = high - low || 1;
  const unit = 10 ** Math.floor(Math.log10(span / 4));
  const step = ([1, 2, 5, 10].find((it) => span / (it * unit) <= 6) ?? 10) * unit;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

/** One chart: the middle of each line, and the band between low and high. */
export function svgOf({ title, lines, logarithmic = false, perYear }: Chart): string {
  const all = lines.flatMap(({ low, high }) => [...low, ...high]).filter((it) => Number.isFinite(it));
  const usable = logarithmic ? all.filter((it) => it > 0) : [...all, 0];
  const [bottom, top] = [Math.min(...usable), Math.max(...usable)];
  const scale = (value: number): number => (logarithmic ? Math.log(Math.max(value, bottom)) : value);
  const span = scale(top) - scale(bottom) || 1;
  const count = Math.max(2, ...lines.map(({ middle }) => middle.length));
  const x = (i: number): number => LEFT + (i / (count - 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number =>
    HEIGHT - BOTTOM - ((scale(value) - scale(bottom)) / span) * (HEIGHT - BOTTOM - TOP);
  const at = (i: number, value: number): string => `${x(i).toFixed(1)},${y(value).toFixed(1)}`;
  const rows = marks(bottom, top, logarithmic).map((value) => {
    const height = y(value).toFixed(1);
    return `<path class="grid" d="M${String(LEFT)},${height}H${String(WIDTH - RIGHT)}"/><text x="${String(LEFT - 6)}" y="${height}" text-anchor="end" dominant-baseline="middle">${label(value)}</text>`;
  });
  const years = Array.from({ length: Math.floor((count - 1) / perYear) + 1 }, (_, year) => {
    const place = x(year * perYear).toFixed(1);
    return `<path class="grid" d="M${place},${String(TOP)}V${String(HEIGHT - BOTTOM)}"/><text x="${place}" y="${String(HEIGHT - BOTTOM + 16)}" text-anchor="middle">year ${String(year)}</text>`;
  });
  const bands = lines.map(({ colour, low, high }) => {
    const there = high.map((value, i) => at(i, value));
    const back = low.map((value, i) => at(i, value)).reverse();
    return `<polygon fill="${colour}" opacity="0.12" points="${[...there, ...back].join(" ")}"/>`;
  });
  const middles = lines.map(
    ({ colour, middle }) =>
      `<polyline fill="none" stroke="${colour}" stroke-width="1.6" points="${middle.map((value, i) => at(i, value)).join(" ")}"/>`,
  );
  const box = `0 0 ${String(WIDTH)} ${String(HEIGHT)}`;
  return `<svg viewBox="${box}" role="img" aria-label="${escaped(title)}">${[...rows, ...years, ...bands, ...middles].join("")}</svg>`;
}

/** A page with charts, complete in itself. */
export function pageOf(title: string, text: string, charts: readonly Chart[]): string {
  const legend = (lines: readonly Line[]): string =>
    lines.map(({ name, colour }) => `<span><i style="background:${colour}"></i>${escaped(name)}</span>`).join("");
  const figures = charts.map(
    (chart) =>
      `<figure><figcaption><b>${escaped(chart.title)}</b><br>${escaped(chart.note)}</figcaption>${svgOf(chart)}<div class="legend">${legend(chart.lines)}</div></figure>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
main{display:grid;grid-template-columns:repeat(auto-fit,minmax(480px,1fr));gap:1.5rem}
figure{margin:0;border:1px solid #ddd;border-radius:6px;padding:.8rem}
svg{width:100%;height:auto}svg text{font-size:11px;fill:#555}.grid{stroke:#e6e6e6;fill:none}
.legend span{margin-right:1rem;font-size:13px}.legend i{display:inline-block;width:12px;height:12px;margin-right:4px}
</style></head><body><h1>${escaped(title)}</h1>${text}<main>${figures.join("\n")}</main></body></html>
`;
}
