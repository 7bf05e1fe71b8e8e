import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { concat, keccak256 } from "ethers";

import { decodeNpy } from "../../runner/files/npy.ts";
import { item } from "../../runner/items.ts";
import type { Prover } from "../../services/chain/evidence.ts";
import type { Groth16Verifier } from "../../typechain-types/proofs/Groth16Verifier.ts";
import { circuitSource, compileCircuit, INTEGER_DIGITS } from "./circuit.ts";
import { prove, type ProvingKey } from "./groth16.ts";

/** Where `tools/circuit.ts` writes the keys. */
export const PROVING_KEY = "models/integer-digits/circuit.zkey";
export const VERIFYING_KEY = "models/integer-digits/verifying-key.hex";

/** The circuit of the model in `models/integer-digits`, with its keys. */
export interface DigitsCircuit extends ProvingKey {
  /** Verifying key as contracts/proofs/Groth16.sol lays it out. */
  readonly key: string;
  /** keccak256 of the constraints. */
  readonly circuitHash: string;
}

let made: Promise<DigitsCircuit> | undefined;

/** Compiles the circuit, once a process, and reads its keys. */
export const digitsCircuit = (): Promise<DigitsCircuit> => (made ??= make());

async function make(): Promise<DigitsCircuit> {
  const folder = await mkdtemp(join(tmpdir(), "assay-circuit-"));
  try {
    const { r1cs, wasm } = await compileCircuit(await circuitSource(INTEGER_DIGITS), folder);
    const [zkey, key] = await Promise.all([readFile(PROVING_KEY), readFile(VERIFYING_KEY, "utf8")]);
    return { wasm, zkey: new Uint8Array(zkey), key: key.trim(), circuitHash: keccak256(r1cs) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Images of the held-out set of `models/digits` that the circuit's model learnt from: the first ones. */
const SEEN = 240;
const PIXELS = 64;

/** One of the 120 images that the model has not seen, as its input, and the digit that it shows. */
export async function unseenDigit(which: number): Promise<{ readonly image: Uint8Array; readonly digit: number }> {
  const read = async (name: string): Promise<readonly number[]> => {
    const path = `models/digits/held-out-${name}.npy`;
    return Array.from(decodeNpy(path, new Uint8Array(await readFile(path))).tensor.data, Number);
  };
  const [images, labels] = await Promise.all([read("images"), read("labels")]);
  const at = SEEN + which;
  return { image: Uint8Array.from(images.slice(at * PIXELS, (at + 1) * PIXELS)), digit: item(labels, at) };
}

const ELEMENT_BYTES = 31;

/** Bytes as the public inputs behind the first: 31 an element, each the big-endian number of its bytes. */
export const elementsOf = (data: Uint8Array): readonly bigint[] =>
  Array.from({ length: Math.ceil(data.length / ELEMENT_BYTES) }, (_, i) =>
    BigInt(`0x${Buffer.from(data.subarray(i * ELEMENT_BYTES, (i + 1) * ELEMENT_BYTES)).toString("hex")}`),
  );

/** Evidence of `Groth16Verifier`: proof, outputs, inputs, verifying key. */
export const evidenceOf = (proof: string, outputs: Uint8Array, inputs: Uint8Array, key: string): string =>
  concat([proof, outputs, inputs, key]);

/** Proves answers of the circuit's model to a verifier. */
export const digitsProver =
  (verifier: Pick<Groth16Verifier, "contextElementOf">, circuit: DigitsCircuit): Prover =>
  async (context, { inputs, outputs }) => {
    const element = await verifier.contextElementOf(context);
    const proof = await prove(circuit, element, elementsOf(Buffer.concat([outputs, inputs])));
    return evidenceOf(proof, outputs, inputs, circuit.key);
  };
