import { AbiCoder, hexlify, id, keccak256, ZeroAddress, ZeroHash } from "ethers";
import { network } from "hardhat";

import { CONSTANTS as PROTOCOL } from "../runner/protocol/constants.ts";
import { DISPUTE_STATUS } from "../runner/protocol/enums.ts";
import { item } from "../runner/items.ts";
import type { BondTokenMock, TokenMock } from "../typechain-types/index.ts";
import type { Hash } from "../runner/commitment/keccak.ts";
import { MerkleTree } from "../runner/commitment/merkle.ts";
import { rootsTree } from "../runner/commitment/model.ts";
import { commitTensor, openSegment, type Segment, type TensorCommitment } from "../runner/commitment/tensor.ts";
import { LEVEL_BYTES, type Place, TRACE_TREE } from "../runner/dispute/view.ts";
import { DTYPE_CODE, type DType } from "../runner/machine/dtype.ts";
import type { Progress } from "../runner/machine/interpreter.ts";
import { encodeTerms } from "../services/chain/calldata.ts";
import { createTensor, elementBits, setElementBits, type Tensor, tensorFrom } from "../runner/machine/tensor.ts";

/*
 * A court on its own: a toy machine (contracts/mocks/ToyMachine.sol), a market that shows its rules, and a claim whose
 * operator committed one wrong bit. Tests change the parts.
 */

const MINUTE = 60;
export const HOUR = 60 * MINUTE;
export const WINDOW = 6 * HOUR;
export const { SINK } = PROTOCOL.DisputeCourt;

export { LEVEL_BYTES, TRACE_TREE };

export { DISPUTE_STATUS as STATUS };

/** Any other hash. */
export const other = (hash: string): string => keccak256(hash);

export const RICH = 1_000_000n;

export const TERMS = {
  challengeBond: 1_001n,
  demandBond: 10n,
  traceWindow: HOUR,
  demandWindow: 8 * HOUR,
  accusationBond: 7n,
  answerWindow: 2 * HOUR,
  proofMargin: 3 * HOUR,
  burnBps: 2_500,
};

interface ToyOperand {
  readonly space: number;
  readonly index: number;
  readonly dtype: DType;
  readonly length: number;
}

interface ToyKernel {
  readonly dtype: DType;
  readonly length: number;
  readonly steps: number;
  readonly stuck?: boolean;
  readonly operands: readonly ToyOperand[];
}

const abi = AbiCoder.defaultAbiCoder();
const TOY =
  "tuple(uint8 dtype, uint64 length, uint64 steps, bool stuck, " +
  "tuple(uint8 space, uint32 index, uint8 dtype, uint64 length)[] operands)";

export const encodeToy = (kernel: ToyKernel): string =>
  abi.encode(
    [TOY],
    [
      {
        ...kernel,
        dtype: DTYPE_CODE[kernel.dtype],
        stuck: kernel.stuck ?? false,
        operands: kernel.operands.map((operand) => ({ ...operand, dtype: DTYPE_CODE[operand.dtype] })),
      },
    ],
  );

/** `Progress` of ITensorMachine, as ethers takes it: ethers' types have no read-only lists. */
export interface ToyProgress extends Progress {
  readonly accumulators: bigint[];
}

const BEGIN: ToyProgress = { position: 0, accumulators: [] };

const INPUT = tensorFrom("i32", [5, 6, 7, 8]);
const CONSTANTS = [tensorFrom("i16", [11, 12, 13]), tensorFrom("u8", [3, 2, 1])];

const RUN_BYTES = 16 * 1024;

/**
 * Kernel 0 is 20 leaves long, kernel 2 a whole run of 16; kernel 1 reads all three spaces over 9 steps; 18 kernels make
 * the top tree two runs.
 */
