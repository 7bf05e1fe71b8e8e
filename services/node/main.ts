import { Command } from "commander";

import { isAssayError } from "../../runner/errors.ts";
import { describeError } from "../environment/describe.ts";
import { readConfiguration, FIELDS, variableOf } from "./configuration.ts";
import { diagnose } from "./doctor.ts";
import { type Node, openNode } from "./node.ts";
import { runIndexer, runOperator, runWatcher } from "./roles.ts";

/* The command `assay-node`. */

const program = new Command("assay-node").description(
  "Runs a participant of the network. Ctrl-C stops it after the step it is in; it can be started again at any time.",
);

const roles = {
  operator: ["answers requests, defends its answers, collects", runOperator],
  watcher: ["executes claims again, convicts wrong ones", runWatcher],
  indexer: ["follows the chain into the database, serves what it knows", runIndexer],
} as const;

for (const [name, [about, run]] of Object.entries(roles)) {
  program
    .command(name)
    .description(about)
    .option("--config <file>", "configuration file (JSON); every field has an environment variable too")
    .action(async ({ config }: { config?: string }) => {
      await runUntilStopped(name, config, run);
    });
}

program
  .command("doctor")
  .description("checks configuration, nodes, contracts, account and models, and says what to do")
  .option("--config <file>", "configuration file")
  .action(async ({ config }: { config?: string }) => {
    const findings = await diagnose(config, process.env);
    for (const { level, text, remedy } of findings) {
      console.log(
        `${level.padEnd(8)} ${text}${remedy === undefined || level === "ok" ? "" : `\n         -> ${remedy}`}`,
      );
    }
    if (findings.some(({ level }) => level === "failure")) process.exitCode = 1;
  });

program
  .command("fields")
  .description("prints every field of the configuration, with its variable and its default")
  .action(() => {
    for (const [name, { about, fallback }] of Object.entries(FIELDS)) {
      const otherwise = fallback === undefined || fallback === "" ? "" : ` (default ${fallback})`;
      console.log(`${name}\n  ${about}${otherwise}\n  ${variableOf(name)}`);
    }
  });

async function runUntilStopped(
  role: string,
  config: string | undefined,
  run: (node: Node, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  let node: Node | undefined;
  try {
    node = await openNode(await readConfiguration(config, process.env), process.env, role);
    await run(node, controller.signal);
  } catch (error) {
    if (!(controller.signal.aborted && isAssayError(error, "ABORTED"))) throw error;
  } finally {
    await node?.close();
  }
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
