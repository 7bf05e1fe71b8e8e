import type { Tale } from "./tale.ts";
import { AUDIT_TITLE } from "./audit.ts";
import { ANSWER } from "./phrases.ts";
import { type Step, type Story, sumOfCalldata, sumOfGas, tokens } from "./story.ts";

/** Transactions of the honest answer. */
export function honestSteps({ steps, trials }: Pick<Tale, "steps" | "trials">): readonly Step[] {
  const others = new Set([AUDIT_TITLE, ...trials.map(({ title }) => title)]);
  return steps.filter(({ purpose, chapter }) => ANSWER.includes(purpose) && !others.has(chapter));
}

/** Prints what everything came to. */
export function printTotals(story: Story, tale: Tale): void {
  const { trials, books } = tale;
  const row = (what: string, steps: readonly Step[], of: string): void => {
    const [gas, bytes] = [sumOfGas(steps), sumOfCalldata(steps)].map((sum) => sum.toLocaleString("en"));
    const sent = `${String(steps.length)} transactions, ${(bytes ?? "").padStart(6)} bytes`;
    story.print(`  ${what.padEnd(18)} ${(gas ?? "").padStart(9)} gas  ${sent}  ${of}`);
  };
  story.chapter("Totals");
  row("An honest answer", honestSteps(tale), "ask, draw, claim, finalise");
  const audited = tale.steps.filter(({ purpose, chapter }) => purpose === "audit" && chapter === AUDIT_TITLE);
  row("An audit", audited, "seeds, draw, commit, publish");
  trials.forEach(({ dispute }, i) => {
    const proof = dispute.find(({ purpose }) => purpose === "prove");
    row(`Conviction ${String(i + 1)}`, dispute, `of which the proof ${(proof?.gas ?? 0n).toLocaleString("en")} gas`);
  });
  story.print();
  for (const { holder, balance } of books.rows)
    story.print(`  ${holder.padEnd(18)} ${tokens(balance).padStart(9)} ASSAY`);
  story.print(`  ${"All together".padEnd(18)} ${tokens(books.supply).padStart(9)} ASSAY  exactly what was minted`);
}
