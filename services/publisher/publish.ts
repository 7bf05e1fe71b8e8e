import { keccak256, ZeroAddress } from "ethers";
import { readFile } from "node:fs/promises";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { RELATION } from "../../runner/protocol/enums.ts";
import { mutable } from "../chain/calldata.ts";
import { type HostedModel, hostModel } from "../models/models.ts";
import { invalid } from "../environment/options.ts";
import type { ServiceContext } from "../chain/context.ts";
import { type Step, take } from "../chain/steps.ts";

/** Relations as options name them: as Solidity does, with a capital. */
const RELATIONS = new Map(
  Object.entries(RELATION).map(([name, code]) => [name.charAt(0).toUpperCase() + name.slice(1), code]),
);

export interface Parent {
  readonly versionId: Hash;
  readonly relation: bigint;
}

export interface PublishOptions {
  readonly uri?: string | undefined;
  readonly licence?: string | undefined;
  readonly parents?: readonly Parent[];
  readonly royaltyBps?: number;
  readonly royaltyRecipient?: string | undefined;
}

/** What publishing a model needs, and the id of its version. */
export interface Publication {
  readonly versionId: Hash;
  /** None when the version exists: it is what it consists of, and the same again is the same version. */
  readonly steps: readonly Step[];
}

/** What publishes a model as a version of the context's account. The ledger must be up to date. */
export async function publicationOf(
  { suite: { registry }, ledger, signer }: ServiceContext,
  hosted: HostedModel,
  options: PublishOptions,
): Promise<Publication> {
  const metadata = {
    fileHash: keccak256(await readFile(hosted.path)),
    contentUri: options.uri ?? hosted.name,
    licence: options.licence ?? "MIT",
    parents: mutable(options.parents ?? []),
    royaltyBps: options.royaltyBps ?? 0,
    royaltyRecipient: options.royaltyRecipient ?? ZeroAddress,
  };
  const manifest = mutable(hosted.commitment.manifest);
  const versionId = (await registry.versionIdFor(await signer.getAddress(), manifest, metadata)) as Hash;
  if (ledger.version(versionId) !== undefined) return { versionId, steps: [] };
  const action = { kind: "published", model: hosted.name } as const;
  return { versionId, steps: [{ action, call: () => registry.publish.populateTransaction(manifest, metadata) }] };
}

/** Publishes a model as a version of the context's account, unless it is that already. @returns The version's id. */
export async function publish(context: ServiceContext, hosted: HostedModel, options: PublishOptions): Promise<Hash> {
  const { ledger } = context;
  await ledger.sync();
  const { versionId, steps } = await publicationOf(context, hosted, options);
  if (steps.length === 0) context.report({ kind: "publishedBefore", model: hosted.name, versionId });
  await take(context, steps);
  await ledger.sync();
  return versionId;
}

/** `VERSION:RELATION,…`, where VERSION is an id or a model file. @throws AssayError OPTION_INVALID. */
export async function parentsFrom({ ledger }: ServiceContext, text: string): Promise<readonly Parent[]> {
  const parents: Parent[] = [];
  for (const part of text.split(",").filter((entry) => entry !== "")) {
    const [source = "", name = ""] = part.split(":");
    const relation = RELATIONS.get(name);
    if (relation === undefined) {
      throw invalid("ASSAY_PARENTS", text, `the relation is one of ${[...RELATIONS.keys()].join(", ")}`);
    }
    parents.push({ versionId: await versionFrom(source, ledger), relation });
  }
  return parents;
}

/** A version id as it is, or the newest version of a model file. @throws AssayError OPTION_INVALID. */
export async function versionFrom(source: string, ledger: ServiceContext["ledger"]): Promise<Hash> {
  if (/^0x[0-9a-f]{64}$/.test(source)) return source as Hash;
  const { commitment } = await hostModel(source);
  const versionId = ledger.versionsOf(commitment.commitment).at(-1);
  if (versionId === undefined) throw invalid("ASSAY_PARENTS", source, "publish the model first");
  return versionId;
}
