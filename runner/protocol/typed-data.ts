/* Generated from the contracts by `npm run protocol`: do not edit. */

/** What is signed as `Answer`; the domain also names chain and contract. */
export const ANSWER_TYPED_DATA = {
  domain: { name: "Assay SignatureVerifier", version: "1" },
  types: {
    Answer: [
      { name: "market", type: "address" },
      { name: "requestId", type: "bytes32" },
      { name: "versionId", type: "bytes32" },
      { name: "numericsVersion", type: "uint32" },
      { name: "inputRoot", type: "bytes32" },
      { name: "outputRoot", type: "bytes32" },
      { name: "operator", type: "address" },
      { name: "mode", type: "bytes4" },
      { name: "deadline", type: "uint40" },
      { name: "windowSeconds", type: "uint32" },
    ] as { name: string; type: string }[],
  },
};

/** What is signed as `PublishVersion`; the domain also names chain and contract. */
export const PUBLISH_VERSION_TYPED_DATA = {
  domain: { name: "Assay ModelRegistry", version: "1" },
  types: {
    PublishVersion: [
      { name: "publisher", type: "address" },
      { name: "commitment", type: "bytes32" },
      { name: "metadataHash", type: "bytes32" },
      { name: "nonce", type: "uint256" },
      { name: "deadline", type: "uint256" },
    ] as { name: string; type: string }[],
  },
};

/** What is signed as `Request`; the domain also names chain and contract. */
export const REQUEST_TYPED_DATA = {
  domain: { name: "Assay RequestRelay", version: "1" },
  types: {
    Request: [
      { name: "market", type: "address" },
      { name: "requester", type: "address" },
      { name: "versionId", type: "bytes32" },
      { name: "inputs", type: "bytes" },
      { name: "inputRoot", type: "bytes32" },
      { name: "inputUri", type: "string" },
      { name: "policy", type: "bytes32" },
      { name: "fee", type: "uint96" },
      { name: "valueAtRisk", type: "uint96" },
      { name: "openSeconds", type: "uint32" },
      { name: "claimSeconds", type: "uint32" },
      { name: "windowSeconds", type: "uint32" },
      { name: "callback", type: "address" },
      { name: "callbackGas", type: "uint32" },
      { name: "minimumHolders", type: "uint32" },
      { name: "nonce", type: "uint256" },
      { name: "deadline", type: "uint256" },
    ] as { name: string; type: string }[],
  },
};
