import { nodeNames } from "../../../runner/inspection/inspect.ts";
import type { Kernel } from "../../../runner/machine/kernel.ts";
import { elementBits, type Tensor } from "../../../runner/machine/tensor.ts";
import type { Model } from "../../../runner/onnx/import/import.ts";
import type { Tale, Trial } from "../tale.ts";
import { bitsText, valueText } from "../values.ts";
import { grouped, html, type Markup } from "./html.ts";

/** Cells of a strip: each stands for as many neighbouring elements. */
const CELLS = 64;

/** The layers of a forged run: which numbers differ from the honest run, and the one that convicted. */
export function traceOf({ model, honest }: Tale, { forgery, verdict, liar }: Trial): Markup {
  const rows = model.model.program.kernels.flatMap((kernel, index): readonly Row[] => {
    const [is, was] = [forgery.run.trace[index], honest.trace[index]];
    if (is === undefined || was === undefined) return [];
    const different = differences(is, was);
    const convicted = index === verdict.kernel;
    const wrong = convicted ? wrongNumber(kernel, verdict, liar) : html``;
    const count = different.filter(Boolean).length;
    const state = convicted ? "kernel forged" : count > 0 ? "kernel differs" : "kernel";
    const said = count === 0 ? "the same" : `${grouped(count)} of ${grouped(different.length)} differ`;
    const named = nodeNames(model.model.nodes[index] ?? [], 2);
    const row = html`<li class="${state}" value="${index}">
      <b>${index}</b
      ><span class="does"><b>${named}</b>${describe(kernel)}</span>${strip(different, convicted ? verdict.element : -1)}
      <span class="count">${said}</span>${wrong}
    </li>`;
    return [{ row, quiet: !convicted, first: index }];
  });
  return html`<ol class="trace" start="0">
    ${folded(rows)}
  </ol>`;
}

interface Row {
  readonly row: Markup;
  /** Whether it may stand among others that are folded away. */
  readonly quiet: boolean;
  readonly first: number;
}

/** Quiet rows between others that stay in sight: so many, and so many of them beside what convicted. */
const SIGHT = { rows: 16, beside: 3 };

/** A long trace shows what is around the kernel that convicted; the rest opens at a click. */
function folded(rows: readonly Row[]): readonly Markup[] {
  if (rows.length <= SIGHT.rows) return rows.map(({ row }) => row);
  const at = rows.findIndex(({ quiet }) => !quiet);
  const [from, to] = [Math.max(0, at - SIGHT.beside), at + SIGHT.beside + 1];
  const fold = (part: readonly Row[]): Markup => {
    const [first, last] = [part.at(0), part.at(-1)];
    if (first === undefined || last === undefined) return html``;
    return html`<li class="more">
      <details>
        <summary>kernels ${first.first} to ${last.first}</summary>
        <ol class="trace">
          ${part.map(({ row }) => row)}
        </ol>
      </details>
    </li>`;
  };
  return [fold(rows.slice(0, from)), ...rows.slice(from, to).map(({ row }) => row), fold(rows.slice(to))];
}

/** What a kernel does in the words of the model, in brackets; nothing when its file has none. */
export const does = (nodes: Model["nodes"][number]): string => {
  const named = nodeNames(nodes, 1);
  return named === "" ? "" : ` (${named})`;
};

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
