/*
 * Writes the outputs into docs/cli.md: runs every `$ npx assay …` of its console blocks. `npm run docs:cli`. The same
 * text on every run: what a command says of its own duration is shown as `…`.
 */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { run } from "../../runner/cli/run.ts";
import { commitModel } from "../../runner/commitment/model.ts";
import { readTensorFile } from "../../runner/files/tensor-file.ts";
import { saveTrace } from "../../runner/inspection/trace-file.ts";
import { executeProgram } from "../../runner/machine/interpreter.ts";
import { elementBits, setElementBits } from "../../runner/machine/tensor.ts";
import { importModel } from "../../runner/onnx/import/import.ts";
import { createProgram } from "../../services/node/program.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const PAGE = join(ROOT, "docs", "cli.md");
const PROMPT = "$ npx assay ";
/** Of `assay-node` only what it says of itself is shown: the rest needs a chain. */
const NODE_PROMPT = /^\$ npx assay-node (?:([a-z-]+) )?--help$/;

/** An operator's trace in which the last bit of one element of kernel 4 is flipped. */
async function forgeTrace(folder: string): Promise<void> {
  const model = importModel("models/digits/digits.onnx", { shapes: { N: 1 } });
  const inputs = model.inputs.map((port) => readTensorFile("models/digits/images/digit-3.npy", port));
  const trace = executeProgram(model.program, inputs, model.constants);
  const wrong = trace[4];
  if (wrong === undefined) throw new Error("the model has no kernel 4");
  setElementBits(wrong, 1234, elementBits(wrong, 1234) ^ 1n);
  const commitment = await commitModel(model.program, model.constants);
  await saveTrace(folder, commitment, model.program, { inputs, trace });
}

/** The help of `assay-node`, or of one of its commands. */
function helpOf(name: string | undefined): string {
  const program = createProgram(new AbortController().signal).configureHelp({ helpWidth: 118 });
  const found = name === undefined ? program : program.commands.find((each) => each.name() === name);
  if (found === undefined) throw new Error(`assay-node has no command ${name ?? ""}`);
  return found.configureHelp({ helpWidth: 118 }).helpInformation();
}

/** What a command prints, standard error among it. */
async function outputOf(command: string): Promise<string> {
  let text = "";
  const write = (part: string): void => {
    text += part;
  };
  const node = NODE_PROMPT.exec(command);
  if (node !== null) return helpOf(node[1]);
  const args = command.slice(PROMPT.length).split(" ");
  await run(args, { stdout: write, stderr: write, interactive: false, signal: new AbortController().signal });
  return text.replace(/ in \d+\.\d s\b/g, " in … s");
}

const folder = mkdtempSync(join(tmpdir(), "assay-docs-"));
try {
  const page = readFileSync(PAGE, "utf8");
  symlinkSync(join(ROOT, "models"), join(folder, "models"));
  process.chdir(folder);
  await forgeTrace("operator");
  const blocks = page.split(/(?<=^```console\n)([^]*?)(?=^```$)/m);
  for (const [i, block] of blocks.entries()) {
    // Every second part is the inside of a block.
    if (i % 2 === 0) continue;
    const commands = block.split("\n").filter((line) => line.startsWith(PROMPT) || NODE_PROMPT.test(line));
    const shown: string[] = [];
    for (const command of commands) shown.push(`${command}\n${await outputOf(command)}`);
    blocks[i] = shown.join("\n");
  }
  writeFileSync(PAGE, blocks.join(""));
} finally {
  process.chdir(ROOT);
  rmSync(folder, { recursive: true, force: true });
}
