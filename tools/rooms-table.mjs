/**
 * Every room of the house: a folder or one file, what it is for, and which other rooms its files may import. `/*` at the
 * end means a room and all rooms in it. The list runs from the ground up: a room imports only rooms before it, so rooms
 * cannot form a circle.
 */
const room = (path, purpose, imports = []) => ({ path, purpose, imports });

const BASE = ["runner/errors.ts", "runner/items.ts", "runner/task.ts"];
const SOLIDITY = ["contracts/types", "contracts/interfaces"];
const LOWERING = [
  "runner/items.ts",
  "runner/machine",
  "runner/onnx/file",
  "runner/onnx/build",
  "runner/onnx/sums",
  "runner/onnx/functions",
  "runner/onnx/operators/common.ts",
];
const operators = (...names) => names.map((name) => `runner/onnx/operators/${name}`);
const services = (...names) => names.map((name) => `services/${name}`);

export const ROOMS = [
  // Contracts
  room("contracts/types", "structs, enums and packed values that contracts share"),
  room("contracts/interfaces", "what each contract promises: functions, events, errors", ["contracts/types"]),
  room("contracts/token", "a token for test networks"),
  room("contracts/governance", "the access manager and the pause", SOLIDITY),
  room("contracts/credit", "money that a contract owes to accounts", SOLIDITY),
  room("contracts/commitment", "Merkle trees of tensors, programs and traces", SOLIDITY),
  room("contracts/randomness", "sources of the seeds of draws", SOLIDITY),
  room("contracts/registry", "which bytes a model is, who published it, what it descends from", [
    ...SOLIDITY,
    "contracts/commitment",
  ]),
  room("contracts/staking", "who stands behind answers, with how much, and how it is taken away", [
    ...SOLIDITY,
    "contracts/credit",
  ]),
  room("contracts/delegation", "vaults that are operators: delegated stake, its earnings, its exits", SOLIDITY),
  room("contracts/evidence", "what a claim must bring: the policy and its verifiers", SOLIDITY),
  room(
    "contracts/proofs",
    "answers shown by proofs: circuits of versions, verifiers, and other standards' interfaces",
    [...SOLIDITY, "contracts/commitment"],
  ),
  room("contracts/availability", "committed inputs and outputs, demanded and shown on chain", [
    ...SOLIDITY,
    "contracts/credit",
  ]),
  room("contracts/market", "requests, fees, claims, settlement, callbacks", [
    ...SOLIDITY,
    "contracts/governance",
    "contracts/credit",
  ]),
  room("contracts/machine", "the tensor machine: executes one element of one kernel", [
    ...SOLIDITY,
    "contracts/commitment",
  ]),
  room("contracts/court", "disputes: traces, demands, fraud proofs, verdicts", [
    ...SOLIDITY,
    "contracts/credit",
    "contracts/commitment",
  ]),
  room("contracts/audit", "audits of claims that nobody doubts: picks, auditors, rewards", [
    ...SOLIDITY,
    "contracts/credit",
  ]),
  room("contracts/quorum", "several operators asked the same: commitments, reveals, disputes, payment", [
    ...SOLIDITY,
    "contracts/credit",
    "contracts/market",
  ]),
  room("contracts/consumers", "bases and examples for contracts that ask", SOLIDITY),
  room("contracts/enclave", "quotes of enclaves, what Intel says about platforms, keys that enclaves made", [
    ...SOLIDITY,
    "contracts/machine",
  ]),
  room("contracts/mocks", "contracts that only tests deploy", ["contracts/*"]),
  room("typechain-types", "bindings of the contracts, generated"),

  // Runner
  room("runner/errors.ts", "typed errors"),
  room("runner/items.ts", "reads of lists at places that must exist"),
  room("runner/task.ts", "long work: progress and interruption", ["runner/errors.ts"]),
  room("runner/webassembly", "assembler of WebAssembly modules"),
  room("runner/protocol", "enums, constants, typed data and errors of the contracts, generated", BASE),
  room("runner/machine", "the tensor machine: kernels, their verification, the interpreter", [
    ...BASE,
    "runner/protocol",
  ]),
  room("runner/backends", "executes programs: the interpreter and what must agree with it", [
    ...BASE,
    "runner/machine",
  ]),
  room("runner/backends/javascript", "kernels compiled to JavaScript", [...BASE, "runner/machine", "runner/backends"]),
  room("runner/backends/wasm", "kernels compiled to WebAssembly, whole programs in one memory", [
    ...BASE,
    "runner/webassembly",
    "runner/machine",
    "runner/backends",
    "runner/backends/javascript",
  ]),
  room("runner/storage", "tensors whose elements stay in their file until they are needed", [
    ...BASE,
    "runner/machine",
  ]),
  room("runner/commitment", "Merkle roots and proofs of tensors, programs and traces", [
    ...BASE,
    "runner/webassembly",
    "runner/protocol",
    "runner/machine",
    "runner/storage",
  ]),
  room("runner/proving", "witnesses and fraud proofs of single elements", [
    ...BASE,
    "runner/machine",
    "runner/commitment",
  ]),
  room("runner/dispute", "the next move of a dispute: state in, move out", [
    ...BASE,
    "runner/protocol",
    "runner/machine",
    "runner/commitment",
    "runner/proving",
  ]),
  room("runner/randomness", "rounds and signatures of a drand beacon", BASE),
  room("runner/onnx/file", "ONNX files: protobuf, tensors, element types", [
    ...BASE,
    "runner/machine",
    "runner/storage",
  ]),
  room("runner/onnx/build", "values, stages and kernels under construction", [
    ...BASE,
    "runner/machine",
    "runner/backends/*",
    "runner/onnx/file",
  ]),
  room("runner/onnx/sums", "sums and dot products in a fixed order", [...BASE, "runner/machine", "runner/onnx/build"]),
  room("runner/onnx/functions", "exp, log, sin and others as machine instructions, exact to the bit", [
    ...BASE,
    "runner/onnx/file",
    "runner/onnx/build",
  ]),
  room("runner/onnx/passes", "from lowered kernels to a program: fusion and removal of dead kernels", [
    ...BASE,
    "runner/machine",
    "runner/onnx/file",
    "runner/onnx/build",
  ]),
  room("runner/onnx/operators/common.ts", "what operators of all kinds share", LOWERING),
  room("runner/onnx/operators/tensor", "moving and choosing elements, constants, casts, control flow", LOWERING),
  room("runner/onnx/operators/arithmetic", "elementwise operators, reductions, matrix products", [
    ...LOWERING,
    ...operators("tensor"),
  ]),
  room("runner/onnx/operators/resize", "Resize and Upsample", [...LOWERING, ...operators("tensor")]),
  room("runner/onnx/operators/neural", "convolution, pooling, normalisation, attention, recurrence", [
    ...LOWERING,
    ...operators("tensor", "arithmetic"),
  ]),
  room("runner/onnx/operators/quantized", "operators on 8-bit integers", [
    ...LOWERING,
    ...operators("tensor", "arithmetic", "neural"),
  ]),
  room("runner/onnx/operators/contrib", "fused operators of ONNX Runtime", [
    ...LOWERING,
    ...operators("tensor", "arithmetic", "neural"),
  ]),
  room("runner/onnx/operators/classical", "ai.onnx.ml: trees, support vector machines, scalers", [
    ...LOWERING,
    ...operators("tensor", "arithmetic"),
  ]),
  room("runner/onnx/operators", "the table of all operators", [...LOWERING, "runner/onnx/operators/*"]),
  room("runner/onnx/import", "from an ONNX file to a program", [
    ...LOWERING,
    ...BASE,
    "runner/backends/*",
    "runner/storage",
    "runner/onnx/passes",
    "runner/onnx/operators/*",
  ]),
  room("runner/onnx/decoder", "whole answers: a decoder with cached keys and values as one file", [
    ...BASE,
    "runner/machine",
    "runner/onnx/file",
  ]),
  room("runner/onnx", "what the importer exports", ["runner/onnx/*"]),
  room("runner/files", "files of models and tensors, and the store of blobs", [
    ...BASE,
    "runner/machine",
    "runner/storage",
    "runner/commitment",
    "runner/onnx/file",
    "runner/onnx/import",
  ]),
  room("runner/inspection", "what a model costs; manifest and trace files", [
    ...BASE,
    "runner/machine",
    "runner/commitment",
    "runner/proving",
    "runner/files",
    "runner/onnx/import",
  ]),
  room("runner/check", "executes elements again, here and in an EVM", [
    ...BASE,
    "runner/machine",
    "runner/commitment",
    "runner/proving",
    "runner/files",
    "runner/inspection",
    "typechain-types",
  ]),
  room("runner/enclave", "explains quotes of enclaves and their collateral", ["runner/errors.ts", "runner/commitment"]),
  room("runner/cli", "the command `assay`", ["runner/*"]),
  room("runner/browser.ts", "what the package exports as its runner in browsers", ["runner/*"]),
  room("runner/index.ts", "what the package exports as its runner", ["runner/*"]),

  // What runs beside a chain
  room("ignition", "what is deployed, in which order, with which parameters", ["runner/randomness"]),
  room("services/environment", "options, clock, log, errors in words", ["runner/errors.ts", "runner/*"]),
  room("services/chain", "the deployment, its events, transactions", [
    ...services("environment"),
    "runner/*",
    "ignition",
    "typechain-types",
  ]),
  room("services/database", "what services know between two starts", [...services("environment", "chain"), "runner/*"]),
  room("services/models", "models that a service hosts", [...services("environment", "chain"), "runner/*"]),
  room("services/blobs", "inputs, outputs and traces that are kept or fetched", [
    ...services("environment", "chain", "models"),
    "runner/*",
  ]),
  room("services/work", "slow work beside the looks at the chain: what comes first, and who pays for it", [
    ...services("environment", "chain", "models", "blobs"),
    "runner/*",
  ]),
  room("services/publisher", "publishes a model", [...services("environment", "chain", "models"), "runner/*"]),
  room("services/auditor", "executes again what it is drawn for, and commits to it", [
    ...services("environment", "chain", "models", "blobs", "work"),
    "runner/*",
  ]),
  room("services/randomness", "brings rounds of a beacon and headers of blocks to the source of seeds", [
    ...services("environment", "chain"),
    "runner/*",
    "typechain-types",
  ]),
  room("services/operator", "stakes, answers, defends", [
    ...services("environment", "chain", "models", "blobs", "work", "auditor", "randomness"),
    "runner/*",
    "typechain-types",
  ]),
  room("services/commands", "what a person does on chain: plans, costs, tables", [
    ...services("environment", "chain", "models", "operator"),
    "runner/*",
  ]),
  room("services/requester", "asks and waits", [
    ...services("environment", "chain", "models", "blobs", "work", "operator"),
    "runner/*",
    "ignition",
  ]),
  room("services/watcher", "executes again and convicts", [
    ...services("environment", "chain", "models", "blobs", "work", "operator"),
    "runner/*",
  ]),
  room("services/quorum", "takes seats in quorums: commits, reveals, defends, convicts who says something else", [
    ...services("environment", "chain", "models", "blobs", "work", "randomness", "watcher"),
    "runner/*",
    "typechain-types",
  ]),
  room("services/node", "the command `assay-node`: configuration, logs, metrics, health, roles", [
    "services/*",
    "runner/*",
  ]),

  // What no user imports
  room("testing", "kernels, models, forgeries and stages for tests, measurements and the demo", [
    "runner/*",
    "services/*",
    "ignition",
    "typechain-types",
  ]),
  room("scripts/demo", "what `npm start` plays", ["runner/*", "services/*", "testing", "ignition", "typechain-types"]),
  room("scripts", "what a deployer types", ["scripts/demo", "services/*"]),
  room("tools/mutation", "changes contracts to see tests fail", ["runner/*"]),
  room("tools/analysis", "statements about money arithmetic, findings with their reasons", ["contracts/*"]),
  room("tools", "tests, package, generated files, checks", [
    "runner/*",
    "testing",
    "services/*",
    "tools/mutation",
    "tools/analysis",
  ]),
  room("test", "the specification", [
    "testing",
    "tools/*",
    "runner/*",
    "services/*",
    "scripts/*",
    "ignition",
    "typechain-types",
    "hardhat.config.ts",
  ]),
  room("bench", "measurements", ["runner/*", "services/*", "testing", "ignition", "typechain-types", "test"]),
  room("bin", "the command `assay`, as installed and in a clone", ["tools"]),
  room("models", "small real models with the recipes that made them"),
];
