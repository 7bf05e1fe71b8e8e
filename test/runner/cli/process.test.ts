import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";

import { expect } from "chai";

import { encodeNpy } from "../../../runner/files/npy.ts";
import { tensorFrom } from "../../../runner/machine/tensor.ts";
import { useFolder } from "../files/support.ts";
import { type Outcome, reluModel } from "./support.ts";

const MAIN = new URL("../../../runner/cli/main.ts", import.meta.url).pathname;
const LOADER = import.meta.resolve("tsx");

/** Runs the command line as a process of its own. */
function start(args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", LOADER, MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode: exitCode ?? -1, stdout, stderr }));
  });
}

describe("assay as a process", () => {
  const folder = useFolder();

  it("prints JSON on stdout and nothing else where nobody looks", async () => {
    const model = folder.put("m.onnx", reluModel());
    const x = folder.put("x.npy", encodeNpy(tensorFrom("f32", [1, 0, 0]), [1, 3]));
    const args = ["infer", model, "--shape", "N=1", "--input", `x=${x}`, "--json", "--output-dir", folder.path("out")];
    const { exitCode, stdout, stderr } = await start(args);
    expect([exitCode, stderr]).to.deep.equal([0, ""]);
    expect(JSON.parse(stdout)).to.have.property("outputRoot");
    expect(readdirSync(folder.path("out"))).to.deep.equal(["y.npy"]);
  });

  it("ends with exit code 2 and the error's code and remedy on stderr", async () => {
    const { exitCode, stdout, stderr } = await start(["inspect", folder.path("none.onnx")]);
    expect([exitCode, stdout]).to.deep.equal([2, ""]);
    expect(stderr).to.match(/^error FILE_UNREADABLE: .*none\.onnx cannot be opened: ENOENT.*; check the path\n$/);
  });
});
