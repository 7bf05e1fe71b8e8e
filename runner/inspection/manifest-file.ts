import { type Hash, hashBytes, keccak256, toHash } from "../commitment/keccak.ts";
import { leafHash, MerkleTree } from "../commitment/merkle.ts";
import { manifestCommitment, type ModelCommitment, type ModelManifest, rootsTree } from "../commitment/model.ts";
import { AssayError } from "../errors.ts";
import { Fields } from "../files/fields.ts";
import { readJson } from "../files/read.ts";
import { malformed } from "../files/refusal.ts";
import type { Port } from "../onnx/import/import.ts";

export const MANIFEST_FORMAT = "assay.manifest.v1";

/** What a publisher publishes with an ONNX file: its commitment, and a root for each part, to name differences. */
export interface ManifestFile {
  readonly format: typeof MANIFEST_FORMAT;
  readonly commitment: Hash;
  readonly manifest: ModelManifest;
  /** keccak256 and size of the ONNX file. */
  readonly file: { readonly hash: Hash; readonly bytes: number };
  /** Sizes that symbolic dimensions were bound to. */
  readonly shapes: Readonly<Record<string, number>>;
  readonly inputs: readonly NamedShape[];
  readonly outputs: readonly NamedShape[];
  /** `leafHash` of each encoded kernel: the leaves of programRoot. */
  readonly kernels: readonly Hash[];
  /** Tensor root of each constant: the items of weightsRoot. */
  readonly constants: readonly Hash[];
}

export interface NamedShape {
  readonly name: string;
  readonly element: string;
  readonly shape: readonly number[];
}

/** A difference between a compiled model and the published one. */
export interface ModelDifference {
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
}

/** The manifest file of a compiled model. `bytes` are those of its ONNX file. */
export function manifestFile(
  { commitment, manifest, kernels, constants }: ModelCommitment,
  ports: { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] },
  bytes: Uint8Array,
  shapes: Readonly<Record<string, number>>,
): ManifestFile {
  const named = ({ name, element, shape }: Port): NamedShape => ({ name, element, shape });
  return {
    format: MANIFEST_FORMAT,
    commitment,
    manifest,
    file: { hash: toHash(keccak256(bytes)), bytes: bytes.length },
    shapes,
    inputs: ports.inputs.map(named),
    outputs: ports.outputs.map(named),
    kernels: kernels.map((kernel) => toHash(leafHash(kernel))),
    constants: constants.map(({ root }) => root),
  };
}

/**
 * Differences between a published manifest and the same model compiled here, the most general first; none when they
 * agree. The hash of the file is not compared: different files may be the same model.
 */
export function compareManifests(published: ManifestFile, compiled: ManifestFile): readonly ModelDifference[] {
  const differences: ModelDifference[] = [];
  const differ = (what: string, expected: unknown, actual: unknown): void => {
    const [left, right] = [expected, actual].map((value) =>
      typeof value === "string" ? value : JSON.stringify(value),
    );
    if (left !== right) differences.push({ what, expected: left ?? "nothing", actual: right ?? "nothing" });
  };
  const [old, now] = [published.manifest, compiled.manifest];
  differ("numerics version", old.numericsVersion, now.numericsVersion);
  differ("number of kernels", old.kernelCount, now.kernelCount);
  differ("number of constants", old.constantCount, now.constantCount);
  differ("program root", old.programRoot, now.programRoot);
  firstOf("kernel", published.kernels, compiled.kernels, differ);
  differ("weights root", old.weightsRoot, now.weightsRoot);
  firstOf("constant", published.constants, compiled.constants, differ);
  differ("input types", old.inputs, now.inputs);
  differ("output types", old.outputs, now.outputs);
  differ("output kernels", old.outputKernels, now.outputKernels);
  differ("names and shapes of the inputs", published.inputs, compiled.inputs);
  differ("names and shapes of the outputs", published.outputs, compiled.outputs);
  differ("model commitment", published.commitment, compiled.commitment);
  return differences;
}

function firstOf(
  what: string,
  old: readonly Hash[],
  now: readonly Hash[],
  differ: (what: string, expected: unknown, actual: unknown) => void,
): void {
  const length = Math.max(old.length, now.length);
  for (let i = 0; i < length; i++) {
    if (old[i] !== now[i]) {
      differ(`first ${what} that differs: ${what} ${i}`, old[i] ?? "none", now[i] ?? "none");
      return;
    }
  }
}

/**
 * Reads an untrusted manifest file: checks its types, that its lists lead to its roots and its roots to its commitment.
 * @throws AssayError FILE_UNREADABLE, FILE_MALFORMED, COMMITMENT_MISMATCH.
 */
export function readManifestFile(path: string): ManifestFile {
  const reader = new Fields(path, readJson(path, 2 ** 28), "the manifest");
  if (reader.text("format") !== MANIFEST_FORMAT) throw malformed(path, `is not of format ${MANIFEST_FORMAT}`);
  const inner = reader.object("manifest");
  const types = (name: string): ModelManifest["inputs"] =>
    inner.list(name).map((type) => ({ dtype: type.number("dtype"), length: type.number("length") }));
  const named = (name: string): readonly NamedShape[] =>
    reader.list(name).map((port) => ({
      name: port.text("name"),
      element: port.text("element"),
      shape: port.numbers("shape"),
    }));
  const file = reader.object("file");
  const result: ManifestFile = {
    format: MANIFEST_FORMAT,
    commitment: reader.hash("commitment"),
    manifest: {
      numericsVersion: inner.number("numericsVersion"),
      programRoot: inner.hash("programRoot"),
      kernelCount: inner.number("kernelCount"),
      weightsRoot: inner.hash("weightsRoot"),
      constantCount: inner.number("constantCount"),
      inputs: types("inputs"),
      outputs: types("outputs"),
      outputKernels: inner.numbers("outputKernels"),
    },
    file: { hash: file.hash("hash"), bytes: file.number("bytes") },
    shapes: reader.object("shapes").sizes(),
    inputs: named("inputs"),
    outputs: named("outputs"),
    kernels: reader.hashes("kernels"),
    constants: reader.hashes("constants"),
  };
  expectConsistent(path, result);
  return result;
}

function expectConsistent(path: string, { commitment, manifest, kernels, constants }: ManifestFile): void {
  const expect = (name: string, expected: Hash, actual: Hash): void => {
    if (expected === actual) return;
    const details = { name, expected, actual };
    throw new AssayError(
      "COMMITMENT_MISMATCH",
      `${path} contradicts itself: its ${name} is ${expected}, but its parts give ${actual}; fetch it again`,
      details,
    );
  };
  const leaves = new Uint8Array(32 * kernels.length);
  kernels.forEach((leaf, i) => leaves.set(hashBytes(leaf), 32 * i));
  expect("programRoot", manifest.programRoot, MerkleTree.fromPacked(leaves).root);
  expect("weightsRoot", manifest.weightsRoot, rootsTree(constants).root);
  expect("commitment", commitment, manifestCommitment(manifest));
}
