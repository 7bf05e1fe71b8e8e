import { expect } from "chai";
import { AbiCoder, concat, id, keccak256 } from "ethers";

import { toHash } from "../../../runner/commitment/keccak.ts";
import { leafHash } from "../../../runner/commitment/merkle.ts";
import { commitModel, manifestCommitment } from "../../../runner/commitment/model.ts";
import {
  commitTensor,
  commitTensors,
  leafCount,
  openSegment,
  segmentRoot,
  tensorRoot,
} from "../../../runner/commitment/tensor.ts";
import { commitEnds, commitTrace } from "../../../runner/commitment/trace.ts";
import { isAssayError } from "../../../runner/errors.ts";
import { DTYPES } from "../../../runner/machine/dtype.ts";
import { executeProgram } from "../../../runner/machine/interpreter.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { randomProgram } from "../../../testing/random-kernels.ts";
import { createTensor, tensorFromBytes, tensorType } from "../../../runner/machine/tensor.ts";

const random = createRandom(11);
const thrown = (code: "ABORTED" | "OUT_OF_RANGE" | "TENSOR_MISMATCH") => (error: unknown) => isAssayError(error, code);

describe("tensor root", () => {
  it("is keccak256(0x02, dtype, length as uint64, root of the leaves)", () => {
    const tensor = tensorFromBytes("i16", random.bytes(2 * 700));
    const bytes = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, 1400);
    const leaf = (from: number, to?: number): string => keccak256(concat(["0x00", bytes.subarray(from, to)]));
    const root = keccak256(concat(["0x01", leaf(0, 1024), leaf(1024)]));
    expect(tensorRoot(tensor)).to.equal(keccak256(concat(["0x02", "0x03", "0x00000000000002bc", root])));
  });

  it("binds dtype and length", () => {
    const bytes = random.bytes(16);
    const roots = DTYPES.map((dtype) => tensorRoot(tensorFromBytes(dtype, bytes)));
    expect(new Set(roots).size).to.equal(DTYPES.length);
    expect(tensorRoot(createTensor("u8", 3))).to.not.equal(tensorRoot(createTensor("u8", 4)));
  });

  it("keeps the payload of a NaN: the bytes are committed, not the values", () => {
    const quiet = tensorFromBytes("f32", Uint8Array.of(0, 0, 0xc0, 0x7f));
    const other = tensorFromBytes("f32", Uint8Array.of(1, 0, 0xc0, 0x7f));
    expect(tensorRoot(quiet)).to.not.equal(tensorRoot(other));
  });
});

describe("segments", () => {
  it("lead to the tensor root, for every run of leaves of 1 to 9 leaves", () => {
    for (let bytes = 512; bytes <= 9 * 1024; bytes += 512) {
      const tensor = tensorFromBytes("u8", random.bytes(bytes));
      const commitment = commitTensor(tensor);
      const leaves = leafCount(tensorType(tensor));
      for (let first = 0; first < leaves; first++) {
        for (let count = 1; first + count <= leaves; count++) {
          const segment = openSegment(tensor, commitment, first, count);
          expect(segmentRoot(commitment.type, segment)).to.equal(commitment.root);
        }
      }
    }
  });

  it("with any byte changed or moved lead elsewhere, and with bytes cut off or added are refused", () => {
    const tensor = tensorFromBytes("f32", random.bytes(5000));
    const commitment = commitTensor(tensor);
    const segment = openSegment(tensor, commitment, 1, 2);
    for (let i = 0; i < 50; i++) {
      const at = random.below(segment.data.length);
      const data = segment.data.with(at, (segment.data[at] ?? 0) ^ (1 << random.below(8)));
      expect(segmentRoot(commitment.type, { ...segment, data })).to.not.equal(commitment.root);
    }
    expect(segmentRoot(commitment.type, { ...openSegment(tensor, commitment, 2, 1), firstLeaf: 3 })).to.not.equal(
      commitment.root,
    );
    for (const data of [segment.data.subarray(1), new Uint8Array([...segment.data, 0]), new Uint8Array()]) {
      expect(() => segmentRoot(commitment.type, { ...segment, data }))
        .to.throw()
        .that.satisfies(thrown("OUT_OF_RANGE"));
    }
  });
});

describe("commitTensors", () => {
  it("gives what commitTensor gives and reports progress up to the total", async () => {
    const tensors = [createTensor("f32", 4_000_000), createTensor("i8", 1)];
    const seen: number[] = [];
    const committed = await commitTensors("commit", tensors, { onProgress: ({ done }) => seen.push(done) });
    expect(committed.map(({ root }) => root)).to.deep.equal(tensors.map(tensorRoot));
    expect(seen.at(-1)).to.equal(15_626);
    expect(seen).to.deep.equal(seen.toSorted((a, b) => a - b));
  });

  it("stops with ABORTED when its signal fires, before or during the work", async () => {
    const tensors = [createTensor("f32", 4_000_000)];
    const task = async (signal: AbortSignal): Promise<unknown> =>
      commitTensors("commit", tensors, { signal }).catch((error: unknown) => error);
    expect(await task(AbortSignal.abort())).to.satisfy(thrown("ABORTED"));
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    expect(await task(controller.signal)).to.satisfy(thrown("ABORTED"));
  });
});

describe("model, trace and ends", () => {
  const { program, inputs, constants } = randomProgram(random, 5);

  it("commit to the manifest as Solidity encodes it", async () => {
    const { commitment, manifest, kernels } = await commitModel(program, constants);
    const types = (row: readonly { dtype: number; length: number }[]) =>
      row.map(({ dtype, length }) => [dtype, length]);
    const encoded = AbiCoder.defaultAbiCoder().encode(
      ["bytes32", "tuple(uint32,bytes32,uint32,bytes32,uint32,tuple(uint8,uint64)[],tuple(uint8,uint64)[],uint32[])"],
      [
        id("assay.model.v1"),
        [
          1,
          manifest.programRoot,
          5,
          manifest.weightsRoot,
          constants.length,
          types(manifest.inputs),
          types(manifest.outputs),
          [4],
        ],
      ],
    );
    expect(commitment).to.equal(keccak256(encoded));
    expect(kernels).to.have.length(5);
    expect(manifest.inputs).to.have.length(inputs.length);
  });

  it("change with every field of the manifest", async () => {
    const { manifest, commitment } = await commitModel(program, constants);
    const other = toHash(leafHash(Uint8Array.of(1)));
    const changed = [
      { numericsVersion: 2 },
      { programRoot: other },
      { kernelCount: 6 },
      { weightsRoot: other },
      { constantCount: 9 },
      { inputs: [] },
      { outputs: [] },
      { outputKernels: [3] },
    ].map((change) => manifestCommitment({ ...manifest, ...change }));
    expect(new Set([commitment, ...changed]).size).to.equal(9);
  });

  it("refuses constants that are not the program's", async () => {
    const result = await commitModel(program, constants.slice(1)).catch((error: unknown) => error);
    expect(result).to.satisfy(thrown("TENSOR_MISMATCH"));
  });

  it("give the claim's roots from inputs and outputs", async () => {
    const trace = executeProgram(program, inputs, constants);
    const { inputRoot, outputRoot } = await commitEnds(inputs, trace.slice(4));
    const list = async (tensors: typeof inputs): Promise<string> => (await commitTrace(tensors)).root;
    expect(inputRoot).to.equal(await list(inputs));
    expect(outputRoot).to.equal(await list(trace.slice(4)));
  });
});
