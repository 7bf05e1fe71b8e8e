import type { Connection } from "./protocol.ts";

export const HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935";

/** Runtime code of the history contract, as EIP-2935 gives it. */
const HISTORY_CODE =
  "0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257" +
  "611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";

/** Writes a block's hash, or another one as told, where EIP-2935 keeps it, which Hardhat does not do by itself. */
export async function remember(connection: Connection, block: number, told?: string): Promise<void> {
  const { ethers, networkHelpers } = connection;
  const hash = told ?? (await ethers.provider.getBlock(block))?.hash;
  if (typeof hash !== "string") throw new RangeError(`no block ${block}`);
  await networkHelpers.setCode(HISTORY, HISTORY_CODE);
  await networkHelpers.setStorageAt(HISTORY, block % 8191, hash);
}

/** Who calls the history contract at the start of each block. */
const SYSTEM = "0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE";

/**
 * Mines a block in which the history contract is told the hash of its parent, as every block of Ethereum does.
 * @returns the number of the parent.
 */
export async function recordParent(connection: Connection): Promise<number> {
  const { ethers, networkHelpers } = connection;
  const parent = await ethers.provider.getBlock("latest");
  if (parent?.hash === undefined || parent.hash === null) throw new RangeError("no latest block");
  await networkHelpers.setCode(HISTORY, HISTORY_CODE);
  await networkHelpers.setBalance(SYSTEM, 10n ** 18n);
  await networkHelpers.impersonateAccount(SYSTEM);
  const system = await ethers.getSigner(SYSTEM);
  await (await system.sendTransaction({ to: HISTORY, data: parent.hash })).wait();
  return parent.number;
}
