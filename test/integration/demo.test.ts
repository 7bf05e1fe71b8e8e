import { expect } from "chai";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { network } from "hardhat";

import { isAssayError } from "../../runner/errors.ts";
import { nodeNames } from "../../runner/inspection/inspect.ts";
import { elementBits } from "../../runner/machine/tensor.ts";
import { runDemo } from "../../scripts/demo/play.ts";
import { renderReport } from "../../scripts/demo/report.ts";
import { html } from "../../scripts/demo/report/html.ts";
import { SCENARIOS } from "../../scripts/demo/scenario.ts";
import { chains } from "../../scripts/demo/story.ts";
import { honestSteps } from "../../scripts/demo/totals.ts";
import type { Tale } from "../../scripts/demo/tale.ts";
import { bitsText } from "../../scripts/demo/values.ts";
import type { Run } from "../../services/models/models.ts";

const { digits } = SCENARIOS;

describe("the demo", () => {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    describe(`with --model ${name}`, () => {
      let tale: Tale;
      const lines: string[] = [];

      before(async () => {
        const folder = await mkdtemp(join(tmpdir(), "assay-demo-test-"));
        const connection = await network.create();
        try {
          const print = (line = ""): unknown => lines.push(...line.split("\n"));
          tale = await runDemo(connection, scenario, folder, print, new AbortController().signal);
        } finally {
          await connection.close();
          await rm(folder, { recursive: true });
        }
      });

      it("calls the consumer back with the right answer, provisional and then final", () => {
        const answer = tale.question.expected;
        expect(tale.provisional).to.deep.equal({ known: true, answer, final: false });
        expect(tale.final).to.deep.equal({ known: true, answer, final: true });
      });

      it("tells the consumer of forged answers only provisionally", () => {
        expect(tale.trials.map(({ told }) => [told.known, told.final])).to.deep.equal([
          [true, false],
          [true, false],
        ]);
      });

      it("pays the honest operator the fee less the royalty and the share of the audits, and the publisher the royalty", () => {
        const operator = honestSteps(tale).find(({ purpose }) => purpose === "claim")?.who ?? "";
        const paid = chains(tale.steps.flatMap(({ payments }) => payments));
        expect(paid).to.include(`16.5 ASSAY: Market → ${operator}`);
        expect(paid).to.include(`${String(1 + tale.audit.questions)} ASSAY: Market → Publisher`);
      });

      it("audits an answer that nobody doubted, by somebody else than its operator, and pays for it", () => {
        const { operator, auditor, reward } = tale.audit;
        expect(auditor).to.not.equal(operator);
        expect(reward > 0n).to.equal(true);
        const audits = tale.steps.filter(({ purpose, buys }) => purpose === "audit" && !buys.includes("nobody knew"));
        expect(audits.map(({ who }) => who)).to.deep.equal([auditor, auditor, operator]);
        const paid = chains(tale.steps.flatMap(({ payments }) => payments));
        expect(paid).to.include(`50 ASSAY: Desk → ${auditor}`);
      });

      it("convicts both forgeries, each by exactly one fraud proof", () => {
        expect(tale.trials).to.have.lengthOf(2);
        for (const { dispute } of tale.trials) {
          expect(dispute.map(({ purpose }) => purpose)).to.deep.equal(["challenge", "trace", "accuse", "prove"]);
        }
        expect(tale.steps.filter(({ purpose }) => purpose === "prove")).to.have.lengthOf(2);
      });

      it("names the forged kernel, what it should have given and what was claimed", () => {
        for (const { forgery, verdict } of tale.trials) {
          expect(verdict.kernel).to.equal(forgery.kernel);
          const bitsIn = ({ trace }: Run): string => {
            const tensor = trace[verdict.kernel];
            return tensor === undefined ? "" : bitsText(tensor.dtype, elementBits(tensor, verdict.element));
          };
          const [claimed, executed] = [verdict.claimed, verdict.executed].map((bits) => bitsText(verdict.dtype, bits));
          expect(claimed).to.not.equal(executed);
          expect([claimed, executed]).to.deep.equal([bitsIn(forgery.run), bitsIn(tale.honest)]);
          expect(lines.some((line) => line.includes(bitsText(verdict.dtype, verdict.claimed)))).to.equal(true);
        }
      });

      it("loses no unit of the token", () => {
        const { rows, supply } = tale.books;
        expect(rows.reduce((sum, { balance }) => sum + balance, 0n)).to.equal(supply);
        // Of three stakes of 5,000, the first conviction took 1,000; the second one 2,000, because two failed together.
        const staked = rows.find(({ holder }) => holder === "Staking")?.balance ?? 0n;
        expect(staked - 12_000n * 10n ** 18n).to.be.within(-9n, 9n);
      });

      it("reports it all as one well-formed page that needs nothing else", () => {
        const page = renderReport(tale);
        const words = page.replaceAll(/\s+/g, " ");
        expect(unclosed(page)).to.deep.equal([]);
        expect(page).to.not.match(/https?:|["'(]\/\/|src=|href=|url\(|@import|<script/);
        for (const { verdict, liar } of tale.trials) {
          const { kernel, dtype, claimed, executed } = verdict;
          expect(words)
            .to.include(`${liar} is convicted`)
            .and.to.match(new RegExp(`of kernel ${String(kernel)} \\([^)]+\\) is wrong`))
            .and.to.include("Why to believe it:");
          // The layers have the names of the file, as the terminal gives them.
          expect(page).to.include(html`${nodeNames(tale.model.model.nodes[kernel] ?? [], 2)}`.markup);
          expect(page).to.include(bitsText(dtype, claimed)).and.to.include(bitsText(dtype, executed));
        }
        for (const { buys } of tale.steps) expect(page).to.include(html`${buys}`.markup);
      });

      it("prints lines of at most 100 columns", () => {
        const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9]+m`, "g");
        expect(lines.filter((line) => line.replaceAll(escapes, "").length > 100)).to.deep.equal([]);
      });
    });
  }

  it("escapes what it puts into its page", () => {
    expect(html`<b title="${`"'`}">${"<i>&"}</b>`.markup).to.equal('<b title="&quot;&#39;">&lt;i&gt;&amp;</b>');
  });

  it("stops when it is asked to", async () => {
    const connection = await network.create();
    const aborted = runDemo(connection, digits, tmpdir(), () => undefined, AbortSignal.abort());
    await aborted.then(
      () => expect.fail("it went on"),
      (error: unknown) => expect(isAssayError(error, "ABORTED")).to.equal(true),
    );
    await connection.close();
  });
});

/** Tags that are not closed, or closed without having been opened. */
function unclosed(page: string): readonly string[] {
  const open: string[] = [];
  for (const [, closing, name = "", selfClosing] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*?(\/?)>/g)) {
    if (selfClosing === "/") continue;
    if (closing === "") open.push(name);
    else if (open.at(-1) === name) open.pop();
    else return [...open, `/${name}`];
  }
  return open;
}
