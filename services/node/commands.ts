import type { Command as CommandLine } from "commander";

import { callIn } from "../commands/call.ts";
import { type Command, type Plan, stepOf } from "../commands/command.ts";
import { GOVERNANCE_COMMANDS } from "../commands/governance.ts";
import { OPERATOR_COMMANDS } from "../commands/operator.ts";
import { optionOf, type Parameters } from "../commands/parameters.ts";
import { perform } from "../commands/perform.ts";
import { PUBLISHER_COMMANDS } from "../commands/publisher.ts";
import { READ_COMMANDS } from "../commands/reading.ts";
import { REQUESTER_COMMANDS } from "../commands/requester.ts";
import { type OpenCommand, openCommand } from "./open-command.ts";

/** Options that every command has. */
export interface CommandOptions {
  readonly config?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const ACTIONS: readonly Command[] = [
  ...OPERATOR_COMMANDS,
  ...PUBLISHER_COMMANDS,
  ...REQUESTER_COMMANDS,
  ...GOVERNANCE_COMMANDS,
];

/** Adds the commands of the tables to a command line. */
export function addCommands(program: CommandLine): void {
  for (const row of ACTIONS) {
    const line = actionLine(program, row.name, row.group, row.about);
    takeParameters(line, row.parameters, async (texts, options) => {
      await act(options, (opened) => row.plan(opened, texts));
    });
  }
  actionLine(program, "call", "Everybody:", "calls any function of any contract of the suite, or reads it")
    .argument("<contract>", "its name in the deployment file")
    .argument("<function>", "its name, or its signature where there are several")
    .argument("[arguments...]", "lists and structs as JSON")
    .action(async (contract: string, method: string, texts: string[], options: CommandOptions) => {
      const opened = await openCommand(options.config, process.env, false);
      const { reads, read } = callIn(opened.context.suite, contract, method, texts);
      try {
        if (reads) console.log(JSON.stringify(await read(), plain, 2));
      } finally {
        opened.close();
      }
      if (reads) return;
      await act(options, ({ context }) => {
        const { populate } = callIn(context.suite, contract, method, texts);
        return Promise.resolve({ steps: [stepOf(`${contract}.${method}`, populate)] });
      });
    });
  for (const { name, about, parameters, read } of READ_COMMANDS) {
    const line = program.command(name).helpGroup("Reading:").description(about);
    line.option("--config <file>", "configuration file").option("--json", "print one JSON value");
    takeParameters(line, parameters, async (texts, options) => {
      const opened = await openCommand(options.config, process.env, false);
      try {
        const { data, text } = await read(opened, texts);
        console.log(options.json === true ? JSON.stringify(data, plain, 2) : text);
      } finally {
        opened.close();
      }
    });
  }
}

/** A command that acts, with the options that all of them have. */
export const actionLine = (program: CommandLine, name: string, group: string, about: string): CommandLine =>
  program
    .command(name)
    .helpGroup(group)
    .description(about)
    .option("--config <file>", "configuration file")
    .option("--dry-run", "say what it would do and cost, and send nothing");

/** Carries out what a command plans. */
export async function act(
  { config, dryRun = false }: CommandOptions,
  planOf: (opened: OpenCommand) => Promise<Plan>,
): Promise<void> {
  const opened = await openCommand(config, process.env, true);
  const { configuration, context } = opened;
  try {
    await perform(context, await planOf(opened), { dryRun: dryRun || configuration.dryRun, print: console.log });
  } finally {
    opened.close();
  }
}

/** Words for parameters that must be given, options for the others. */
function takeParameters(
  line: CommandLine,
  parameters: Parameters,
  run: (texts: Readonly<Record<string, string | undefined>>, options: CommandOptions) => Promise<void>,
): void {
  const words = Object.entries(parameters).filter(([, { fallback }]) => fallback === undefined);
  for (const [name, { about }] of words) line.argument(`<${optionOf(name)}>`, about);
  addOptions(line, parameters);
  line.action(async (...given: unknown[]) => {
    const options = given[words.length] as CommandOptions & Readonly<Record<string, string | undefined>>;
    const texts = Object.fromEntries(words.map(([name], i) => [name, String(given[i])]));
    await run({ ...options, ...texts }, options);
  });
}

/** The parameters that have a default, as options. */
export function addOptions(line: CommandLine, parameters: Parameters): void {
  for (const [name, { about, fallback }] of Object.entries(parameters)) {
    if (fallback !== undefined) line.option(`--${optionOf(name)} <value>`, about, fallback);
  }
}

/** JSON has no whole numbers of any size. */
const plain = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);
