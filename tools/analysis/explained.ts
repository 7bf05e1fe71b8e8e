/** Why a finding of a rule in a file is no fault. */
export interface Explained {
  readonly rule: string;
  /** Beginning of the paths that it is about. */
  readonly under: string;
  readonly reason: string;
}

export const EXPLAINED: readonly Explained[] = [
  {
    rule: "no-inline-assembly",
    under: "contracts/machine/",
    reason:
      "bit patterns, counting of leading zeros and the loop over operands; each has a plain twin in Solidity or TypeScript that tests compare it with on random operands",
  },
  {
    rule: "no-inline-assembly",
    under: "contracts/commitment/TensorTree.sol",
    reason: "hashes of leaves and nodes in borrowed memory; compared with the plain tree of the tests on random data",
  },
  {
    rule: "no-inline-assembly",
    under: "contracts/market/EncodedRequest.sol",
    reason: "reads a request in calldata where it lies, after its length was checked",
  },
  {
    rule: "no-inline-assembly",
    under: "contracts/market/BoundedCall.sol",
    reason: "a call that copies no return data, so that a callback cannot spend the caller's gas by what it returns",
  },
];
