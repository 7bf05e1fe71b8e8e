import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { type Executable, prepareProgram } from "../runner/backends/backend.ts";
import { wasmOn } from "../runner/backends/wasm/wasm.ts";
import { commitModel } from "../runner/commitment/model.ts";
import { commitOnThreads } from "../runner/commitment/threads.ts";
import { item } from "../runner/items.ts";
import { DTYPE_BYTES } from "../runner/machine/dtype.ts";
import { type Tensor, tensorBytes } from "../runner/machine/tensor.ts";
import { importModel } from "../runner/onnx/index.ts";
import { ort, ORT_TYPES } from "../testing/onnxruntime.ts";
import { randomInput } from "./inputs.ts";

/*
 * Speed of this runner and of onnxruntime-web:
 *
 *   npm run bench:models -- DIR [--runs N] [--filter TEXT] [--threads N] [--out FILE]
 *
 * Every model of a folder runs on both in one process, in turns, this runner on so many threads, the other on one. Times are
 * milliseconds; the ratio is onnxruntime-web's least time with its default options over ours, above 1 where this runner is
 * faster. Outputs are compared bit by bit with onnxruntime-web without graph optimisation, which computes what the file
 * says. Memory is that of a process of its own (bench/memory.ts). With `--out`, the model that `TWICE` names also runs on two
 * threads in turns with one, and the largest model is committed on one and on two.
 */

/** The model that runs on one thread and on two. */
const TWICE = "resnet-50";
const TURNS = 5;

async function session(path: string, level: "disabled" | undefined): Promise<ort.InferenceSession> {
  return await ort.InferenceSession.create(readFileSync(path), {
    executionProviders: ["wasm"],
    ...(level && { graphOptimizationLevel: level }),
  });
}

const median = (times: readonly number[]): number =>
  item(
    times.toSorted((a, b) => a - b),
    Math.floor(times.length / 2),
  );

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

interface Row {
  readonly name: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  readonly differ: number;
  readonly outputs: number;
  readonly prepareMs: number;
  readonly firstMs: number;
  readonly memory: Memory;
}

/** Bytes, as bench/memory.ts prints them. */
interface Memory {
  readonly weights: number;
  readonly before: number;
  readonly peak: number;
}

const memoryOf = (path: string): Memory =>
  JSON.parse(
    execFileSync(process.execPath, [...process.execArgv, join(import.meta.dirname, "memory.ts"), path], {
      encoding: "utf8",
    }),
  ) as Memory;

/** Least times on one thread and on two, in turns. */
async function twice(path: string): Promise<readonly number[]> {
  const model = importModel(path);
  const inputs = model.inputs.map(randomInput);
  const both: readonly Executable[] = [1, 2].map((threads) => prepareProgram(model.program, wasmOn(threads)));
  const least = [Infinity, Infinity];
  for (let turn = 0; turn <= TURNS; turn++) {
    for (const [i, { infer }] of both.entries()) {
      const time = await timed(() => infer(inputs, model.constants));
      if (turn > 0) least[i] = Math.min(item(least, i), time);
    }
  }
  return least;
}

/** Least times of an import, and of commitments on one thread and on two, in turns; and bytes of weights. */
async function committed(path: string): Promise<{ readonly times: readonly number[]; readonly bytes: number }> {
  const least = [Infinity, Infinity, Infinity];
  let bytes = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    const start = performance.now();
    const { program, constants } = importModel(path);
    least[0] = Math.min(item(least, 0), performance.now() - start);
    bytes = program.constants.reduce((sum, { dtype, length }) => sum + length * DTYPE_BYTES[dtype], 0);
    for (const threads of [1, 2]) {
      const time = await timed(() => commitModel(program, constants, { commit: commitOnThreads(threads) }));
      least[threads] = Math.min(item(least, threads), time);
    }
  }
  return { times: least, bytes };
}

async function measure(path: string, name: string, least: number, threads: number): Promise<Row> {
  const model = importModel(path);
  const inputs = model.inputs.map((port) => randomInput(port));
  const feeds = Object.fromEntries(
    model.inputs.map((port, i) => {
      const { dtype, data } = item(inputs, i);
      return [port.name, new ort.Tensor(ORT_TYPES[dtype], data, port.shape)];
    }),
  );
  const reference = await session(path, "disabled");
  const wanted = await reference.run(feeds);
  let executable: ReturnType<typeof prepareProgram> | undefined;
  const prepareMs = await timed(() => Promise.resolve((executable = prepareProgram(model.program, wasmOn(threads)))));
  const ready = executable;
  if (ready === undefined) throw new Error("not prepared");
  const ourRun = (): Promise<readonly Tensor[]> => ready.infer(inputs, model.constants);
  const firstMs = await timed(ourRun);
  const outputs = await ourRun();
  let [differ, count] = [0, 0];
  model.outputs.forEach(({ name: output }, i) => {
    const tensor = item(outputs, i);
    const bytes = tensorBytes(tensor);
    const { data } = item(
      [wanted[output]].flatMap((t) => t ?? []),
      0,
    );
    const other = data as Float32Array;
    const theirs = new Uint8Array(other.buffer, other.byteOffset, other.byteLength);
    const width = bytes.length / tensor.data.length;
    count += tensor.data.length;
    for (let e = 0; e < tensor.data.length; e++) {
      if (bytes.subarray(e * width, e * width + width).some((byte, b) => byte !== theirs[e * width + b])) differ++;
    }
  });
  await reference.release();
  const standard = await session(path, undefined);
  const [ours, theirs]: [number[], number[]] = [[], []];
  await standard.run(feeds);
  const until = performance.now() + 6000;
  while (ours.length < least || (performance.now() < until && ours.length < 200)) {
    ours.push(await timed(ourRun));
    theirs.push(await timed(() => standard.run(feeds)));
  }
  await standard.release();
  return { name, ours, theirs, differ, outputs: count, prepareMs, firstMs, memory: memoryOf(path) };
}

