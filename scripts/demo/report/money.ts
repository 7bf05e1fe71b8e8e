import type { Tale } from "../tale.ts";
import { type Payment, summed, tokens } from "../story.ts";
import { html, type Markup } from "./html.ts";

const WIDTH = 420;
const LEFT = 92;
const RIGHT = WIDTH - 92;
const GAP = 14;
const LEAST = 2;

/** Who paid whom: a ribbon for each pair, as wide as the square root of the amount, and the amounts themselves. */
export function moneyOf({ steps, books }: Tale): Markup {
  const flows = summed(steps.flatMap(({ payments }) => payments));
  const rows = flows.map(
    ({ from, to, amount }) =>
      html`<tr>
        <td>${from}</td>
        <td>${to}</td>
        <td class="figure">${tokens(amount)}</td>
      </tr>`,
  );
  const held = books.rows.map(
    ({ holder, balance }) =>
      html`<tr>
        <td>${holder}</td>
        <td class="figure">${tokens(balance)}</td>
      </tr>`,
  );
  return html`<div class="pair">
    <div>
      ${ribbons(flows)}
      <p><small>Who pays stands on the left, who gets it on the right; the market and the court do both.</small></p>
    </div>
    <div>
      <details>
        <summary>Every payment in figures</summary>
        <table>
          <thead>
            <tr>
              <th>from</th>
              <th>to</th>
              <th class="figure">ASSAY</th>
            </tr>
          </thead>
          <tbody>
            ${rows}
          </tbody>
        </table>
      </details>
      <h3>Who holds what in the end</h3>
      <table>
        <tbody>
          ${held}
        </tbody>
        <tfoot>
          <tr>
            <th>All together: exactly what was minted</th>
            <th class="figure">${tokens(books.supply)}</th>
          </tr>
        </tfoot>
      </table>
    </div>
  </div>`;
}

function ribbons(flows: readonly Payment[]): Markup {
  const widthOf = ({ amount }: Payment): number => LEAST + Math.sqrt(Number(amount) / 1e18) / 2;
  const [payers, payees] = [stack(flows, "from", widthOf), stack(flows, "to", widthOf)];
  const height = Math.max(payers.height, payees.height);
  const drawn = flows.map((flow, i) => {
    const width = widthOf(flow);
    const [a, b] = [(payers.starts[i] ?? 0) + width / 2, (payees.starts[i] ?? 0) + width / 2];
    const middle = (LEFT + RIGHT) / 2;
    const path = `M${String(LEFT)} ${a.toFixed(1)}C${String(middle)} ${a.toFixed(1)} ${String(middle)} ${b.toFixed(1)} ${String(RIGHT)} ${b.toFixed(1)}`;
    const tone = [...payers.nodes.keys()].indexOf(flow.from) % TONES;
    return html`<path class="tone${tone}" d="${path}" stroke-width="${width.toFixed(1)}"
      ><title>${flow.from} to ${flow.to}: ${tokens(flow.amount)} ASSAY</title></path
    >`;
  });
  const names = (nodes: ReadonlyMap<string, number>, x: number, anchor: string): readonly Markup[] =>
    [...nodes].map(
      ([name, y]) => html`<text x="${x}" y="${(y + 4).toFixed(1)}" text-anchor="${anchor}">${name}</text>`,
    );
  return html`<svg class="flow" viewBox="0 0 ${WIDTH} ${height.toFixed(0)}" role="img" aria-label="who paid whom">
    ${drawn}${names(payers.nodes, LEFT - 6, "end")}${names(payees.nodes, RIGHT + 6, "start")}
  </svg>`;
}

const TONES = 5;

/** Places the ribbons' ends of one side under each other, those of one holder together. */
function stack(flows: readonly Payment[], side: "from" | "to", widthOf: (flow: Payment) => number) {
  const starts: number[] = [];
  const nodes = new Map<string, number>();
  let y = GAP / 2;
  for (const holder of new Set(flows.map((flow) => flow[side]))) {
    const top = y;
    flows.forEach((flow, i) => {
      if (flow[side] !== holder) return;
      starts[i] = y;
      y += widthOf(flow);
    });
    nodes.set(holder, (top + y) / 2);
    y += GAP;
  }
  return { starts, nodes, height: y };
}
