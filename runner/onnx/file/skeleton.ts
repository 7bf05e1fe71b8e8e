import { decodeModel, type RawModel, type RawTensor } from "./decode.ts";
import type { OpenFile } from "../../storage/open-file.ts";
import { STORED_BYTES, StoredInFile } from "../../storage/stored.ts";

/*
 * A model file is decoded without the data of its large initializers: the fields around them are copied to a small
 * message, which the decoder takes, and the data stay in the file. What looks unusual is left to the decoder as it is.
 */

/** Field numbers of onnx.proto, all length-delimited. */
const MODEL_GRAPH = 7;
const GRAPH_INITIALIZER = 5;
const TENSOR_RAW_DATA = 9;

const WINDOW_BYTES = 65536;
/** Fields that are looked at: each takes memory here, and may take two bytes of a file. */
const MOST_FIELDS = 2 ** 20;

/** A piece of the small message: bytes of the file, or new ones. */
type Piece = { readonly from: number; readonly to: number } | Uint8Array;

interface Field {
  readonly number: number;
  readonly delimited: boolean;
  /** Where the key begins, the value begins, and both end. */
  readonly start: number;
  readonly value: number;
  readonly end: number;
}

/** Thrown inside of this file only. */
class Unusual extends Error {}

/** Decodes a model file. @throws AssayError FILE_UNREADABLE and those of `decodeModel`. */
export function decodeFile(file: OpenFile): RawModel {
  if (file.size >= STORED_BYTES) {
    try {
      return withoutData(file);
    } catch (error) {
      if (!(error instanceof Unusual)) throw error;
    }
  }
  return decodeModel(file.all());
}

function withoutData(file: OpenFile): RawModel {
  const scan = new Scan(file);
  const places: (StoredInFile | undefined)[] = [];
  let graphs = 0;
  const tensor = (start: number, end: number): Piece[] => {
    const fields = [...scan.fields(start, end)];
    const data = fields.filter(({ number }) => number === TENSOR_RAW_DATA);
    const [only] = data;
    const stored = data.length === 1 && only?.delimited === true && only.end - only.value >= STORED_BYTES;
    places.push(stored ? new StoredInFile(file, only.value, only.end - only.value) : undefined);
    if (!stored) return [{ from: start, to: end }];
    return [
      { from: start, to: only.start },
      { from: only.end, to: end },
    ];
  };
  const graph = (start: number, end: number): Piece[] =>
    [...scan.fields(start, end)].flatMap((field) =>
      field.number === GRAPH_INITIALIZER && field.delimited
        ? wrapped(GRAPH_INITIALIZER, tensor(field.value, field.end))
        : [{ from: field.start, to: field.end }],
    );
  const pieces = [...scan.fields(0, file.size)].flatMap((field) => {
    if (field.number !== MODEL_GRAPH) return [{ from: field.start, to: field.end }];
    if (!field.delimited || ++graphs > 1) throw new Unusual();
    return wrapped(MODEL_GRAPH, graph(field.value, field.end));
  });
  const raw = decodeModel(assemble(file, pieces));
  const initializer = raw.graph?.initializer ?? [];
  if (raw.graph === undefined || initializer.length !== places.length) throw new Unusual();
  const placed = initializer.map((each, i): RawTensor =>
    places[i] === undefined ? each : { ...each, place: places[i] },
  );
  return { ...raw, graph: { ...raw.graph, initializer: placed } };
}

/** Reads a file through a window. */
class Scan {
  readonly #file: OpenFile;
  #window = new Uint8Array(0);
  #start = 0;
  #fields = 0;

  constructor(file: OpenFile) {
    this.#file = file;
  }

  *fields(start: number, end: number): Generator<Field> {
    let at = start;
    while (at < end) {
      const key = this.#varint(at, end);
      const number = Math.floor(key.value / 8);
      const type = key.value % 8;
      let value = key.end;
      let stop: number;
      if (type === 0) stop = this.#varint(value, end).end;
      else if (type === 1) stop = value + 8;
      else if (type === 5) stop = value + 4;
      else if (type === 2) {
        const length = this.#varint(value, end);
        value = length.end;
        stop = value + length.value;
      } else throw new Unusual();
      if (number === 0 || stop > end || ++this.#fields > MOST_FIELDS) throw new Unusual();
      yield { number, delimited: type === 2, start: at, value, end: stop };
      at = stop;
    }
  }

  #varint(at: number, end: number): { readonly value: number; readonly end: number } {
    let [value, scale, next] = [0, 1, at];
    for (;;) {
      if (next >= end || next - at >= 10) throw new Unusual();
      const byte = this.#byte(next++);
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 128) return { value, end: next };
    }
  }

  #byte(at: number): number {
    const known = this.#window[at - this.#start];
    if (known !== undefined) return known;
    this.#window = new Uint8Array(Math.min(WINDOW_BYTES, this.#file.size - at));
    this.#start = at;
    this.#file.read(at, this.#window);
    return this.#window[0] ?? 0;
  }
}

const sizeOf = (piece: Piece): number => (piece instanceof Uint8Array ? piece.length : piece.to - piece.from);

const sizeOfAll = (pieces: readonly Piece[]): number => pieces.reduce((sum, piece) => sum + sizeOf(piece), 0);

/** A length-delimited field. */
const wrapped = (number: number, pieces: readonly Piece[]): Piece[] => [
  Uint8Array.from([...varint(8 * number + 2), ...varint(sizeOfAll(pieces))]),
  ...pieces,
];

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

function assemble(file: OpenFile, pieces: readonly Piece[]): Uint8Array {
  const bytes = new Uint8Array(sizeOfAll(pieces));
  let at = 0;
  let run: { from: number; to: number } | undefined;
  const flush = (): void => {
    if (run === undefined) return;
    file.read(run.from, bytes.subarray(at, at + run.to - run.from));
    at += run.to - run.from;
    run = undefined;
  };
  for (const piece of pieces) {
    if (!(piece instanceof Uint8Array) && run?.to === piece.from) {
      run.to = piece.to;
      continue;
    }
    flush();
    if (piece instanceof Uint8Array) {
      bytes.set(piece, at);
      at += piece.length;
    } else run = { ...piece };
  }
  flush();
  return bytes;
}
