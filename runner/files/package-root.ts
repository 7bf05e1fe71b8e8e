import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Fields } from "./fields.ts";
import { readJson } from "./read.ts";

/** The folder of this package: the nearest one above this file that has a package.json, in a clone or installed. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** The version in package.json. */
export function packageVersion(): string {
  const path = join(packageRoot(), "package.json");
  return new Fields(path, readJson(path), "the package").text("version");
}
