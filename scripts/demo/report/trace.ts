import type { Kernel } from "../../../runner/machine/kernel.ts";
import { elementBits, type Tensor } from "../../../runner/machine/tensor.ts";
import type { Tale, Trial } from "../tale.ts";
import { bitsText, valueText } from "../values.ts";
import { grouped, html, type Markup } from "./html.ts";

/** Cells of a strip: each stands for as many neighbouring elements. */
const CELLS = 64;

/** The layers of a forged run: which numbers differ from the honest run, and the one that convicted. */
export function traceOf({ model, honest }: Tale, { forgery, verdict, liar }: Trial): Markup {
  const rows = model.model.program.kernels.map((kernel, index) => {
    const [is, was] = [forgery.run.trace[index], honest.trace[index]];
    if (is === undefined || was === undefined) return html``;
    const different = differences(is, was);
    const convicted = index === verdict.kernel;
    const wrong = convicted ? wrongNumber(kernel, verdict, liar) : html``;
    const count = different.filter(Boolean).length;
    const state = convicted ? "kernel forged" : count > 0 ? "kernel differs" : "kernel";
    const said = count === 0 ? "the same" : `${grouped(count)} of ${grouped(different.length)} differ`;
    return html`<li class="${state}">
      <b>${index}</b><span class="does">${describe(kernel)}</span>${strip(different, convicted ? verdict.element : -1)}
      <span class="count">${said}</span>${wrong}
    </li>`;
  });
  return html`<ol class="trace" start="0">
    ${rows}
  </ol>`;
}

const wrongNumber = ({ dtype }: Kernel, verdict: Trial["verdict"], liar: string): Markup =>
  html`<div class="wrong">
    <strong>Forged here.</strong> Number ${grouped(verdict.element)} convicts ${liar}:
    <span>claimed <code>${bitsText(dtype, verdict.claimed)}</code> = ${valueText(dtype, verdict.claimed)},</span>
    <span
      >the machine gives <code>${bitsText(dtype, verdict.executed)}</code> =
      ${valueText(dtype, verdict.executed)}.</span
    >
  </div>`;

const differences = (a: Tensor, b: Tensor): readonly boolean[] =>
  Array.from({ length: a.data.length }, (_, i) => elementBits(a, i) !== elementBits(b, i));

/** Shaded by how many of a cell's elements differ; the convicting one has a mark. */
function strip(different: readonly boolean[], wrong: number): Markup {
  const cells = Math.min(CELLS, different.length);
  const bounds = Array.from({ length: cells + 1 }, (_, i) => Math.floor((i * different.length) / cells));
  const shades = bounds.slice(0, -1).map((from, i) => {
    const part = different.slice(from, bounds[i + 1]);
    const share = part.filter(Boolean).length / part.length;
    if (share === 0) return html``;
    return html`<rect x="${i}" y="0" width="1.02" height="4" fill-opacity="${(0.25 + 0.75 * share).toFixed(2)}" />`;
  });
  const at = wrong < 0 ? -1 : bounds.findIndex((bound) => bound > wrong) - 1;
  const mark = at < 0 ? html`` : html`<rect class="mark" x="${at}" y="-1" width="1" height="6" />`;
  return html`<svg class="strip" viewBox="0 -1 ${cells} 6" preserveAspectRatio="none" aria-hidden="true">
    <rect class="ground" x="0" y="0" width="${cells}" height="4" />
    ${shades}${mark}
  </svg>`;
}

/** What a kernel does: `f32 [16 × 64], each a fold of 144`. */
function describe({ dtype, shape, reduce, operands }: Kernel): Markup {
  const terms = reduce?.dims.reduce((size, dim) => size * dim, 1);
  const each = terms === undefined ? "each by one formula" : `each a fold of ${grouped(terms)}`;
  const places = { input: "the input", constant: "weights", kernel: "" } as const;
  const reads = [
    ...new Set(operands.map(({ space, index }) => (space === "kernel" ? String(index) : places[space]))),
  ].join(", ");
  return html`<span>${dtype} [${shape.length === 0 ? "1" : shape.join(" × ")}], ${each}</span>
    <small>reads ${reads}</small>`;
}
