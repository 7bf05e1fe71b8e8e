import { item } from "../items.ts";
import { DTYPE_BYTES, type DType } from "../machine/dtype.ts";
import { type Tensor, tensorBytes, tensorFromBytes } from "../machine/tensor.ts";
import { type ElementType, storageOf } from "../onnx/file/element-type.ts";
import { malformed, unsupported } from "./refusal.ts";
import type { ShapedTensor } from "./shaped-tensor.ts";

const MAGIC = "\x93NUMPY";

/** numpy refuses longer headers of untrusted files too. */
const MAX_HEADER_BYTES = 10_000;

/** Element types by numpy's type code without its byte order. */
const ELEMENT_BY_CODE: Readonly<Record<string, ElementType>> = {
  f4: "f32",
  i8: "i64",
  i4: "i32",
  i2: "i16",
  i1: "i8",
  u8: "u64",
  u4: "u32",
  u2: "u16",
  u1: "u8",
  b1: "bool",
  f2: "f16",
  f8: "f64",
};

const CODE_BY_ELEMENT: ReadonlyMap<string, string> = new Map(
  Object.entries(ELEMENT_BY_CODE).map(([code, element]) => [element, code]),
);

/**
 * The array of a .npy file, versions 1 to 3, either byte order, C or Fortran order. f16 and f64 come as the integers
 * that hold their bits.
 * @param path Named in errors.
 * @throws AssayError FILE_MALFORMED when header and data do not fit together, FILE_UNSUPPORTED for element types
 * that no tensor has (complex, strings, objects, structures) and for arrays without elements.
 */
export function decodeNpy(path: string, bytes: Uint8Array<ArrayBuffer>): ShapedTensor {
  const { header, end } = splitHeader(path, bytes);
  const { descr, fortran, shape } = parseHeader(path, header);
  const match = /^([<>|=])([a-zA-Z])(\d+)$/.exec(descr);
  const element = match === null ? undefined : ELEMENT_BY_CODE[`${match[2] ?? ""}${match[3] ?? ""}`];
  if (element === undefined) {
    throw unsupported(path, `holds elements of type '${descr}'; save it as one of float32, the integers, or bool`);
  }
  const storage = storageOf(element);
  const count = shape.reduce((n, d) => n * d, 1n);
  if (count === 0n) throw unsupported(path, `has no elements (shape [${shape.join(", ")}]); a tensor has at least one`);
  const wanted = count * BigInt(DTYPE_BYTES[storage]);
  const data = bytes.subarray(end);
  if (wanted !== BigInt(data.length)) {
    const dims = `[${shape.join(", ")}]`;
    throw malformed(
      path,
      `declares shape ${dims} of ${element}, which is ${String(wanted)} bytes, but has ${String(data.length)}; was it cut short?`,
    );
  }
  // From here every size is bounded by the size of the file.
  let own = data.slice();
  if (match?.[1] === ">") own = swapBytes(own, DTYPE_BYTES[storage]);
  if (fortran) own = toRowMajor(own, DTYPE_BYTES[storage], shape.map(Number));
  return { element, shape: shape.map(Number), tensor: tensorFromBytes(storage, own) };
}

/** A .npy file (version 1.0, little-endian, C order) of a tensor under a shape of as many elements. */
export function encodeNpy(tensor: Tensor, shape: readonly number[], element: ElementType = tensor.dtype): Uint8Array {
  // Element types that numpy has no name for are written as the integers that hold their bits.
  const code = CODE_BY_ELEMENT.get(element) ?? CODE_BY_ELEMENT.get(tensor.dtype satisfies DType) ?? "u1";
  const order = DTYPE_BYTES[tensor.dtype] === 1 ? "|" : "<";
  const tuple = shape.length === 1 ? `(${String(shape[0])},)` : `(${shape.join(", ")})`;
  const dict = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const padded = Math.ceil((10 + dict.length + 1) / 64) * 64;
  const data = tensorBytes(tensor);
  const file = new Uint8Array(padded + data.length);
  const prefix = `${MAGIC}\x01\x00${String.fromCharCode((padded - 10) & 0xff, (padded - 10) >> 8)}`;
  const text = `${prefix}${dict.padEnd(padded - 11)}\n`;
  for (let i = 0; i < text.length; i++) file[i] = text.charCodeAt(i);
  file.set(data, padded);
  return file;
}

