import { realpathSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { OpenFile } from "../../storage/open-file.ts";
import { importError } from "./refusal.ts";
import { STORED_BYTES, StoredInFile } from "../../storage/stored.ts";
import type { ExternalReader } from "./tensors.ts";

/**
 * Reads external tensor data from the folder of a model file and from nowhere else: absolute paths, `..` and symbolic
 * links that lead outside are refused, and a length is checked against the file before anything is allocated. Large data
 * stay in their file.
 */
export const externalReader = (modelPath: string): ExternalReader => {
  const folder = realpathSync(dirname(resolve(modelPath)));
  const files = new Map<string, OpenFile>();
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
    const file = files.get(path) ?? opened(path, fail);
    files.set(path, file);
    if (offset + length > file.size) {
      throw fail(`"${location}" has ${String(file.size)} bytes, the tensor ends at ${String(offset + length)}`);
    }
    const stored = new StoredInFile(file, offset, length);
    if (length >= STORED_BYTES) return stored;
    const bytes = new Uint8Array(length);
    stored.copyTo(bytes);
    return bytes;
  };
};

function opened(path: string, fail: (reason: string) => Error): OpenFile {
  try {
    return OpenFile.open(path);
  } catch (error) {
    throw fail(error instanceof Error ? error.message : String(error));
  }
}

const decimal = (text: string): number | undefined => {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
  return value;
};
