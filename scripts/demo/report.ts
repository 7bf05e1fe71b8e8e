import type { Tale, Trial } from "./tale.ts";
import { answerOf, label, pictureOf } from "./report/answer.ts";
import { gasOf, timelineOf, totalsOf } from "./report/gas.ts";
import { grouped, html, type Markup } from "./report/html.ts";
import { moneyOf } from "./report/money.ts";
import { STYLE } from "./report/style.ts";
import { does, traceOf } from "./report/trace.ts";
import { sumOfCalldata, sumOfGas } from "./story.ts";
import { bitsText, valueText } from "./values.ts";

/** The story as one page that needs nothing else: no scripts, no files, no network. */
export function renderReport(tale: Tale): string {
  const { scenario, question, model, honest, final } = tale;
  const answer = label(final.answer);
  const page = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>Assay: an answer and two forgeries</title>
      <style>
        ${{ markup: STYLE }}
      </style>
    </head>
    <body>
      <h1>An answer, and two forgeries convicted</h1>
      <p class="lead">
        A contract asked <b>${model.name}</b> through the market, three operators staked on being right, and a watcher
        ran the model too. Everything below happened on an in-process chain.
      </p>
      <h2>${scenario.title}</h2>
      <div class="pair">
        <div>${pictureOf(question.picture)}</div>
        <div>${answerOf(question, honest)}</div>
      </div>
      <div class="verdict good">
        <strong>Final: ${scenario.noun} ${answer}.</strong> The consumer contract was told so twice: provisionally when
        the operator claimed, and finally when nobody had objected in time.
      </div>
      ${tale.trials.map((trial) => trialOf(tale, trial))}
      <h2>What it took</h2>
      ${totalsOf(tale)}
      <h2>Who paid whom</h2>
      ${moneyOf(tale)}
      <h2>Gas, and what it buys</h2>
      ${gasOf(tale)}
    </body>
  </html>`;
  return `<!doctype html>\n${page.markup}\n`;
}

function trialOf(tale: Tale, trial: Trial): Markup {
  const { question, scenario, honest } = tale;
  const { title, liar, forgery, told, verdict, dispute } = trial;
  const answer = label(told.answer);
  return html`<h2>${title}</h2>
    <p>
      ${liar} was drawn and lied: ${forgery.description}. Everything after it follows from the lie, so it looks like
      honest work.
    </p>
    <div class="pair">
      <div class="verdict">
        <strong>${liar} is convicted</strong> by one fraud proof: number ${grouped(verdict.element)} of kernel
        ${verdict.kernel}${does(tale.model.model.nodes[verdict.kernel] ?? [])} is wrong. The chain computed only that
        number again.
        <dl>
          <dt>claimed</dt>
          <dd>
            <code>${bitsText(verdict.dtype, verdict.claimed)}</code> = ${valueText(verdict.dtype, verdict.claimed)}
          </dd>
          <dt>the machine</dt>
          <dd>
            <code>${bitsText(verdict.dtype, verdict.executed)}</code> = ${valueText(verdict.dtype, verdict.executed)}
          </dd>
          <dt>the dispute</dt>
          <dd>
            ${dispute.length} transactions, ${grouped(sumOfCalldata(dispute))} bytes; those before the proof open the
            dispute, commit ${liar} to every number, and keep the watcher's find from being copied
          </dd>
          <dt>its gas</dt>
          <dd>${grouped(sumOfGas(dispute))}</dd>
        </dl>
      </div>
      <div class="lie">
        <p>
          Claimed: ${scenario.noun} <b>${answer}</b>
          <small>(red the claim, green the honest run)</small>
        </p>
        ${answerOf(question, forgery.run, honest)}
      </div>
    </div>
    <h3>The dispute, step by step</h3>
    ${timelineOf(dispute)}
    <p class="why">
      <b>Why to believe it:</b> nobody had to trust the watcher. ${liar} itself committed to every number of its run;
      the contract took the inputs of one of them from that commitment, did the arithmetic of that one number, and got
      another result. Anybody can do it again from the transaction alone, and get the same bits.
    </p>
    <h3>The trace, kernel by kernel <small>(red: numbers that differ from the honest run)</small></h3>
    ${traceOf(tale, trial)}`;
}
