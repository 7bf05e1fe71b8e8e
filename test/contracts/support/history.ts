import type { Connection } from "./protocol.ts";

const HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935";

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
