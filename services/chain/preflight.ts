import { concat, dataLength, dataSlice, type Provider, toBeHex } from "ethers";

import type { RandomnessSource } from "../../ignition/source.ts";
import { AssayError } from "../../runner/errors.ts";

/*
 * What the suite stands on in a chain's EVM, asked for before anything is deployed. Each question is a creation that is
 * only called (`eth_call`): it tries the thing in a frame of its own and says what came of it, so that an EVM without it
 * answers "no", and only a node that does not answer is an error.
 */

/** What a question needs of a node. */
export type PreflightProvider = Pick<Provider, "call" | "getBlock" | "getBlockNumber">;

/** Something that the suite stands on, and whether a chain has it. */
export interface Finding {
  readonly name: string;
  /** What would not work without it. */
  readonly use: string;
  /** Whether the chosen deployment needs it; otherwise it is only told. */
  readonly required: boolean;
  readonly present: boolean;
}

interface Feature {
  readonly name: string;
  readonly use: string;
  /** Sources of seeds that need it; none: it is only told. */
  readonly neededBy: readonly RandomnessSource[];
  readonly isPresent: (provider: PreflightProvider) => Promise<boolean>;
}

const ALL: readonly RandomnessSource[] = ["drand", "randao", "local"];
/** History contract of EIP-2935. */
const HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935";
/** Blocks that nodes behind one address may be apart. */
const NODES_APART = 256;

/** Asks whether an EVM executes `operations`, at most 23 bytes, and they leave `expected` on the stack. */
const executes =
  (operations: string, expected: number) =>
  async (provider: PreflightProvider): Promise<boolean> => {
    // PUSH1 expected, EQ, PUSH1 target, JUMPI, INVALID, and the target: JUMPDEST, STOP.
    const target = toBeHex(dataLength(operations) + 7, 1);
    const inner = concat([operations, "0x60", toBeHex(expected, 1), "0x1460", target, "0x57fe5b00"]);
    const size = dataLength(inner);
    // PUSH inner, PUSH1 0, MSTORE: it ends at byte 32.
    const store = [toBeHex(0x5f + size, 1), inner, "0x600052"];
    // PUSH1 size, PUSH1 offset, PUSH1 0, CREATE.
    const create = ["0x60", toBeHex(size, 1), "0x60", toBeHex(32 - size, 1), "0x6000f0"];
    // ISZERO, ISZERO, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN: whether there is an address.
    const answer = await provider.call({ data: concat([...store, ...create, "0x151560005260206000f3"]) });
    return answer === toBeHex(1, 32);
  };

/** The word that an operation without arguments gives. */
const wordOf = async (provider: PreflightProvider, operation: string): Promise<bigint> =>
  BigInt(await provider.call({ data: concat([operation, "0x60005260206000f3"]) }));

/** What a contract or precompile answers to an input; undefined when the call of it fails. */
async function answerOf(provider: PreflightProvider, address: string, input: string): Promise<string | undefined> {
  const length = toBeHex(dataLength(input), 2);
  const code = (offset: number): string =>
    concat([
      // PUSH2 length, PUSH1 offset, PUSH1 0, CODECOPY: the input stands behind the code.
      ...["0x61", length, "0x60", toBeHex(offset, 1), "0x600039"],
      // PUSH1 0, PUSH1 0, PUSH2 length, PUSH1 0, PUSH20 address, GAS, STATICCALL.
      ...["0x6000600061", length, "0x600073", address, "0x5afa"],
      // PUSH1 0, MSTORE, RETURNDATASIZE, PUSH1 0, PUSH1 32, RETURNDATACOPY: the success, then what was returned.
      "0x6000523d600060203e",
      // PUSH1 32, RETURNDATASIZE, ADD, PUSH1 0, RETURN.
      "0x60203d016000f3",
    ]);
  const answer = await provider.call({ data: concat([code(dataLength(code(0))), input]) });
  return BigInt(dataSlice(answer, 0, 32)) === 1n ? dataSlice(answer, 32) : undefined;
}

/** Asks whether a precompile gives `output` for `input`. An address without code answers with nothing. */
const computes =
  (address: number, input: string, output: string) =>
  async (provider: PreflightProvider): Promise<boolean> =>
    (await answerOf(provider, toBeHex(address, 20), input)) === output;

const zeroes = (bytes: number): string => `0x${"00".repeat(bytes)}`;

async function knowsItsHistory(provider: PreflightProvider): Promise<boolean> {
  const number = (await provider.getBlockNumber()) - 1;
  if (number < 0) return false;
  const hash = (await provider.getBlock(number))?.hash;
  return (await answerOf(provider, HISTORY, toBeHex(number, 32))) === hash;
}

const countsItsOwnBlocks = async (provider: PreflightProvider): Promise<boolean> => {
  const [seen, told] = [Number(await wordOf(provider, NUMBER)), await provider.getBlockNumber()];
  return Math.abs(seen - told) <= NODES_APART;
};

