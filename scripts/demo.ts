/**
 * The whole life of an answer on an in-process chain: asked, run, claimed, accepted; then two forged answers, each
 * convicted by one fraud proof.
 *
 *   npm start                          in the terminal
 *   npm start -- --report out.html     the same story as one self-contained page
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Command } from "commander";

import { run } from "./lib/run.ts";
import { runDemo } from "./demo/play.ts";
import { renderReport } from "./demo/report.ts";

const program = new Command("demo")
  .description("An answer from question to payment, and two forgeries from claim to conviction")
  .option("--report <file>", "write the story as a self-contained HTML page")
  .parse();
const { report } = program.opts<{ report?: string }>();

await run(async (signal) => {
  const folder = await mkdtemp(join(tmpdir(), "assay-demo-"));
  try {
    const tale = await runDemo(folder, signal);
    if (report === undefined) return;
    await writeFile(report, renderReport(tale));
    console.log(`\nReport: ${report}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
