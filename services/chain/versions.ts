import type { Provider } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { AssayError } from "../../runner/errors.ts";
import type { ModelManifestStruct, VersionMetadataStruct } from "../../typechain-types/registry/ModelRegistry.ts";
import type { Suite } from "./deployment.ts";
import type { VersionView } from "./views.ts";

/** A version from the arguments of the event that published it. */
export function versionOf(args: Readonly<Record<string, unknown>>): VersionView {
  const manifest = args.manifest as ModelManifestStruct;
  const metadata = args.metadata as VersionMetadataStruct;
  return {
    versionId: args.versionId as Hash,
    commitment: args.commitment as Hash,
    publisher: String(args.publisher),
    fileHash: metadata.fileHash as Hash,
    contentUri: textOf(() => metadata.contentUri),
    licence: textOf(() => metadata.licence),
    kernelCount: Number(manifest.kernelCount),
    constantCount: Number(manifest.constantCount),
  };
}

/** A text within a struct. ethers throws when one that is not UTF-8 is read; a stranger's text must not hide a version. */
function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

/** Blocks with one time that are looked through: rollups make many in a second. */
const SAME_TIME_BLOCKS = 64;

/**
 * A version, found by the time of its publication: a few questions on a chain of any length.
 * @throws AssayError RPC_UNUSABLE when the node does not give its event; what the registry refuses an unknown version with.
 */
export async function findVersion(
  { registry }: Pick<Suite, "registry">,
  provider: Pick<Provider, "getBlock" | "getBlockNumber">,
  versionId: Hash,
): Promise<VersionView> {
  const { publishedAt } = await registry.versionOf(versionId);
  // The first block with that time or a later one.
  let [low, high] = [0, await provider.getBlockNumber()];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const block = await provider.getBlock(middle);
    if (block !== null && BigInt(block.timestamp) < publishedAt) low = middle + 1;
    else high = middle;
  }
  const filter = registry.filters.VersionPublished(versionId);
  const [found] = await registry.queryFilter(filter, low, low + SAME_TIME_BLOCKS);
  const parsed = found === undefined ? null : registry.interface.parseLog(found);
  if (parsed !== null)
    return versionOf(
      Object.fromEntries(parsed.fragment.inputs.map(({ name }) => [name, parsed.args.getValue(name) as unknown])),
    );
  const reason = `the node does not give the event of ${versionId} in block ${String(low)}`;
  throw new AssayError("RPC_UNUSABLE", reason, { reason });
}
