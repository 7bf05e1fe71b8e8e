import { Command } from "commander";

import { addCommands } from "./commands.ts";
import { FIELDS, readConfiguration, variableOf } from "./configuration.ts";
import { diagnose } from "./doctor.ts";
import { type Node, openNode } from "./node.ts";
import { addParticipation } from "./participate.ts";
import { runIndexer, runOperator, runWatcher } from "./roles.ts";

const ROLES = {
  operator: ["answers requests, defends its answers, collects", runOperator],
  watcher: ["executes claims again, convicts wrong ones", runWatcher],
  indexer: ["follows the chain into the database, serves what it knows", runIndexer],
} as const;

/** The command line `assay-node`. What runs ends after its step when the signal fires. */
export function createProgram(signal: AbortSignal): Command {
  const program = new Command("assay-node").description(
    "Runs a participant of the network. Ctrl-C stops it after the step it is in; it can be started again at any time.",
  );

  for (const [name, [about, run]] of Object.entries(ROLES)) {
    program
      .command(name)
      .helpGroup("Services:")
      .description(about)
      .option("--config <file>", "configuration file (JSON); every field has an environment variable too")
      .action(async ({ config }: { config?: string }) => {
        await runUntilStopped(name, config, run, signal);
      });
  }

  program
    .command("doctor")
    .helpGroup("Services:")
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
    .helpGroup("Services:")
    .description("prints every field of the configuration, with its variable and its default")
    .action(() => {
      for (const [name, { about, fallback }] of Object.entries(FIELDS)) {
        const otherwise = fallback === undefined || fallback === "" ? "" : ` (default ${fallback})`;
        console.log(`${name}\n  ${about}${otherwise}\n  ${variableOf(name)}`);
      }
    });

  addParticipation(program, signal);
  addCommands(program);
  return program;
}

async function runUntilStopped(
  role: string,
  config: string | undefined,
  run: (node: Node, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let node: Node | undefined;
  try {
    node = await openNode(await readConfiguration(config, process.env), process.env, role);
    await run(node, signal);
  } finally {
    await node?.close();
  }
}
