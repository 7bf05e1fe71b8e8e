import type { Run } from "../../../services/models/models.ts";
import { highest, type Picture, type Question } from "../scenario.ts";
import { html, type Markup } from "./html.ts";

/** What was asked. */
export const pictureOf = (picture: Picture): Markup =>
  picture.kind === "text"
    ? html`<blockquote class="prompt">${picture.text}<span class="caret">▁</span></blockquote>`
    : pixelsOf(picture.values, picture.width);

function pixelsOf(values: readonly number[], width: number): Markup {
  const height = values.length / width;
  const pixels = values.map((value, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return html`<rect x="${x}" y="${y}" width="1.02" height="1.02" fill-opacity="${value.toFixed(3)}" />`;
  });
  return html`<svg
    class="pixels"
    viewBox="0 0 ${width} ${height}"
    role="img"
    aria-label="the picture that was asked about"
  >
    ${pixels}
  </svg>`;
}

const SHOWN = 10;

/** What a run answers, beside the honest run when there is another one: scores of classes as bars, or the words. */
export function answerOf({ classes, scores, answerOf: words }: Question, run: Run, honest?: Run): Markup {
  if (classes.length > 0) return barsOf(classes, scores(run), honest && scores(honest));
  const right = honest === undefined ? html`` : html`<blockquote class="prompt">${words(honest)}</blockquote>`;
  return html`<blockquote class="prompt">${words(run)}</blockquote>
    ${right}`;
}

/** Bars of the likeliest classes, beside those of the honest run when there is another one. */
function barsOf(classes: readonly string[], scores: readonly number[], honest?: readonly number[]): Markup {
  const best = highest(scores);
  const shown = classes
    .map((name, i) => ({ name, i, weight: Math.max(scores[i] ?? 0, honest?.[i] ?? 0) }))
    .sort((a, b) => b.weight - a.weight)
    .slice(0, SHOWN)
    .sort((a, b) => (classes.length > SHOWN ? b.weight - a.weight : a.i - b.i));
  const rows = shown.map(({ name, i }) => {
    const score = scores[i] ?? 0;
    const right = honest === undefined ? html`` : html`<i class="was" style="width:${percent(honest[i] ?? 0)}"></i>`;
    // Both bars have their figure: without it a long green one would stand beside 0.0 %.
    const rightly = honest === undefined ? html`` : html` <small>${percent(honest[i] ?? 0)}</small>`;
    return html`<div class="${i === best ? "bar best" : "bar"}">
      <b>${label(name)}</b><span class="rail">${right}<i style="width:${percent(score)}"></i></span
      ><span class="figure">${percent(score)}${rightly}</span>
    </div>`;
  });
  return html`<div class="bars">${rows}</div>`;
}

/** Characters that cannot be seen are named. */
export const label = (name: string): string => (name === "\n" ? "end" : name === " " ? "space" : name);
const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
