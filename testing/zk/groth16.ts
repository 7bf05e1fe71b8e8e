import { concat, toBeHex } from "ethers";
import { curves, groth16, type MemoryFile, powersOfTau, type Proof, type VerificationKey, wtns, zKey } from "snarkjs";

/** What a prover of a circuit needs. */
export interface ProvingKey {
  /** Program that computes the circuit's signals. */
  readonly wasm: Uint8Array;
  readonly zkey: Uint8Array;
}

/** Constraints of the largest circuit: 2^POWER. */
const POWER = 11;
/**
 * Randomness of the set-up: anybody can repeat it, so that the same circuit always has the same key, and anybody can
 * forge proofs under that key. For tests and demonstrations only.
 */
const PUBLIC_SECRET = "00".repeat(31) + "07";
const ITERATIONS = 10;

const word = (value: string): string => toBeHex(BigInt(value), 32);
const g1 = ([x = "0", y = "0"]: readonly string[]): string => concat([word(x), word(y)]);
/** The precompile takes the imaginary part first, snarkjs gives the real one first. */
const g2 = ([x = [], y = []]: readonly (readonly string[])[]): string =>
  concat([x[1] ?? "0", x[0] ?? "0", y[1] ?? "0", y[0] ?? "0"].map(word));

/** A verifying key as contracts take it. */
const encodeKey = (key: VerificationKey): string =>
  concat([g1(key.vk_alpha_1), g2(key.vk_beta_2), g2(key.vk_gamma_2), g2(key.vk_delta_2), ...key.IC.map(g1)]);

/** A proof as contracts take it. */
const encodeProof = ({ pi_a, pi_b, pi_c }: Proof): string => concat([g1(pi_a), g2(pi_b), g1(pi_c)]);

const memory = (): MemoryFile => ({ type: "mem" });
const bytesOf = ({ data }: MemoryFile): Uint8Array => {
  if (data === undefined) throw new Error("snarkjs wrote nothing");
  return data;
};

/** Makes the keys of a circuit, with randomness that everybody knows. It takes minutes. */
export async function setUp(r1cs: Uint8Array): Promise<{ readonly zkey: Uint8Array; readonly key: string }> {
  const curve = await curves.getCurveFromName("bn128");
  try {
    const [empty, powers, prepared, first, last] = [memory(), memory(), memory(), memory(), memory()];
    await powersOfTau.newAccumulator(curve, POWER, empty);
    await powersOfTau.beacon(empty, powers, "public", PUBLIC_SECRET, ITERATIONS);
    await powersOfTau.preparePhase2(powers, prepared);
    await zKey.newZKey(r1cs, prepared, first);
    await zKey.beacon(first, last, "public", PUBLIC_SECRET, ITERATIONS);
    const zkey = bytesOf(last);
    return { zkey, key: encodeKey(await zKey.exportVerificationKey(zkey)) };
  } finally {
    // Its threads keep the process alive.
    await curve.terminate();
  }
}

/** Without what the program of a circuit that does not hold prints; it throws, too. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { error } = console;
  console.error = () => undefined;
  try {
    return await work();
  } finally {
    console.error = error;
  }
}

/** Whether the circuit holds for these public inputs; no proof is made. */
export async function isSatisfied(wasm: Uint8Array, context: bigint, data: readonly bigint[]): Promise<boolean> {
  return await quietly(() => wtns.calculate({ context, data }, wasm, memory())).then(
    () => true,
    () => false,
  );
}

/**
 * Proves that the circuit holds, in this thread.
 * @param context First public input.
 * @param data The other public inputs.
 * @throws Error when the circuit does not hold.
 */
export async function prove({ wasm, zkey }: ProvingKey, context: bigint, data: readonly bigint[]): Promise<string> {
  const options = { singleThread: true };
  const { proof } = await quietly(() =>
    groth16.fullProve({ context, data }, wasm, zkey, undefined, undefined, options),
  );
  return encodeProof(proof);
}
