import { externalReader } from "../file/external.ts";
import { OpenFile } from "../../storage/open-file.ts";
import { decodeFile } from "../file/skeleton.ts";
import { decodeModel } from "../file/decode.ts";
import { importDecoded, type ImportOptions, type Model } from "./import.ts";

export interface FileImportOptions extends ImportOptions {
  /** Of a model given by its bytes: the path of the file that they are from, whose folder has its external data. */
  readonly path?: string;
}

/**
 * Imports an ONNX model from a file (by path, so that external data can be found beside it) or from its bytes, as
 * `importModel` of import.ts does. The data of large tensors stay in the file, which stays open: it may be renamed or
 * deleted, but who writes into it makes the model unusable.
 * @throws AssayError FILE_UNREADABLE, now and when weights are read, and those of `importModel` of import.ts.
 */
export const importModel = (source: string | Uint8Array, { path, ...options }: FileImportOptions = {}): Model =>
  typeof source === "string"
    ? importFile(OpenFile.open(source), options)
    : importDecoded(
        { raw: decodeModel(source), external: path === undefined ? undefined : externalReader(path) },
        options,
      );

/** The same for a file that is open. */
export const importFile = (file: OpenFile, options: ImportOptions = {}): Model =>
  importDecoded({ raw: decodeFile(file), external: externalReader(file.path) }, options);
