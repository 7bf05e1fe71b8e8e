import type { Tale } from "../tale.ts";
import { type Step, sumOfCalldata, sumOfGas } from "../story.ts";
import type { Purpose } from "../phrases.ts";
import { honestSteps } from "../totals.ts";
import { grouped, html, type Markup } from "./html.ts";

/** A bar for every transaction, with what its gas buys. */
export function gasOf({ steps }: Tale): Markup {
  const most = Math.max(...steps.map(({ gas }) => Number(gas)));
  const chapters = [...new Set(steps.map(({ chapter }) => chapter))].map((chapter) => {
    const rows = steps
      .filter((step) => step.chapter === chapter)
      .map(
        ({ who, what, buys, gas, purpose }) =>
          html`<div class="${purpose === "prove" ? "gas prove" : "gas"}">
            <span><b>${who}</b> ${what}</span><span class="figure">${grouped(gas)}</span
            ><span class="rail"><i style="width:${((100 * Number(gas)) / most).toFixed(1)}%"></i></span
            ><small>${buys}</small>
          </div>`,
      );
    const inside = steps.filter((step) => step.chapter === chapter);
    // What only prepares or pays out is there for who looks for it.
    const told = inside.some(({ purpose }) => !QUIET.includes(purpose));
    const sum = html`<small>${inside.length} transactions, ${grouped(sumOfGas(inside))} gas</small>`;
    return told
      ? html`<h3>${chapter}</h3>
          ${rows}`
      : html`<details>
          <summary>${chapter} ${sum}</summary>
          ${rows}
        </details>`;
  });
  return html`${chapters}`;
}

const QUIET: readonly Purpose[] = ["publish", "join", "collect"];

/** The transactions of a dispute in their order: who did what, and what it is good for. */
export const timelineOf = (dispute: readonly Step[]): Markup =>
  html`<ol class="timeline">
    ${dispute.map(
      ({ who, what, buys, gas, purpose }) =>
        html`<li class="${purpose === "prove" ? "prove" : ""}">
          <b>${who}</b> ${what} <small>${buys}; ${grouped(gas)} gas</small>
        </li>`,
    )}
  </ol>`;

/** What an honest answer and each conviction came to. */
export function totalsOf(tale: Tale): Markup {
  const row = (name: string, steps: readonly Step[]): Markup =>
    html`<tr>
      <td>${name}</td>
      <td class="figure">${steps.length}</td>
      <td class="figure">${grouped(sumOfCalldata(steps))}</td>
      <td class="figure">${grouped(sumOfGas(steps))}</td>
    </tr>`;
  const proofs = tale.trials.map(({ dispute }) => dispute.filter(({ purpose }) => purpose === "prove"));
  const rows = [
    row("The honest answer: ask, draw, claim, finalise", honestSteps(tale)),
    ...tale.trials.flatMap(({ dispute, liar }, i) => [
      row(`Dispute ${String(i + 1)}, against ${liar}`, dispute),
      row("of which the fraud proof", proofs[i] ?? []),
    ]),
  ];
  return html`<table class="wide">
    <thead>
      <tr>
        <th></th>
        <th class="figure">transactions</th>
        <th class="figure">bytes</th>
        <th class="figure">gas</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}