/** Threads and commitments, in sentences. */
async function more(): Promise<readonly string[]> {
  const lines: string[] = [];
  if (rows.some(({ name }) => name === TWICE)) {
    const [one = 0, two = 0] = await twice(join(folder, `${TWICE}.onnx`));
    const times = `${ms(one).trim()} ms on one thread, ${ms(two).trim()} ms on two`;
    lines.push(`${TWICE}: ${times}, in turns: ${(one / two).toFixed(2)} times as fast.`, "");
  }
  const [largest] = rows.toSorted((a, b) => b.memory.weights - a.memory.weights);
  if (largest !== undefined) {
    const { times, bytes } = await committed(join(folder, `${largest.name}.onnx`));
    const [imported = 0, ...commits] = times;
    const speeds = commits.map((time) => (bytes / time / 1e3).toFixed(0));
    lines.push(
      `${largest.name}: imported in ${ms(imported).trim()} ms, its ${megabytes(bytes)} MB of weights committed with`,
      `${speeds.join(" MB/s on one thread and ")} MB/s on two, least times of ${String(TURNS)} turns.`,
      "",
    );
  }
  return lines;
}

const ms = (value: number): string => value.toFixed(value < 10 ? 3 : 1).padStart(9);

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "10" },
    filter: { type: "string", default: "" },
    threads: { type: "string", default: "1" },
    out: { type: "string" },
  },
});
const folder = item(positionals, 0);
const rows: Row[] = [];
const ratioOf = ({ ours, theirs }: Row): number => Math.min(...theirs) / Math.min(...ours);
const timesOf = ({ ours, theirs }: Row): number[] => [
  Math.min(...ours),
  median(ours),
  Math.min(...theirs),
  median(theirs),
];
console.log(
  "model                    ours min    median  theirs min   median  ratio   differ / outputs   prepare  first run  weights MB  peak MB",
);
for (const file of readdirSync(folder).sort()) {
  if (!file.endsWith(".onnx") || !file.includes(values.filter)) continue;
  const row = await measure(join(folder, file), file.slice(0, -5), Number(values.runs), Number(values.threads));
  rows.push(row);
  const times = timesOf(row).map(ms).join(" ");
  const same = `${String(row.differ)} / ${String(row.outputs)}`.padStart(18);
  const memory = [row.memory.weights, row.memory.peak].map((bytes) => megabytes(bytes).padStart(9)).join(" ");
  const begin = `${ms(row.prepareMs)} ${ms(row.firstMs)} ${memory}`;
  console.log(`${row.name.padEnd(22)} ${times} ${ratioOf(row).toFixed(2).padStart(6)} ${same} ${begin}`);
}
const mean = Math.exp(rows.reduce((sum, row) => sum + Math.log(ratioOf(row)), 0) / rows.length);
const summary = `geometric mean of ${String(rows.length)} ratios: ${mean.toFixed(2)}`;
console.log(summary);
if (values.out !== undefined) {
  const cell = (value: number): string => ms(value).trim();
  const lines = rows.map((row) => {
    const cells = [
      row.name,
      ...timesOf(row).map(cell),
      ratioOf(row).toFixed(2),
      `${String(row.differ)} of ${String(row.outputs)}`,
      megabytes(row.memory.weights),
      megabytes(row.memory.peak),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const text = [
    "<!-- Generated by `npm run bench:models -- DIR --out FILE`. -->",
    "",
    `# Speed of models, on ${values.threads} of this runner's threads and one of onnxruntime-web's`,
    "",
    "Milliseconds. The ratio is onnxruntime-web's least time over this runner's. The two take turns in one process, so that",
    "what else the machine does slows both. Outputs are compared with onnxruntime-web without graph optimisation. Memory",
    "is the most that a process of its own takes to import the model and to run it twice, Node and the compiler of",
    "TypeScript included; both columns are megabytes.",
    "",
    "| model | least | median | onnxruntime-web, least | median | ratio | elements that differ | weights | peak memory |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
    "",
    `The ${summary}.`,
    "",
    ...(await more()),
    `Measured on ${String(availableParallelism())} cores (${item(cpus(), 0).model.trim()}) while`,
    `${item(loadavg(), 1).toFixed(1)} processes were ready to run on them, on average.`,
    "",
  ];
  writeFileSync(values.out, text.join("\n"));
}