const KERNELS: readonly ToyKernel[] = [
  {
    dtype: "i32",
    length: 5000,
    steps: 2,
    operands: [
      { space: 0, index: 0, dtype: "i32", length: 4 },
      { space: 1, index: 1, dtype: "u8", length: 3 },
    ],
  },
  {
    dtype: "i16",
    length: 700,
    steps: 9,
    operands: [
      { space: 2, index: 0, dtype: "i32", length: 5000 },
      { space: 1, index: 0, dtype: "i16", length: 3 },
      { space: 0, index: 0, dtype: "i32", length: 4 },
    ],
  },
  { dtype: "u8", length: RUN_BYTES, steps: 0, operands: [] },
  // Malformed on purpose: it reads a later kernel, an unknown space, and never ends.
  { dtype: "u8", length: 5, steps: 1, operands: [{ space: 2, index: 3, dtype: "u8", length: 5 }] },
  { dtype: "u8", length: 5, steps: 1, operands: [{ space: 3, index: 0, dtype: "u8", length: 5 }] },
  { dtype: "u8", length: 5, steps: 1, stuck: true, operands: [] },
  ...Array.from({ length: 12 }, (_, i): ToyKernel => ({
    dtype: "i64",
    length: 3,
    steps: 1,
    operands: [
      {
        space: 2,
        index: i < 2 ? i + 1 : i + 5,
        dtype: i === 0 ? "i16" : i === 1 ? "u8" : "i64",
        length: i === 0 ? 700 : i === 1 ? RUN_BYTES : 3,
      },
    ],
  })),
];
export const OUTPUT_KERNELS = [17, 1];

/** The toy machine, in TypeScript: the state after `steps` steps. */
export function toyState(sum: bigint, steps: number): ToyProgress {
  let acc = 0n;
  for (let i = 0; i < steps; i++) acc = BigInt.asUintN(64, 3n * acc + sum);
  return { position: steps, accumulators: [acc] };
}

function toyOutput(kernel: ToyKernel, sum: bigint): Tensor {
  const acc = item(toyState(sum, kernel.steps).accumulators, 0);
  const tensor = createTensor(kernel.dtype, kernel.length);
  for (let i = 0; i < kernel.length; i++) setElementBits(tensor, i, acc + BigInt(i));
  return tensor;
}

/** All tensors of an execution, with trees. */
export class Trace {
  readonly outputs: readonly Tensor[];
  readonly commitments: readonly TensorCommitment[];
  readonly tree: MerkleTree;
  readonly root: Hash;

  constructor(outputs: readonly Tensor[]) {
    this.outputs = outputs;
    this.commitments = outputs.map(commitTensor);
    this.tree = rootsTree(this.commitments.map(({ root }) => root));
    this.root = this.tree.root;
  }

  tensor(kernel: number): Tensor {
    return this.outputs[kernel] as Tensor;
  }

  commitment(kernel: number): TensorCommitment {
    return this.commitments[kernel] as TensorCommitment;
  }

  get outputRoots(): Hash[] {
    return OUTPUT_KERNELS.map((kernel) => this.commitment(kernel).root);
  }

  get outputSiblings(): Hash[][] {
    return OUTPUT_KERNELS.map((kernel) => this.tree.prove(kernel));
  }
}

const input = commitTensor(INPUT);
const constants = CONSTANTS.map(commitTensor);
const inputTree = rootsTree([input.root]);
/** Root over the inputs of every claim here. */
export const INPUT_ROOT = inputTree.root;
const weightsTree = rootsTree(constants.map(({ root }) => root));
const encoded = KERNELS.map(encodeToy);
const programTree = MerkleTree.ofItems(encoded.map((kernel) => Buffer.from(kernel.slice(2), "hex")));

const operandTensor = (operand: ToyOperand, outputs: readonly Tensor[]): Tensor | undefined =>
  operand.space === 0 ? INPUT : operand.space === 1 ? CONSTANTS[operand.index] : outputs[operand.index];

/** Sum of first elements, as the toy machine forms it. */
export const toySum = (kernel: ToyKernel, outputs: readonly Tensor[]): bigint =>
  kernel.operands.reduce((sum, operand) => {
    const tensor = operandTensor(operand, outputs);
    return tensor === undefined ? sum : sum + elementBits(tensor, 0);
  }, 0n);

/** The honest trace, or one in which `change` altered an output before the next kernels ran. */
export function runToy(change: (kernel: number, output: Tensor) => void = () => undefined): Trace {
  const outputs: Tensor[] = [];
  KERNELS.forEach((kernel, index) => {
    const output = toyOutput(kernel, toySum(kernel, outputs));
    change(index, output);
    outputs.push(output);
  });
  return new Trace(outputs);
}

