import type { Provider } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import type { Suite } from "../chain/deployment.ts";

/** Blocks of one question for logs. */
const PAGE_BLOCKS = 2_000;

/** The block in which a request was opened: looked for from the newest one back. @throws AssayError USAGE when there is none. */
export async function openedBlock(
  { market }: Pick<Suite, "market">,
  provider: Pick<Provider, "getBlockNumber">,
  requestId: string,
  from: number,
): Promise<number> {
  const filter = market.filters.RequestOpened(requestId);
  for (let last = await provider.getBlockNumber(); last >= from; last -= PAGE_BLOCKS) {
    const [found] = await market.queryFilter(filter, Math.max(from, last - PAGE_BLOCKS + 1), last);
    if (found !== undefined) return found.blockNumber;
  }
  const reason = `is ${requestId}: the market has no such request`;
  throw new AssayError("USAGE", `request ${reason}`, { option: "request", reason });
}
