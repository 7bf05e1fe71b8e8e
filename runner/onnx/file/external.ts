import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { importError } from "./refusal.ts";
import type { ExternalReader } from "./tensors.ts";

/**
 * Reads external tensor data from the folder of a model file and from nowhere else: absolute paths, `..` and symbolic
 * links that lead outside are refused, and a length is checked against the file before anything is allocated.
 */
export const externalReader = (modelPath: string): ExternalReader => {
  const folder = realpathSync(dirname(resolve(modelPath)));
  return (raw, byteLength) => {
    const tensor = raw.name ?? "";
    const entries = new Map(raw.external_data.map(({ key, value }) => [key ?? "", value ?? ""]));
    const fail = (reason: string): Error => importError("ONNX_EXTERNAL_DATA", reason, { tensor });
    const location = entries.get("location") ?? "";
    if (location === "" || isAbsolute(location) || location.includes("\0")) {
      throw fail(`location "${location}" is not a relative path`);
    }
    let path: string;
    try {
      path = realpathSync(resolve(folder, location));
    } catch (error) {
      throw fail(`the data file "${location}" cannot be opened: ${error instanceof Error ? error.message : ""}`);
    }
    const inside = relative(folder, path);
    if (inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
      throw fail(`location "${location}" leads outside the model's folder`);
    }
    const offset = decimal(entries.get("offset") ?? "0");
    const length = decimal(entries.get("length") ?? String(byteLength));
    if (offset === undefined || length !== byteLength) {
      throw fail(`offset or length do not fit: the tensor has ${String(byteLength)} bytes`);
    }
    const file = openSync(path, "r");
    try {
      const stat = fstatSync(file);
      if (!stat.isFile() || offset + length > stat.size) {
        throw fail(`"${location}" has ${String(stat.size)} bytes, the tensor ends at ${String(offset + length)}`);
      }
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const count = readSync(file, bytes, filled, length - filled, offset + filled);
        if (count === 0) throw fail(`"${location}" ended early`);
        filled += count;
      }
      return bytes;
    } finally {
      closeSync(file);
    }
  };
};

const decimal = (text: string): number | undefined => {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
  return value;
};