export const kernelAt = (index: number): ToyKernel => KERNELS[index] as ToyKernel;

export const kernelOpening = (index: number) => ({
  index,
  encoded: encoded[index] as string,
  siblings: programTree.prove(index),
});

const hexSegment = ({ firstLeaf, data, siblings }: Segment) => ({
  firstLeaf,
  data: hexlify(data),
  siblings: [...siblings],
});

/** One element re-executed on the operands of a trace. */
export function executionOf(trace: Trace, kernel: number, element: number, progress = BEGIN) {
  const { operands } = kernelAt(kernel);
  const open = (operand: ToyOperand) => {
    const tensor = operandTensor(operand, trace.outputs) as Tensor;
    const commitment = [[input], constants, trace.commitments][operand.space]?.[operand.index] as TensorCommitment;
    return [hexSegment(openSegment(tensor, commitment, 0, 1))];
  };
  return {
    kernel: kernelOpening(kernel),
    element,
    progress,
    witness: operands.map(open),
    operandSiblings: operands.map(({ space, index }) =>
      ([inputTree, weightsTree, trace.tree][space] as MerkleTree).prove(index),
    ),
  };
}

/** The committed element. */
export function outputOf(trace: Trace, kernel: number, leaf: number) {
  return {
    leaves: hexSegment(openSegment(trace.tensor(kernel), trace.commitment(kernel), leaf, 1)),
    siblings: trace.tree.prove(kernel),
  };
}

export const openingOf = (kernel: number, place: Place) =>
  kernel === TRACE_TREE
    ? { kernelIndex: TRACE_TREE, dtype: 0, length: 0, place }
    : {
        kernelIndex: kernel,
        dtype: DTYPE_CODE[kernelAt(kernel).dtype],
        length: kernelAt(kernel).length,
        place,
      };

/** What an honest operator answers. */
export function answerOf(trace: Trace, kernel: number, place: Place) {
  const opening = openingOf(kernel, place);
  if (place.level === LEVEL_BYTES) {
    const { data, siblings } = openSegment(trace.tensor(kernel), trace.commitment(kernel), place.index, 1);
    return {
      opening,
      nodes: [] as Hash[],
      data: hexlify(data),
      siblings: [...siblings],
      traceSiblings: trace.tree.prove(kernel),
    };
  }
  const { tree } = kernel === TRACE_TREE ? trace : trace.commitment(kernel);
  const count = Math.min(16, Math.ceil(tree.width / 2 ** place.level) - place.index);
  return {
    opening,
    nodes: tree.nodes(place.index, count, place.level),
    data: "0x",
    siblings: tree.proveRange(place.index, count, place.level),
    traceSiblings: kernel === TRACE_TREE ? [] : trace.tree.prove(kernel),
  };
}

export const commitmentOf = (
  claimId: string,
  kernel: number,
  element: number,
  { accuser, salt }: { readonly accuser: string; readonly salt: string },
): string =>
  keccak256(
    abi.encode(["bytes32", "uint32", "uint32", "address", "bytes32"], [claimId, kernel, element, accuser, salt]),
  );

export const MANIFEST = {
  numericsVersion: 1,
  programRoot: programTree.root,
  kernelCount: KERNELS.length,
  weightsRoot: weightsTree.root,
  constantCount: CONSTANTS.length,
  inputs: [{ dtype: DTYPE_CODE.i32, length: 4 }],
  outputs: [
    { dtype: DTYPE_CODE.i64, length: 3 },
    { dtype: DTYPE_CODE.i16, length: 700 },
  ],
  outputKernels: OUTPUT_KERNELS,
};

/** Terms of a claim, as the court takes them. */
export const requestOf = (nonce: number, changed: object = {}): string =>
  encodeTerms({
    requester: ZeroAddress,
    nonce,
    versionId: id("version"),
    inputRoot: inputTree.root,
    policy: ZeroHash,
    fee: 0,
    royalty: 0,
    royaltyRecipient: ZeroAddress,
    collateral: 0,
    numericsVersion: 1,
    openUntil: 0,
    claimSeconds: 0,
    windowSeconds: WINDOW,
    callback: ZeroAddress,
    callbackGas: 0,
    inputInline: true,
    ...changed,
  });

