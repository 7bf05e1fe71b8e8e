import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { expect } from "chai";

import { fileNames } from "../../../runner/cli/commands/infer.ts";
import { decodeNpy } from "../../../runner/files/npy.ts";
import { type ManifestFile, readManifestFile } from "../../../runner/inspection/manifest-file.ts";
import { loadTrace, readTraceFile } from "../../../runner/inspection/trace-file.ts";
import { keccak256, toHash } from "../../../runner/commitment/keccak.ts";
import { rootsTree } from "../../../runner/commitment/model.ts";
import { tensorRoot } from "../../../runner/commitment/tensor.ts";
import { tensorBytes } from "../../../runner/machine/tensor.ts";
import { expectError, useFolder } from "../files/support.ts";
import { assay, assayUntil, jsonOf, reluModel } from "./support.ts";

const HASH = /^0x[0-9a-f]{64}$/;

describe("assay", () => {
  const folder = useFolder();
  let model = "";
  let withInput: readonly string[] = [];

  beforeEach(() => {
    model = folder.put("m.onnx", reluModel());
    const x = folder.put("x.json", "[[1, -1, 0.5]]");
    withInput = [model, "--shape", "N=1", "--input", `x=${x}`];
  });

  describe("inspect", () => {
    it("shows kernels, ports, commitments and bounds", async () => {
      const { exitCode, stdout, stderr } = await assay("inspect", model, "--shape", "N=1");
      expect([exitCode, stderr]).to.deep.equal([0, ""]);
      expect(stdout).to.match(/input +x {2}f32 \[1, 3\]/);
      expect(stdout).to.match(/multiply-accumulates +6\n/);
      expect(stdout).to.match(/model commitment +0x[0-9a-f]{64}\n/);
      expect(stdout).to.match(/f32 dot/);
      expect(stdout).to.match(/most expensive element to prove is one of kernel \d+: at most/);
    });

    it("gives the same as JSON", async () => {
      const data = jsonOf(await assay("inspect", model, "--shape", "N=1", "--json"));
      expect(data["commitment"]).to.match(HASH);
      expect(data["totals"]).to.include({ multiplyAccumulates: 6, weightBytes: 24 });
      expect(data["inputs"]).to.deep.equal([{ name: "x", element: "f32", dtype: "f32", shape: [1, 3] }]);
      expect(data["worst"]).to.have.property("gas").that.is.greaterThan(21_000);
    });
  });

  describe("infer", () => {
    it("prints values and the roots of a claim", async () => {
      const outcome = await assay("infer", ...withInput, "--json");
      expect(outcome.exitCode).to.equal(0);
      const data = jsonOf(outcome);
      expect(data["outputs"]).to.deep.equal([{ name: "y", element: "f32", shape: [1, 2], values: [[0.5, 1]] }]);
      for (const root of ["commitment", "inputRoot", "outputRoot"]) expect(data[root]).to.match(HASH);
      expect(data).to.not.have.property("traceRoot");
    });

    it("writes outputs as .npy whose root is the output root", async () => {
      const data = jsonOf(await assay("infer", ...withInput, "--json", "--trace", "--output-dir", folder.path("out")));
      const { shape, tensor } = decodeNpy("y.npy", Uint8Array.from(readFileSync(folder.path("out/y.npy"))));
      expect(shape).to.deep.equal([1, 2]);
      expect(rootsTree([tensorRoot(tensor)]).root).to.equal(data["outputRoot"]);
      expect(data["traceRoot"]).to.match(HASH);
      expect(readdirSync(folder.path("out"))).to.deep.equal(["y.npy"]);
    });

    it("binds sizes", async () => {
      const x = folder.put("two.json", "[[1, 0, 0], [0, 1, 0]]");
      const data = jsonOf(await assay("infer", model, "--shape", "N=2", "--input", `x=${x}`, "--json"));
      expect(data["outputs"])
        .to.have.nested.property("[0].values")
        .that.deep.equals([
          [1, 2],
          [3, 4],
        ]);
    });

    it("keeps the names of outputs inside the folder", () => {
      const names = (...row: readonly string[]) => fileNames(row.map((name) => ({ name })));
      expect(names("y")).to.deep.equal(["y.npy"]);
      expect(names("../../etc/passwd", "a/b", "a:b", ".", "")).to.deep.equal([
        "__.._etc_passwd.npy",
        "1-a_b.npy",
        "2-a_b.npy",
        "_.npy",
        "output.npy",
      ]);
    });
  });

  describe("commit and prove", () => {
    const store = (): string => folder.path("store");

    it("stores a trace whose roots and blobs are what they say", async () => {
      const data = jsonOf(await assay("commit", ...withInput, "--store", store(), "--json"));
      const file = readTraceFile(String(data["trace"]));
      expect(rootsTree(file.outputs.map(({ root }) => root)).root).to.equal(data["traceRoot"]);
      const { fetchOutput } = loadTrace(store(), () => true);
      for (const [kernel, { root }] of file.outputs.entries()) {
        const tensor = await fetchOutput(kernel);
        expect(tensor && tensorRoot(tensor)).to.equal(root);
      }
    });

    it("finds nothing in a right trace", async () => {
      await assay("commit", ...withInput, "--store", store());
      const { exitCode, stdout } = await assay("prove", ...withInput, "--trace", store());
      expect(exitCode).to.equal(1);
      expect(stdout).to.match(/nothing to prove/);
    });

    /** Puts another output of the first kernel into the operator's trace, consistently. */
    async function forge(change: (bytes: Uint8Array) => void, keep: { blob?: boolean; root?: boolean } = {}) {
      const path = String(jsonOf(await assay("commit", ...withInput, "--store", store(), "--json"))["trace"]);
      const file = readTraceFile(path);
      const tensor = await loadTrace(path, () => true).fetchOutput(0);
      if (tensor === undefined) throw new Error("no output");
      change(tensorBytes(tensor));
      const blob = toHash(keccak256(tensorBytes(tensor)));
      const root = tensorRoot(tensor);
      if (keep.blob !== true) {
        const at = folder.path(`store/${blob.slice(2, 4)}/${blob.slice(4)}`);
        mkdirSync(dirname(at), { recursive: true });
        writeFileSync(at, tensorBytes(tensor));
      }
      const outputs = file.outputs.map((output, i) => (i === 0 ? { ...output, root, blob } : output));
      const honest = rootsTree(outputs.map((output) => output.root)).root;
      const traceRoot = keep.root === true ? `0x${"12".repeat(32)}` : honest;
      rmSync(path);
      writeFileSync(
        folder.path(`store/trace-${traceRoot.slice(2)}.json`),
        JSON.stringify({ ...file, outputs, traceRoot }),
      );
    }

    it("proves one flipped bit and writes the proof", async () => {
      await forge((bytes) => (bytes[4] = (bytes[4] ?? 0) ^ 1));
      const outcome = await assay("prove", ...withInput, "--trace", store(), "--out", folder.path("p.json"), "--json");
      expect(outcome.exitCode).to.equal(0);
      const data = jsonOf(outcome);
      expect(data).to.include({ kind: "fault", kernel: 0, element: 1, transactions: 1 });
      expect(BigInt(String(data["expected"])) ^ BigInt(String(data["claimed"]))).to.equal(1n);
      const proof = JSON.parse(readFileSync(folder.path("p.json"), "utf8")) as Record<string, unknown>;
      expect(proof).to.include({ kernel: 0, element: 1 });
      expect(proof).to.have.nested.property("execution.kernel.encoded").that.matches(/^0x/);
    });

    it("says what to demand when the output is not there", async () => {
      await forge((bytes) => (bytes[0] = 9), { blob: true });
      const { exitCode, stdout } = await assay("prove", ...withInput, "--trace", store());
      expect(exitCode).to.equal(1);
      expect(stdout).to.match(/Kernel 0 is wrong, but its output is missing or damaged: demand it on chain/);
    });

    it("says what to demand when the roots are not those committed", async () => {
      await forge((bytes) => (bytes[0] = 9), { root: true });
      const { exitCode, stdout } = await assay("prove", ...withInput, "--trace", store());
      expect(exitCode).to.equal(1);
      expect(stdout).to.match(/demand the nodes of the trace tree/);
    });

    it("refuses a trace of another input", async () => {
      const path = String(jsonOf(await assay("commit", ...withInput, "--store", store(), "--json"))["trace"]);
      const other = folder.put("other.json", "[[0, 0, 0]]");
      const args = ["prove", model, "--shape", "N=1", "--input", `x=${other}`, "--trace"];
      const named = await assay(...args, path);
      expect(named.exitCode).to.equal(2);
      expect(named.stderr).to.match(/^error COMMITMENT_MISMATCH: .* is of another input/);
      const searched = await assay(...args, store());
      expect(searched.exitCode).to.equal(2);
      expect(searched.stderr).to.match(/^error FILE_UNREADABLE: .* no trace of this model and input among its 1/);
    });

    it("refuses a damaged trace file", async () => {
      const path = folder.put("t.json", '{"format":"assay.trace.v1","commitment":"0x12"}');
      const { exitCode, stderr } = await assay("prove", ...withInput, "--trace", path);
      expect(exitCode).to.equal(2);
      expect(stderr).to.match(/^error FILE_MALFORMED: .*commitment of the trace is not 0x and 64/);
    });
  });

  describe("manifest and verify-model", () => {
    const manifest = (): string => folder.path("manifest.json");
    beforeEach(async () => {
      await assay("manifest", model, "--shape", "N=1", "--out", manifest());
    });

    it("agrees with the file that it was made from, sizes taken from the manifest", async () => {
      const outcome = await assay("verify-model", model, "--manifest", manifest(), "--json");
      expect(outcome.exitCode).to.equal(0);
      expect(jsonOf(outcome)).to.deep.include({ same: true, sameFile: true, differences: [] });
    });

    it("agrees with other bytes that are the same model, and says so", async () => {
      const other = folder.put("other.onnx", reluModel(undefined, "somebody else"));
      const { exitCode, stdout } = await assay("verify-model", other, "--manifest", manifest());
      expect(exitCode).to.equal(0);
      expect(stdout).to.match(/^Same model\. The file is not the published one, byte for byte\./);
    });

    it("names the constant that differs", async () => {
      const other = folder.put("other.onnx", reluModel([1, 2, 3, 4, 5, 7]));
      const outcome = await assay("verify-model", other, "--manifest", manifest(), "--json");
      expect(outcome.exitCode).to.equal(1);
      const differences = jsonOf(outcome)["differences"] as readonly { readonly what: string }[];
      expect(differences.map(({ what }) => what)).to.deep.equal([
        "weights root",
        "first constant that differs: constant 0",
        "model commitment",
      ]);
    });

    it("names the kernel that differs", async () => {
      const outcome = await assay("verify-model", model, "--manifest", manifest(), "--shape", "N=2", "--json");
      expect(outcome.exitCode).to.equal(1);
      const differences = jsonOf(outcome)["differences"] as readonly { readonly what: string }[];
      expect(differences.map(({ what }) => what)).to.include("first kernel that differs: kernel 0");
    });

    it("verifies against a commitment alone", async () => {
      const { commitment } = readManifestFile(manifest());
      const good = await assay("verify-model", model, "--shape", "N=1", "--commitment", commitment);
      expect(good.exitCode).to.equal(0);
      const bad = await assay("verify-model", model, "--shape", "N=1", "--commitment", `0x${"ab".repeat(32)}`);
      expect(bad.exitCode).to.equal(1);
      expect(bad.stdout).to.match(/model commitment asked for\n +published +0xabab.*\n +compiled +0x/);
    });

    it("holds a manifest to the commitment that is asked for", async () => {
      const args = ["--manifest", manifest(), "--commitment", `0x${"ab".repeat(32)}`];
      const { exitCode, stdout } = await assay("verify-model", model, ...args);
      expect(exitCode).to.equal(1);
      expect(stdout).to.match(/Not the same model/);
    });

    it("needs something to verify against", async () => {
      const { exitCode, stderr } = await assay("verify-model", model);
      expect(exitCode).to.equal(2);
      expect(stderr).to.match(/^error USAGE: .*--manifest FILE, --commitment/);
    });

    describe("when the manifest was tampered with", () => {
      const wrong = `0x${"34".repeat(32)}`;
      const zero = toHash(new Uint8Array(32));
      const changes: readonly (readonly [string, (file: ManifestFile) => object])[] = [
        ["the program root", (file) => ({ ...file, manifest: { ...file.manifest, programRoot: wrong } })],
        ["the weights root", (file) => ({ ...file, manifest: { ...file.manifest, weightsRoot: wrong } })],
        ["a kernel", (file) => ({ ...file, kernels: [wrong] })],
        ["the constants", (file) => ({ ...file, constants: [] })],
        ["the commitment", (file) => ({ ...file, commitment: zero })],
        ["the output kernels", (file) => ({ ...file, manifest: { ...file.manifest, outputKernels: [0, 1] } })],
      ];
      for (const [what, change] of changes) {
        it(`refuses ${what}`, () => {
          const file = JSON.parse(readFileSync(manifest(), "utf8")) as ManifestFile;
          const path = folder.put("changed.json", JSON.stringify(change(file)));
          expectError("COMMITMENT_MISMATCH", /contradicts itself/, () => readManifestFile(path));
        });
      }

      it("refuses fields that are missing or of another type", () => {
        const file = JSON.parse(readFileSync(manifest(), "utf8")) as Record<string, unknown>;
        for (const name of Object.keys(file)) {
          for (const value of [undefined, 7.5, "x", null, [{}], [[]]]) {
            const path = folder.put("changed.json", JSON.stringify({ ...file, [name]: value }));
            expectError("FILE_MALFORMED", /changed\.json is (damaged|not of format)/, () => readManifestFile(path));
          }
        }
      });
    });
  });

  describe("when the input is wrong", () => {
    const cases: readonly (readonly [string, () => readonly string[], RegExp])[] = [
      [
        "no such model",
        () => ["inspect", folder.path("none.onnx")],
        /^error FILE_UNREADABLE: .*none\.onnx cannot be opened/,
      ],
      ["a folder", () => ["inspect", folder.path("")], /^error FILE_UNREADABLE: .*not a regular file/],
      ["not a model", () => ["inspect", folder.put("m", "hello")], /^error ONNX_MALFORMED: /],
      ["a truncated model", () => ["inspect", folder.put("m", reluModel().slice(0, -9))], /^error ONNX_MALFORMED: /],
      ["an open size", () => ["inspect", model], /^error ONNX_SHAPE_UNBOUND: .*\n.*--shape NAME=SIZE/],
      [
        "no input",
        () => ["infer", model, "--shape", "N=1"],
        /^error INPUT_NAMES: .*x \(f32 \[1, 3\]\); missing: x; give/,
      ],
      [
        "an unknown input",
        () => ["infer", ...withInput, "--input", "z=z.npy"],
        /^error INPUT_NAMES: .*not an input: z/,
      ],
      ["an input twice", () => ["infer", ...withInput, "--input", "x=y.npy"], /^error USAGE: --input gives "x" twice/],
      [
        "an input without a file",
        () => ["infer", model, "--shape", "N=1", "--input", "x"],
        /^error USAGE: --input takes/,
      ],
      [
        "an input of another shape",
        () => ["infer", model, "--shape", "N=1", "--input", `x=${folder.put("i.json", "[1, 2, 3]")}`],
        /^error TENSOR_MISMATCH: "x" takes shape \[1, 3\]/,
      ],
      [
        "a size of a dimension that the model lacks",
        () => ["inspect", model, "--shape", "bach=1"],
        /^error USAGE: --shape names dimension "bach", which the model does not have; it has "N"\n/,
      ],
      [
        "a shape of an input that the model lacks",
        () => ["inspect", model, "--shape", "N=1", "--shape", "w=[3,2]"],
        /^error USAGE: --shape names input "w", which the model does not have; it has "x"\n/,
      ],
      ["a size of 0", () => ["inspect", model, "--shape", "N=0"], /^error USAGE: --shape takes a whole number/],
      ["a size that is no number", () => ["inspect", model, "--shape", "N=one"], /^error USAGE: --shape/],
      ["samples that are no number", () => ["check", ...withInput, "--samples", "many"], /^error USAGE: --samples/],
      ["an unknown command", () => ["insect"], /unknown command 'insect'/],
      ["an unknown option", () => ["inspect", model, "--jason"], /unknown option '--jason'/],
      ["no model", () => ["inspect"], /missing required argument 'model'/],
    ];
    for (const [what, args, message] of cases) {
      it(`refuses ${what} with exit code 2 and prints no result`, async () => {
        const { exitCode, stdout, stderr } = await assay(...args());
        expect(stderr).to.match(message);
        expect([exitCode, stdout]).to.deep.equal([2, ""]);
      });
    }

    it("gives the error as JSON when asked", async () => {
      const outcome = await assay("infer", model, "--shape", "N=1", "--json");
      expect(outcome.exitCode).to.equal(2);
      expect(jsonOf(outcome)).to.have.nested.property("error.code", "INPUT_NAMES");
      expect(jsonOf(outcome)).to.have.deep.nested.property("error.details", { missing: ["x"], unknown: [] });
    });

    it("lets no control characters of a file reach the terminal", async () => {
      const { stderr } = await assay("infer", model, "--shape", "N=1", "--input", "\u001b[31mx=y.npy");
      expect(stderr).to.match(/\\u001b\[31mx/);
      expect(stderr).to.not.include("\u001b");
    });

    it("writes nothing", async () => {
      const x = folder.put("i.json", "[1, 2, 3]");
      const args = ["--shape", "N=1", "--input", `x=${x}`];
      await assay("infer", model, ...args, "--output-dir", folder.path("out"));
      await assay("commit", model, ...args, "--store", folder.path("store"));
      expect(readdirSync(folder.path("")).sort()).to.deep.equal(["i.json", "m.onnx", "x.json"]);
    });
  });

  describe("when it is interrupted", () => {
    it("ends with exit code 130 and writes nothing", async () => {
      const before = readdirSync(folder.path(""));
      for (const args of [
        ["infer", "--output-dir", folder.path("out")],
        ["commit", "--store", folder.path("store")],
        ["manifest", "--out", folder.path("m.json")],
      ]) {
        const [command = "", ...rest] = args;
        const input = command === "manifest" ? [model, "--shape", "N=1"] : withInput;
        const { exitCode, stdout, stderr } = await assayUntil(AbortSignal.abort(), command, ...input, ...rest);
        expect([exitCode, stdout, stderr]).to.deep.equal([130, "", "interrupted; no file was left incomplete\n"]);
      }
      expect(readdirSync(folder.path(""))).to.deep.equal(before);
    });
  });

  it("prints help and version with exit code 0", async () => {
    const help = await assay("--help");
    expect([help.exitCode, help.stderr]).to.deep.equal([0, ""]);
    for (const command of ["inspect", "infer", "check", "commit", "prove", "manifest", "verify-model"]) {
      expect(help.stdout).to.include(`${command} [options] <model>`);
    }
    const version = await assay("--version");
    expect([version.exitCode, version.stdout]).to.match(/^0,\d+\.\d+\.\d+/);
  });
});
