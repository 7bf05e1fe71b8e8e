/**
 * The whole life of an answer on an in-process chain: asked, run, claimed, accepted; then two forged answers, each
 * convicted by one fraud proof.
 *
 *   npm start                          in the terminal
 *   npm start -- --model text          with another model: digits, int8 or text
 *   npm start -- --mode zk             an answer made final by a proof, and a forged one refused
 *   npm start -- --report out.html     the same story as one self-contained page
 *   npm start -- --mode quorum         another story: five operators are asked the same, and one lies
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Command, Option } from "commander";
import { network } from "hardhat";

import { expectWritable } from "../services/environment/files.ts";
import { run } from "../services/environment/run.ts";
import { runDemo } from "./demo/play.ts";
import { runProofDemo } from "./demo/proof.ts";
import { playQuorums } from "./demo/quorum.ts";
import { renderReport } from "./demo/report.ts";
import { SCENARIOS, type ScenarioName } from "./demo/scenario.ts";

const program = new Command("demo")
  .description("An answer from question to payment, and two forgeries from claim to conviction")
  .addOption(new Option("--model <name>", "model that is asked").choices(Object.keys(SCENARIOS)).default("digits"))
  .addOption(
    new Option("--mode <name>", "how answers are shown to be right")
      .choices(["optimistic", "zk", "quorum"])
      .default("optimistic"),
  )
  .option("--report <file>", "write the story as a self-contained HTML page")
  .parse();
const { model, mode, report } = program.opts<{ model: ScenarioName; mode: string; report?: string }>();
if (mode !== "optimistic" && (report !== undefined || program.getOptionValueSource("model") === "cli")) {
  program.error(`--model and --report are for --mode optimistic`);
}
const print = (line = ""): void => {
  console.log(line);
};

await run(async (signal) => {
  // Not after the whole demo.
  if (report !== undefined) await expectWritable(report);
  const folder = await mkdtemp(join(tmpdir(), "assay-demo-"));
  const connection = await network.create();
  try {
    if (mode === "zk") {
      await runProofDemo(connection, folder, print, signal);
      return;
    }
    if (mode === "quorum") {
      await playQuorums(folder, print, signal);
      return;
    }
    const tale = await runDemo(connection, SCENARIOS[model], folder, print, signal);
    if (report === undefined) return;
    await writeFile(report, renderReport(tale));
    print(`\n  Report: ${report}`);
  } catch (error) {
    // Once it was asked to stop, whatever could not be finished is no error.
    if (!signal.aborted) throw error;
    print("\n  Stopped.");
    process.exitCode = 130;
  } finally {
    await connection.close();
    await rm(folder, { recursive: true, force: true });
  }
});
