import { mkdir, writeFile } from "node:fs/promises";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";

import { type Hash, keccak256, toHash } from "../runner/commitment/keccak.ts";
import { leafHash, MerkleTree } from "../runner/commitment/merkle.ts";
import { manifestCommitment, type ModelManifest, rootsTree } from "../runner/commitment/model.ts";
import { commitTensor, leafCount, openSegment } from "../runner/commitment/tensor.ts";
import { DTYPE_BYTES, DTYPE_CODE, type DType } from "../runner/machine/dtype.ts";
import { encodeKernel } from "../runner/machine/encoding.ts";
import { executeElement } from "../runner/machine/interpreter.ts";
import { createRandom } from "../runner/machine/prng.ts";
import { product } from "../runner/machine/shape.ts";
import { randomKernel } from "../testing/random-kernels.ts";
import { tensorBytes, tensorFromBytes, tensorType } from "../runner/machine/tensor.ts";

/*
 * Writes vectors/*.json: what TypeScript computes, for the tests of TypeScript and of Solidity. Run it only when the
 * machine's definition changes on purpose: `npx tsx tools/vectors.ts`.
 */

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const item = (i: number): Hash => toHash(keccak256(Uint8Array.of(i)));

/** A tensor's bytes are `byte[i] = (i * 31 + (i >> 8) * 7 + seed) mod 256`. */
export const patternBytes = (length: number, seed: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff);

/** Roots and range proofs. */
export function commitmentVectors() {
  const tensorRows: readonly (readonly [DType, number])[] = [
    ["u8", 1],
    ["f32", 1],
    ["f32", 256],
    ["f32", 257],
    ["i64", 128],
    ["i64", 1000],
    ["i16", 513],
    ["i8", 1023],
    ["i8", 1024],
    ["i8", 1025],
    ["bool", 3072],
    ["u64", 640],
    ["u32", 1537],
    ["u16", 4096],
    ["i32", 2817],
  ];
  const tensors = tensorRows.map(([dtype, length], seed) => {
    const width = DTYPE_BYTES[dtype];
    const tensor = tensorFromBytes(dtype, patternBytes(length * width, seed));
    const commitment = commitTensor(tensor);
    const leaves = leafCount(tensorType(tensor));
    const ranges = [
      [0, leaves],
      [0, 1],
      [leaves - 1, 1],
      [Math.floor(leaves / 3), Math.ceil(leaves / 2)],
    ] as const;
    const segments = ranges.map(([first, count]) => {
      const { firstLeaf, siblings } = openSegment(tensor, commitment, first, count);
      return { firstLeaf, count, siblings };
    });
    return {
      dtype: DTYPE_CODE[dtype],
      length,
      seed,
      merkleRoot: commitment.tree.root,
      root: commitment.root,
      segments,
    };
  });

  const lists = [0, 1, 2, 3, 5, 8, 13, 100].map((count) => {
    const tree = rootsTree(Array.from({ length: count }, (_, i) => item(i)));
    const indices = [...new Set([0, count >> 1, count - 1])].filter((i) => i >= 0 && i < count);
    return { count, root: tree.root, proofs: indices.map((index) => ({ index, siblings: tree.prove(index) })) };
  });

  const tree = MerkleTree.ofItems(Array.from({ length: 1000 }, (_, i) => Uint8Array.of(i & 0xff, i >> 8)));
  const levels = [
    [0, 17, 3],
    [4, 32, 16],
    [4, 48, 15],
    [8, 3, 1],
  ] as const;
  const inner = levels.map(([level, first, count]) => ({
    level,
    first,
    nodes: tree.nodes(first, count, level),
    siblings: tree.proveRange(first, count, level),
  }));

  const manifest: ModelManifest = {
    numericsVersion: 1,
    programRoot: item(1),
    kernelCount: 7,
    weightsRoot: item(2),
    constantCount: 3,
    inputs: [
      { dtype: 0, length: 64 },
      { dtype: 4, length: 10 },
    ],
    outputs: [{ dtype: 0, length: 10 }],
    outputKernels: [6],
  };
  return {
    about: "Tensor bytes: (i * 31 + (i >> 8) * 7 + seed) mod 256. List items: keccak256(byte i).",
    leafOfNothing: toHash(leafHash(new Uint8Array())),
    tensors,
    lists,
    levels: { leaves: 1000, about: "Leaf i: leafHash(low byte, high byte of i).", root: tree.root, ranges: inner },
    manifest: { ...manifest, commitment: manifestCommitment(manifest) },
  };
}

/** Kernels with encodings, operands and the bits of every output element. */
export function kernelVectors() {
  const random = createRandom(20_260_101);
  return {
    about: "Operand data are little-endian bytes; outputs are the bits of each element, zero-extended.",
    kernels: Array.from({ length: 60 }, () => {
      const { kernel, operands } = randomKernel(random, { elements: 6, steps: 8, operandLength: 40 });
      const elements = product(kernel.shape);
      return {
        kernel: hex(encodeKernel(kernel)),
        operands: operands.map((tensor) => hex(tensorBytes(tensor))),
        outputs: Array.from({ length: elements }, (_, o) => `0x${executeElement(kernel, operands, o).toString(16)}`),
      };
    }),
  };
}

/** File name to content, for vectors/. */
export const vectorFiles = (): Readonly<Record<string, string>> => ({
  "commitments.json": `${JSON.stringify(commitmentVectors(), null, 1)}\n`,
  "kernels.json": `${JSON.stringify(kernelVectors(), null, 1)}\n`,
});

if (argv[1] === fileURLToPath(import.meta.url)) {
  const folder = new URL("../vectors/", import.meta.url);
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(vectorFiles())) await writeFile(new URL(name, folder), content);
}
