import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { build } from "esbuild";

import { prepareProgram } from "../runner/backends/backend.ts";
import { wasm } from "../runner/backends/wasm/wasm.ts";
import { commitModel } from "../runner/commitment/model.ts";
import { commitEnds } from "../runner/commitment/trace.ts";
import { createRandom } from "../runner/machine/prng.ts";
import { tensorFrom } from "../runner/machine/tensor.ts";
import { importModel } from "../runner/onnx/index.ts";
import { f32, onnxFile } from "../testing/onnx-model.ts";

/*
 * The runner in a browser: `npm run test:browser` bundles test/browser/page.ts, opens it in headless Chromium and compares
 * what it finds about a model with what this process finds. `CHROMIUM` names the program; without one the test is skipped.
 */

const MODEL = "models/digits/digits.onnx";
const PATIENCE_MILLISECONDS = 60_000;

function chromium(): string | undefined {
  if (process.env.CHROMIUM !== undefined) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome"];
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path));
}

/** The square of a matrix. */
const PRODUCT = {
  inputs: { x: f32([256, 256]) },
  nodes: [{ op: "MatMul", in: ["x", "x"], out: ["y"] }],
  outputs: ["y"],
};

const random = createRandom(5);
const pixels = Array.from({ length: 64 }, () => random.below(17) / 16);

/** What the page finds too. */
async function expected(): Promise<object> {
  const model = importModel(MODEL, { shapes: { N: 1 } });
  const inputs = [tensorFrom("f32", pixels)];
  const outputs = await prepareProgram(model.program, wasm).infer(inputs, model.constants);
  const { commitment } = await commitModel(model.program, model.constants);
  const tensors = model.program.kernels.length;
  return {
    ...(await commitEnds(inputs, outputs)),
    commitment,
    tensors,
    refusal: "ONNX_MALFORMED",
    threads: { isolated: true, same: true },
  };
}

async function bundled(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: ["test/browser/page.ts"],
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    logLevel: "warning",
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

/** Serves the page and gives what it tells. */
async function found(program: string, script: Uint8Array): Promise<unknown> {
  const page =
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>';
  const files: Readonly<Record<string, readonly [type: string, data: Uint8Array | string]>> = {
    "/": ["text/html", page],
    "/page.js": ["text/javascript", script],
    "/model.onnx": ["application/octet-stream", readFileSync(MODEL)],
    "/product.onnx": ["application/octet-stream", onnxFile(PRODUCT)],
    "/input.json": ["application/json", JSON.stringify(pixels)],
  };
  const profile = mkdtempSync(join(tmpdir(), "assay-browser-"));
  let browser: ChildProcess | undefined;
  const server = createServer();
  try {
    return await new Promise((resolve, reject) => {
      server.on("request", (request, response) => {
        if (request.method === "POST") {
          const parts: Buffer[] = [];
          request.on("data", (part: Buffer) => parts.push(part));
          request.on("end", () => {
            response.end();
            resolve(JSON.parse(Buffer.concat(parts).toString("utf8")));
          });
          return;
        }
        const [type, data] = files[request.url ?? ""] ?? ["text/plain", ""];
        response.setHeader("content-type", type);
        // A page that shares memory between threads must be isolated from other sites.
        response.setHeader("cross-origin-opener-policy", "same-origin");
        response.setHeader("cross-origin-embedder-policy", "require-corp");
        response.end(data);
      });
      server.listen(0, "127.0.0.1", () => {
        const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
        const options = ["--headless=new", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`, url];
        browser = spawn(program, ["--enable-logging=stderr", "--log-level=0", ...options], {
          stdio: ["ignore", "ignore", "pipe"],
        });
        browser.on("error", reject);
        // What the page prints, errors among it, stands in the browser's log.
        let log = "";
        browser.stderr?.on("data", (part: Buffer) => (log += part.toString("utf8")));
        const lines = (): string =>
          log
            .split("\n")
            .filter((line) => line.includes("CONSOLE"))
            .join("\n");
        setTimeout(() => {
          reject(new Error(`the page told nothing within ${String(PATIENCE_MILLISECONDS / 1000)} s\n${lines()}`));
        }, PATIENCE_MILLISECONDS).unref();
      });
    });
  } finally {
    if (browser !== undefined && browser.exitCode === null) {
      const ended = new Promise((resolve) => browser?.once("exit", resolve));
      browser.kill();
      await ended;
    }
    server.close();
    server.closeAllConnections();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const program = chromium();
const script = await bundled();
console.log(`bundled for browsers: ${(script.length / 1e6).toFixed(2)} MB`);
if (program === undefined) {
  console.log("skipped: no Chromium here; install one, or name it with CHROMIUM");
} else {
  const [wanted, actual] = [await expected(), await found(program, script)];
  const same = JSON.stringify(wanted) === JSON.stringify(actual);
  console.log(same ? "the browser finds what Node finds:" : "the browser finds something else:", actual);
  if (!same) console.log("Node finds:", wanted);
  process.exitCode = same ? 0 : 1;
}
