import { Interface } from "ethers";
import type * as Hre from "hardhat/hre";

import { TensorMachine__factory } from "../../typechain-types/index.ts";
import type { Hash } from "../commitment/keccak.ts";
import { AssayError } from "../errors.ts";
import { packageRoot } from "../files/package-root.ts";
import { calldataOf, type MachineCall, type MachineContract, type MachineResult } from "./machine.ts";

/** Gas of one call: the most that a transaction may have (EIP-7825). */
const CALL_GAS = 16_777_216;

/** Address of the meter. */
const METER = "0x000000000000000000000000000000000000a55a";

/** Gas that the meter itself spends between its two readings: the call of a warm address and its arguments. */
const METER_GAS = 120;

/**
 * A TensorMachine contract in an EVM inside this process, freshly deployed. Hardhat is loaded only here: everything
 * else of the package works without it.
 * @throws AssayError DEPENDENCY_MISSING when Hardhat is not installed.
 */
export async function createMachineContract(): Promise<MachineContract> {
  const { connection, request } = await connect();
  const abi = new Interface(TensorMachine__factory.abi);
  const [from] = (await request("eth_accounts")) as readonly string[];
  const hash = await request("eth_sendTransaction", [{ from, data: TensorMachine__factory.bytecode }]);
  const receipt = (await request("eth_getTransactionReceipt", [hash])) as { readonly contractAddress: string };
  await request("hardhat_setCode", [METER, meterCode(receipt.contractAddress)]);
  return {
    async execute(call) {
      const data = abi.encodeFunctionData("execute", [...argumentsOf(call)]);
      const returned = await callMeter(request, abi, data);
      return decodeResult(abi, data, returned);
    },
    close: () => connection.close(),
  };
}

/** The arguments of `ITensorMachine.execute`, for ethers. */
const argumentsOf = ({ kernel, element, progress, maxSteps, witness }: MachineCall): readonly unknown[] => [
  kernel,
  element,
  progress,
  maxSteps,
  witness,
];

type Request = (method: string, params?: readonly unknown[]) => Promise<unknown>;

async function connect(): Promise<{ readonly connection: { close(): Promise<void> }; readonly request: Request }> {
  const hardhat = await loadHardhat();
  // A configuration of its own: the user's project may have none, or another EVM.
  const network = { type: "edr-simulated", chainType: "l1", hardfork: "osaka" } as const;
  const runtime = await hardhat.createHardhatRuntimeEnvironment({ networks: { assay: network } }, {}, packageRoot());
  const connection = await runtime.network.create("assay");
  const { provider } = connection;
  return { connection, request: (method, params = []) => provider.request({ method, params: [...params] }) };
}

async function loadHardhat(): Promise<typeof Hre> {
  try {
    return await import("hardhat/hre");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error;
    throw new AssayError(
      "DEPENDENCY_MISSING",
      "`assay check` runs its contract on Hardhat's EVM, which is not installed; run: npm install --save-dev hardhat",
      { package: "hardhat", neededBy: "assay check" },
      { cause: error },
    );
  }
}

/**
 * Code that passes its calldata on to `target` by STATICCALL and returns the gas that the call used, a word, before
 * what it returned; reverts as it does. eth_estimateGas would search for the same number with many executions.
 */
function meterCode(target: string): string {
  const push = `73${target.slice(2)}`;
  return [
    "0x365f5f37", // calldatacopy(0, 0, calldatasize())
    `${push}3b50`, // pop(extcodesize(target)): the address is warm from here
    "5a", // gas before
    `5f5f365f${push}5afa`, // staticcall(gas(), target, 0, calldatasize(), 0, 0)
    "5a9015604c57", // gas after; jump to the end if the call failed
    "90035f52", // mstore(0, before - after)
    "3d5f60203e3d6020015ff3", // return the gas and the return data
    "5b3d5f5f3e3d5ffd", // 0x4c: revert with the return data
  ].join("");
}

async function callMeter(request: Request, abi: Interface, data: string): Promise<string> {
  try {
    return (await request("eth_call", [{ to: METER, data, gas: `0x${CALL_GAS.toString(16)}` }, "latest"])) as string;
  } catch (error) {
    const revert = revertData(error);
    // The contract's own errors always carry data.
    if (revert === "0x")
      throw new Error(`took more than the ${String(CALL_GAS)} gas of a transaction`, { cause: error });
    const parsed = revert === undefined ? null : abi.parseError(revert);
    if (parsed === null) throw error;
    throw new Error(`reverted with ${parsed.name}(${parsed.args.map(String).join(", ")})`, { cause: error });
  }
}

function revertData(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("data" in error)) return undefined;
  const { data } = error;
  if (typeof data === "string") return data;
  if (typeof data === "object" && data !== null && "data" in data && typeof data.data === "string") return data.data;
  return undefined;
}

function decodeResult(abi: Interface, data: string, returned: string): MachineResult {
  const result = abi.decodeFunctionResult("execute", `0x${returned.slice(66)}`);
  const done = result.getValue("done") as boolean;
  const bits = result.getValue("bits") as bigint;
  const next = result.getValue("next") as { readonly position: bigint; readonly accumulators: readonly bigint[] };
  const roots = result.getValue("roots") as readonly { readonly root: Hash }[];
  return {
    done,
    bits,
    next: { position: Number(next.position), accumulators: [...next.accumulators] },
    roots: roots.map(({ root }) => root),
    gas: Number(BigInt(returned.slice(0, 66))) - METER_GAS,
    calldata: calldataOf(Buffer.from(data.slice(2), "hex")),
  };
}
