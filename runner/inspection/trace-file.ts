import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

import { item } from "../items.ts";
import type { Hash } from "../commitment/keccak.ts";
import { type ModelCommitment, tensorsRoot } from "../commitment/model.ts";
import { commitTensors } from "../commitment/tensor.ts";
import { commitTrace } from "../commitment/trace.ts";
import { AssayError, isAssayError, throwIfAborted } from "../errors.ts";
import { Fields } from "../files/fields.ts";
import { readJson, reasonOf } from "../files/read.ts";
import { malformed } from "../files/refusal.ts";
import { writeFileAtomic } from "../files/write.ts";
import { DTYPES, type DType } from "../machine/dtype.ts";
import type { Program } from "../machine/kernel.ts";
import { type Tensor, tensorBytes, tensorFromBytes } from "../machine/tensor.ts";
import { createFolderStore } from "../files/store.ts";
import type { TaskOptions } from "../task.ts";

export const TRACE_FORMAT = "assay.trace.v1";

/** What an operator shows of one execution: roots, and the blobs of a folder store that hold the tensors' bytes. */
export interface TraceFile {
  readonly format: typeof TRACE_FORMAT;
  /** Commitment of the model that was executed. */
  readonly commitment: Hash;
  readonly inputRoot: Hash;
  readonly outputRoot: Hash;
  readonly traceRoot: Hash;
  /** Outputs of all kernels, in order. */
  readonly outputs: readonly StoredTensor[];
}

/** A tensor in a store: its type, its root and the id of its bytes. */
export interface StoredTensor {
  readonly dtype: DType;
  readonly root: Hash;
  readonly blob: Hash;
}

/**
 * Stores the outputs of all kernels in a folder, then in the same folder the file that names them, `trace-ROOT.json`: it
 * never names a missing blob. Progress in leaves, then in kernels.
 * @throws AssayError ABORTED.
 */
export async function saveTrace(
  folder: string,
  model: ModelCommitment,
  program: Program,
  tensors: { readonly inputs: readonly Tensor[]; readonly trace: readonly Tensor[] },
  options: TaskOptions = {},
): Promise<{ readonly path: string; readonly file: TraceFile }> {
  const { root, outputs } = await commitTrace(tensors.trace, options);
  const inputs = await commitTensors("commit inputs", tensors.inputs, options);
  const store = createFolderStore(folder);
  const stored: StoredTensor[] = [];
  for (const [i, tensor] of tensors.trace.entries()) {
    throwIfAborted(options.signal, "store");
    const blob = await putBlob(store.put(tensorBytes(tensor)), folder);
    stored.push({ dtype: tensor.dtype, root: item(outputs, i).root, blob });
    options.onProgress?.({ task: "store", done: i + 1, total: tensors.trace.length });
  }
  const file: TraceFile = {
    format: TRACE_FORMAT,
    commitment: model.commitment,
    inputRoot: tensorsRoot(inputs),
    outputRoot: tensorsRoot(program.outputs.map((kernel) => item(outputs, kernel))),
    traceRoot: root,
    outputs: stored,
  };
  const path = join(folder, `trace-${root.slice(2)}.json`);
  writeFileAtomic(path, `${JSON.stringify(file, null, 2)}\n`);
  return { path, file };
}

async function putBlob(put: Promise<Hash>, folder: string): Promise<Hash> {
  try {
    return await put;
  } catch (error) {
    if (isAssayError(error)) throw error;
    const reason = reasonOf(error);
    throw new AssayError("FILE_UNWRITABLE", `${folder} cannot be written: ${reason}`, { path: folder, reason });
  }
}

/** A trace file that was read, and how to fetch what it names. */
export interface LoadedTrace {
  readonly path: string;
  readonly file: TraceFile;
  /** The output of a kernel; undefined when its blob is missing, damaged or not of whole elements. */
  readonly fetchOutput: (kernel: number) => Promise<Tensor | undefined>;
}

/**
 * Reads an operator's trace: a trace file, or a folder with exactly one trace file that `fits`.
 * @throws AssayError FILE_UNREADABLE (also when no file fits, or several do), FILE_MALFORMED.
 */
export function loadTrace(path: string, fits: (file: TraceFile) => boolean): LoadedTrace {
  const candidates = isFolder(path) ? traceFilesIn(path) : [path];
  const read = candidates.map((candidate) => ({ candidate, file: readTraceFile(candidate) }));
  const fitting = isFolder(path) ? read.filter(({ file }) => fits(file)) : read;
  const [found] = fitting;
  if (found === undefined || fitting.length > 1) {
    const reason =
      found === undefined
        ? `has no trace of this model and input among its ${candidates.length} trace files`
        : `has several traces of this model and input; name one: ${fitting.map(({ candidate }) => candidate).join(", ")}`;
    throw new AssayError("FILE_UNREADABLE", `${path} ${reason}`, { path, reason });
  }
  const store = createFolderStore(dirname(found.candidate));
  return {
    path: found.candidate,
    file: found.file,
    async fetchOutput(kernel) {
      const output = found.file.outputs[kernel];
      if (output === undefined) return undefined;
      try {
        return tensorFromBytes(output.dtype, await store.get(output.blob));
      } catch (error) {
        // For a watcher, damaged data are the same as withheld data.
        if (isAssayError(error)) return undefined;
        throw error;
      }
    },
  };
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

const traceFilesIn = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => /^trace-[0-9a-f]{64}\.json$/.test(name))
    .sort()
    .map((name) => join(folder, name));

/** Reads an untrusted trace file. @throws AssayError FILE_UNREADABLE, FILE_MALFORMED. */
export function readTraceFile(path: string): TraceFile {
  const fields = new Fields(path, readJson(path, 2 ** 28), "the trace");
  if (fields.text("format") !== TRACE_FORMAT) throw malformed(path, `is not of format ${TRACE_FORMAT}`);
  return {
    format: TRACE_FORMAT,
    commitment: fields.hash("commitment"),
    inputRoot: fields.hash("inputRoot"),
    outputRoot: fields.hash("outputRoot"),
    traceRoot: fields.hash("traceRoot"),
    outputs: fields.list("outputs").map((output) => {
      const dtype = DTYPES.find((known) => known === output.text("dtype"));
      if (dtype === undefined) throw malformed(path, `is damaged: "${output.text("dtype")}" is not a dtype`);
      return { dtype, root: output.hash("root"), blob: output.hash("blob") };
    }),
  };
}