function splitHeader(path: string, bytes: Uint8Array): { readonly header: string; readonly end: number } {
  const start = String.fromCharCode(...bytes.subarray(0, 6));
  if (start !== MAGIC) throw malformed(path, "is not a .npy file: it does not begin with \\x93NUMPY");
  const major = bytes[6] ?? 0;
  if (major < 1 || major > 3) throw malformed(path, `is of .npy version ${String(major)}; versions 1 to 3 are read`);
  const lengthBytes = major === 1 ? 2 : 4;
  const begin = 8 + lengthBytes;
  if (bytes.length < begin) throw malformed(path, "ends within its header");
  const length = bytes.subarray(8, begin).reduceRight((n, byte) => n * 256 + byte, 0);
  if (length > MAX_HEADER_BYTES) {
    throw malformed(path, `has a header of ${String(length)} bytes, at most ${String(MAX_HEADER_BYTES)} are read`);
  }
  const end = begin + length;
  if (end > bytes.length) throw malformed(path, "ends within its header");
  return { header: new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(bytes.subarray(begin, end)), end };
}

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly bigint[];
}

/** Parses the header, which is a Python dictionary, without evaluating it. */
function parseHeader(path: string, header: string): Header {
  const body = /^\s*\{(.*)\}\s*$/s.exec(header)?.[1];
  if (body === undefined) throw malformed(path, "has a header that is not a dictionary");
  const fields = new Map<string, string>();
  const field = /\s*(['"])(\w+)\1\s*:\s*('[^']*'|"[^"]*"|True|False|\([^()]*\)|\[.*\])\s*(?:,|$)/sy;
  while (body.slice(field.lastIndex).trim() !== "") {
    const found = field.exec(body);
    if (found === null) throw malformed(path, "has a header that cannot be read");
    if (fields.has(found[2] ?? "")) throw malformed(path, `has a header with '${found[2] ?? ""}' twice`);
    fields.set(found[2] ?? "", found[3] ?? "");
  }
  const text = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw malformed(path, `has a header without '${name}'`);
    return value;
  };
  const descr = text("descr");
  if (descr.startsWith("[")) throw unsupported(path, "holds structures; save one plain array a file");
  const order = text("fortran_order");
  if (order !== "True" && order !== "False") throw malformed(path, "has a fortran_order that is not True or False");
  const tuple = /^\(\s*((?:\d+\s*,\s*)*)(\d+)?\s*\)$/.exec(text("shape"));
  if (tuple === null) throw malformed(path, `has a shape that is not a tuple of sizes`);
  const sizes = `${tuple[1] ?? ""}${tuple[2] ?? ""}`.split(",").map((size) => size.trim());
  const shape = sizes.filter((size) => size !== "").map(BigInt);
  // As numpy; also bounds the loops over dimensions below.
  if (shape.length > 64) throw malformed(path, `has ${String(shape.length)} dimensions, at most 64 are read`);
  return { descr: descr.slice(1, -1), fortran: order === "True", shape };
}

function swapBytes(bytes: Uint8Array<ArrayBuffer>, width: number): Uint8Array<ArrayBuffer> {
  for (let from = 0; from < bytes.length; from += width) bytes.subarray(from, from + width).reverse();
  return bytes;
}

/** Elements stored first index fastest, put in order last index fastest. */
function toRowMajor(bytes: Uint8Array<ArrayBuffer>, width: number, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const ordered = new Uint8Array(bytes.length);
  const indices = shape.map(() => 0);
  for (let to = 0; to < bytes.length; to += width) {
    let from = 0;
    for (let d = shape.length - 1; d >= 0; d--) from = from * item(shape, d) + item(indices, d);
    ordered.set(bytes.subarray(from * width, (from + 1) * width), to);
    for (let d = shape.length - 1; d >= 0; d--) {
      indices[d] = item(indices, d) + 1;
      if (item(indices, d) < item(shape, d)) break;
      indices[d] = 0;
    }
  }
  return ordered;
}