const [NUMBER, PREVRANDAO] = ["0x43", "0x44"];
/** Point of G1 that the field element 0 is mapped to. */
const IMAGE_OF_ZERO = concat([
  zeroes(16),
  "0x11a9a0372b8f332d5c30de9ad14e50372a73fa4c45d5f2fa5097f2d6fb93bcac592f2e1711ac43db0519870c7d0ea415",
  zeroes(16),
  "0x092c0f994164a0719f51c24ba3788de240ff926b55f58c445116e8bc6a47cd63392fd4e8e22bdf9feaa96ee773222133",
]);
/** Hash, r, s, x and y: a signature by the key 7 of a hash whose bytes are all 1. */
const P256_SIGNATURE = concat([
  `0x${"01".repeat(32)}`,
  "0x6bc6a04b397773f2738ec3265f94f74c7be2f41cb52e735d253245762909c1db",
  "0x21e56ee8ccaca603c99c0c1d69c54e7f305dc87feead477e6f3d77ae490d74c7",
  "0x8e533b6fa0bf7b4625bb30667c01fb607ef9f8b8a80fef5b300628703187b2a3",
  "0x73eb1dbde03318366d069f83a6f5900053c73633cb041b21c55e1a86c1f400b4",
]);

const FEATURES: readonly Feature[] = [
  { name: "PUSH0 (EIP-3855)", use: "every contract", neededBy: ALL, isPresent: executes("0x5f", 0) },
  {
    name: "MCOPY (EIP-5656)",
    use: "every contract",
    neededBy: ALL,
    isPresent: executes("0x60076000526020600060205e602051", 7),
  },
  {
    name: "CLZ (EIP-7939)",
    use: "TensorMachine: arithmetic of fraud proofs",
    neededBy: ALL,
    isPresent: executes("0x60011e", 255),
  },
  {
    name: "BLS12_G1ADD (EIP-2537)",
    use: "DrandRandomness: hashing of a round",
    neededBy: ["drand"],
    isPresent: computes(0x0b, zeroes(256), zeroes(128)),
  },
  {
    name: "BLS12_G2MSM (EIP-2537)",
    use: "DrandRandomness: check of the beacon's key",
    neededBy: ["drand"],
    isPresent: computes(0x0e, zeroes(288), zeroes(256)),
  },
  {
    name: "BLS12_PAIRING_CHECK (EIP-2537)",
    use: "DrandRandomness: check of a round's signature",
    neededBy: ["drand"],
    isPresent: computes(0x0f, zeroes(384), toBeHex(1, 32)),
  },
  {
    name: "BLS12_MAP_FP_TO_G1 (EIP-2537)",
    use: "DrandRandomness: hashing of a round",
    neededBy: ["drand"],
    isPresent: computes(0x10, zeroes(64), IMAGE_OF_ZERO),
  },
  {
    name: "PREVRANDAO (EIP-4399)",
    use: "RandaoRandomness: the seed",
    neededBy: ["randao"],
    // Numbers below 2^64 are difficulties.
    isPresent: async (provider) => (await wordOf(provider, PREVRANDAO)) >> 64n > 0n,
  },
  {
    name: "history contract (EIP-2935)",
    use: "RandaoRandomness: headers of the last 8,191 blocks",
    neededBy: ["randao"],
    isPresent: knowsItsHistory,
  },
  {
    name: "block numbers of its own",
    use: "RandaoRandomness: on Arbitrum, `block.number` counts the blocks of Ethereum",
    neededBy: ["randao"],
    isPresent: countsItsOwnBlocks,
  },
  {
    name: "P256VERIFY (EIP-7951)",
    use: "nothing yet: signatures of passkeys and of secure enclaves",
    neededBy: [],
    isPresent: computes(0x100, P256_SIGNATURE, toBeHex(1, 32)),
  },
];

/**
 * Asks a chain for everything that the suite stands on. Nothing is sent.
 * @param source Source of the seeds of draws that shall be deployed.
 * @throws what the provider throws when it does not answer.
 */
export async function preflight(provider: PreflightProvider, source: RandomnessSource): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { name, use, neededBy, isPresent } of FEATURES) {
    findings.push({ name, use, required: neededBy.includes(source), present: await isPresent(provider) });
  }
  return findings;
}

/** @throws AssayError CHAIN_LACKS with the name of everything that is required and not there. */
export function requireFeatures(findings: readonly Finding[], chainId: number): void {
  const missing = findings.filter(({ required, present }) => required && !present);
  if (missing.length === 0) return;
  const list = missing.map(({ name, use }) => `${name} for ${use}`).join("; ");
  const names = missing.map(({ name }) => name);
  throw new AssayError("CHAIN_LACKS", `chain ${String(chainId)} lacks ${list}`, { chainId, missing: names });
}
