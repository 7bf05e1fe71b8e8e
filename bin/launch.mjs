// What the commands share: in a clone they run the sources; in the installed package, what was compiled from them.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs the module at `path` (folders and a name without ending) as the command `name`. */
export const launch = async (name, path) => {
  const source = join(root, `${path}.ts`);
  if (existsSync(source)) {
    const { install } = await import("../tools/install.mjs");
    const { node } = await import("../tools/process.mjs");
    const { exitWith } = await import("../tools/tests.mjs");
    await exitWith(() => {
      install();
      const tsx = pathToFileURL(join(root, "node_modules", "tsx", "dist", "loader.mjs")).href;
      return node(["--import", tsx, source, ...process.argv.slice(2)], { cwd: process.cwd() });
    });
  } else if (Number(process.versions.node.split(".")[0]) < 22) {
    console.error(`${name} needs Node 22.12 or newer; this is ${process.version}.`);
    process.exitCode = 1;
  } else {
    await import(pathToFileURL(join(root, "dist", `${path}.js`)).href);
  }
};
