import type { ServiceContext } from "../chain/context.ts";
import type { Looking } from "../chain/loop.ts";
import { integerOption, option } from "../environment/options.ts";
import { workChange, type Workshop } from "./workshop.ts";

/** How a service looks at the chain: as often as ASSAY_INTERVAL says, and as soon as slow work is done. */
export const lookingOf = (
  task: string,
  service: { readonly step: (signal: AbortSignal) => Promise<void> },
  workshop: Workshop,
): Looking => ({
  task,
  intervalMilliseconds: integerOption("ASSAY_INTERVAL", 2_000, 10, 600_000),
  look: (signal) => service.step(signal),
  wake: (signal) => workChange(workshop, signal),
});

const DEVELOPMENT_CHAIN = 31_337n;

/** Whether strangers' URLs may lead to private addresses: only on a development chain, or where ASSAY_PRIVATE_URLS says so. */
export async function mayFetchPrivately({ provider }: ServiceContext): Promise<boolean> {
  return option("ASSAY_PRIVATE_URLS") === "1" || (await provider.getNetwork()).chainId === DEVELOPMENT_CHAIN;
}
