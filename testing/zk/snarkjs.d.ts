declare module "snarkjs" {
  /** A file that lives in memory: filled by the function that writes it. */
  export interface MemoryFile {
    type: "mem";
    data?: Uint8Array;
  }
  type File = string | Uint8Array | MemoryFile;
  export interface Proof {
    readonly pi_a: readonly string[];
    readonly pi_b: readonly (readonly string[])[];
    readonly pi_c: readonly string[];
  }
  export interface VerificationKey {
    readonly vk_alpha_1: readonly string[];
    readonly vk_beta_2: readonly (readonly string[])[];
    readonly vk_gamma_2: readonly (readonly string[])[];
    readonly vk_delta_2: readonly (readonly string[])[];
    readonly IC: readonly (readonly string[])[];
  }
  export interface Curve {
    terminate(): Promise<void>;
  }
  export const curves: { getCurveFromName(name: string): Promise<Curve> };
  export const powersOfTau: {
    newAccumulator(curve: Curve, power: number, out: File): Promise<unknown>;
    beacon(from: File, to: File, name: string, hash: string, iterationsExp: number): Promise<unknown>;
    preparePhase2(from: File, to: File): Promise<unknown>;
  };
  export const zKey: {
    newZKey(r1cs: File, powers: File, out: File): Promise<unknown>;
    beacon(from: File, to: File, name: string, hash: string, iterationsExp: number): Promise<unknown>;
    exportVerificationKey(zkey: File): Promise<VerificationKey>;
  };
  export const wtns: {
    calculate(input: Readonly<Record<string, unknown>>, wasm: File, out: File): Promise<void>;
  };
  export const groth16: {
    fullProve(
      input: Readonly<Record<string, unknown>>,
      wasm: File,
      zkey: File,
      logger: undefined,
      witnessOptions: undefined,
      proverOptions: { readonly singleThread: boolean },
    ): Promise<{ readonly proof: Proof; readonly publicSignals: readonly string[] }>;
  };
}
