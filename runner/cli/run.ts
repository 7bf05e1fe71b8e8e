import { Command, CommanderError } from "commander";

import { isAssayError } from "../errors.ts";
import { packageVersion } from "../files/package-root.ts";
import { check, type CheckCommandOptions } from "./commands/check.ts";
import { commit, type CommitOptions } from "./commands/commit.ts";
import { infer, type InferOptions } from "./commands/infer.ts";
import { inspect, type InspectOptions } from "./commands/inspect.ts";
import { manifest, type ManifestOptions } from "./commands/manifest.ts";
import { prove, type ProveOptions } from "./commands/prove.ts";
import { verifyModel, type VerifyModelOptions } from "./commands/verify-model.ts";
import { inspectCollateral, inspectQuote } from "./commands/tee.ts";
import { type CommandContext, type CommandResult, EXIT, type Terminal } from "./context.ts";
import { toJson } from "./json.ts";
import { createProgressBar, type ProgressBar } from "./progress.ts";

/**
 * Runs a command line: the arguments after the program's name.
 * @returns The exit code, see `EXIT`. Never throws for a mistake of the user.
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const bar = createProgressBar(terminal.interactive);
  let exitCode: number = EXIT.ok;
  const finish = ({ exitCode: code, data, text }: CommandResult, json: boolean): void => {
    bar.stop();
    terminal.stdout(json ? `${toJson(data)}\n` : `${text}\n`);
    exitCode = code;
  };
  try {
    await createProgram(terminal, bar, finish).parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    bar.stop();
    return report(error, args.includes("--json"), terminal);
  }
}

type Action<O> = (model: string, options: O, context: CommandContext) => Promise<CommandResult>;

function createProgram(
  { signal, stdout, stderr }: Terminal,
  bar: ProgressBar,
  finish: (result: CommandResult, json: boolean) => void,
): Command {
  const program = new Command("assay")
    .description("Runs AI models to the bit, commits to what they did, and proves wrong answers wrong.")
    .version(packageVersion())
    .configureOutput({ writeOut: stdout, writeErr: stderr })
    .exitOverride()
    .showHelpAfterError("(assay COMMAND --help says more)");
  const context: CommandContext = { signal, onProgress: (progress) => bar.update(progress) };
  const command = <O>(name: string, description: string, action: Action<O>): Command =>
    program
      .command(name)
      .description(description)
      .argument("<model>", "ONNX file")
      .option("--shape <NAME=SIZE>", "size of a symbolic dimension, N=1, or shape of an input, x=[1,8]", gather)
      .option("--json", "print JSON")
      .action(async (model: string, options: O & { readonly json?: boolean }) => {
        finish(await action(model, { ...NONE, ...options }, context), options.json === true);
      });
  const withInput = (made: Command): Command =>
    made.option("--input <NAME=FILE>", "tensor of an input: .npy, .pb or .json; once for each input", gather);

  command<InspectOptions>("inspect", "show kernels, sizes, commitments and what proofs can cost", inspect);
  withInput(command<InferOptions>("infer", "run a model and print the roots that a claim names", infer))
    .option("--output-dir <DIR>", "write each output there, as NAME.npy")
    .option("--trace", "also print the trace root");
  withInput(command<CheckCommandOptions>("check", "re-execute random elements on the contract and compare bits", check))
    .option("--samples <N>", "elements of each kernel", "32")
    .option("--seed <S>", "seed of the choice; printed, so that a run can be repeated");
  withInput(command<CommitOptions>("commit", "run a model and keep its trace for a challenge", commit)).option(
    "--store <DIR>",
    "folder for the trace",
    ".assay/traces",
  );
  withInput(command<ProveOptions>("prove", "find the first wrong element of an operator's trace and prove it", prove))
    .requiredOption("--trace <PATH>", "the operator's trace file, or the folder that it is in")
    .option("--out <FILE>", "write the proof there, as JSON for the DisputeCourt");
  command<ManifestOptions>("manifest", "write the roots of a model and of each of its parts", manifest).option(
    "--out <FILE>",
    "write there instead of printing",
  );
  command<VerifyModelOptions>("verify-model", "compile a published file and compare it", verifyModel)
    .option("--manifest <FILE>", "the publisher's manifest: says what differs")
    .option("--commitment <HASH>", "the model commitment on chain");

  const tee = program.command("tee").description("explain quotes of enclaves and their collateral");
  const explain = (name: string, argument: string, description: string, action: (path: string) => CommandResult) =>
    tee
      .command(name)
      .description(description)
      .argument(argument)
      .option("--json", "print JSON")
      .action((path: string, options: { readonly json?: boolean }) => finish(action(path), options.json === true));
  explain("inspect", "<quote>", "say what a quote says; nothing is verified", inspectQuote);
  explain(
    "collateral",
    "<folder>",
    "say what files of collateral contain, and verify their signatures",
    inspectCollateral,
  );
  return program;
}

/** Options that may be repeated, when they are not given. */
const NONE = { shape: [], input: [] } as const;

const gather = (value: string, previous: readonly string[] = []): readonly string[] => [...previous, value];

function report(error: unknown, json: boolean, { stdout, stderr, signal }: Terminal): number {
  if (error instanceof CommanderError) {
    // Commander has printed it. Help and version end here too.
    return error.exitCode === 0 ? EXIT.ok : EXIT.input;
  }
  if (signal.aborted && (error === signal.reason || isAssayError(error, "ABORTED"))) {
    stderr("interrupted; no file was left incomplete\n");
    return EXIT.interrupted;
  }
  if (isAssayError(error)) {
    const { code, message, details } = error;
    if (json) stdout(`${toJson({ error: { code, message, details } })}\n`);
    stderr(`error ${code}: ${printable(message)}\n`);
    // The importer's message names options of its API; these are the ones of the command line.
    if (code === "ONNX_SHAPE_UNBOUND") stderr("on the command line: --shape NAME=SIZE, or --shape INPUT=[1,3,8,8]\n");
    return EXIT.input;
  }
  // Refusals of the system (permissions, full disks) are not bugs.
  if (error instanceof Error && "syscall" in error) {
    stderr(`error FILE_UNREADABLE: ${printable(error.message)}\n`);
    return EXIT.input;
  }
  stderr(
    `error: this is a bug of assay, please report it\n${error instanceof Error ? (error.stack ?? "") : String(error)}\n`,
  );
  return EXIT.bug;
}

/** Names in messages come from untrusted files: control characters must not reach the terminal. */
const printable = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => JSON.stringify(character).slice(1, -1));