/** The element that the forger changed: kernel 1 element 600, on its second leaf. */
export const FORGED = { kernel: 1, element: 600, leaf: 1 } as const;

export const HONEST = runToy();
export const WRONG = runToy((kernel, output) => {
  if (kernel === FORGED.kernel) setElementBits(output, FORGED.element, elementBits(output, FORGED.element) ^ 4n);
});

export const connection = await network.create();
export const { ethers, networkHelpers } = connection;

const bondToken = () => ethers.deployContract("BondTokenMock");
/** A token that makes a call during a transfer. */
const callingToken = () => ethers.deployContract("TokenMock");

/** A court with a claim whose window is open, everybody rich. The operator's claim is about `trace`. */
async function openToyCourt<Token extends BondTokenMock | TokenMock>(trace: Trace, deployToken: () => Promise<Token>) {
  const [governor, operator, challenger, watcher, stranger] = await ethers.getSigners();
  if (!governor || !operator || !challenger || !watcher || !stranger) throw new Error("too few accounts");
  const token = await deployToken();
  const market = await ethers.deployContract("CourtStageMock", [token]);
  const marketErrors = await ethers.getContractAt("IInferenceMarket", market);
  const machine = await ethers.deployContract("ToyMachine");
  const court = await ethers.deployContract("DisputeCourt", [market, token, market, machine, market, TERMS]);
  for (const signer of [governor, operator, challenger, watcher, stranger]) {
    await token.mint(signer, RICH);
    await token.connect(signer).approve(court, RICH);
  }
  await market.publish(id("version"), MANIFEST);
  const request = requestOf(1);
  const requestId = await market.idOf(request);
  const windowEnd = (await networkHelpers.time.latest()) + WINDOW;
  await market.claim(request, operator, rootsTree(trace.outputRoots).root, windowEnd);
  const { claimId } = await market.claimOf(requestId);
  const people = { governor, operator, challenger, watcher, stranger };
  return { token, market, marketErrors, machine, court, request, requestId, claimId, windowEnd, trace, ...people };
}

async function challenged<Token extends BondTokenMock | TokenMock>(trace: Trace, deployToken: () => Promise<Token>) {
  const stage = await openToyCourt(trace, deployToken);
  await stage.court.connect(stage.challenger).challenge(stage.market, stage.requestId, stage.claimId);
  return stage;
}

async function traced<Token extends BondTokenMock | TokenMock>(trace: Trace, deployToken: () => Promise<Token>) {
  const stage = await challenged(trace, deployToken);
  const { court, operator, claimId, request } = stage;
  await court
    .connect(operator)
    .commitTrace(claimId, request, MANIFEST, trace.root, trace.outputRoots, trace.outputSiblings, "ipfs://trace");
  return stage;
}

/** What `proveFraud` takes for the forged element, the accusation already committed in an earlier block. */
async function accused(trace: Trace) {
  const stage = await traced(trace, bondToken);
  const accusation = { accuser: stage.watcher.address, salt: id("salt") };
  await stage.court.accuse(stage.claimId, commitmentOf(stage.claimId, FORGED.kernel, FORGED.element, accusation));
  return {
    ...stage,
    accusation,
    execution: executionOf(trace, FORGED.kernel, FORGED.element),
    output: outputOf(trace, FORGED.kernel, FORGED.leaf),
  };
}

// loadFixture identifies a fixture by its function, so each fixture has its own function.
const fixtures = {
  open: () => openToyCourt(HONEST, bondToken),
  openCalling: () => openToyCourt(HONEST, callingToken),
  challenged: () => challenged(HONEST, bondToken),
  traced: () => traced(HONEST, bondToken),
  tracedCalling: () => traced(HONEST, callingToken),
  tracedWrong: () => traced(WRONG, bondToken),
  accusedHonest: () => accused(HONEST),
  accused: () => accused(WRONG),
};

/** The court in the state of that name, from a snapshot. */
export const stageAt = <Name extends keyof typeof fixtures>(name: Name) => {
  type Fixture = Awaited<ReturnType<(typeof fixtures)[Name]>>;
  return networkHelpers.loadFixture(fixtures[name] as () => Promise<Fixture>);
};
