import type { Hash } from "../../runner/commitment/keccak.ts";
import { type DataKind, dataKindOf } from "../../runner/protocol/enums.ts";

/** A chunk of a committed input or output that somebody demanded on chain. */
export interface DataDemand {
  readonly kind: DataKind;
  readonly root: Hash;
  readonly chunk: number;
  readonly demander: string;
  /** In the market's time; the last second in which it can be shown. */
  readonly answerUntil: number;
  /** What was shown, checked by the contract. */
  readonly data?: Uint8Array;
}

/** The demands after an event of IDataAvailability. */
export function afterDataEvent(
  demands: readonly DataDemand[],
  name: string,
  args: Readonly<Record<string, unknown>>,
): readonly DataDemand[] {
  if (name !== "DataDemanded" && name !== "DataShown") return demands;
  const [kind, chunk] = [dataKindOf(args.kind as bigint), Number(args.chunk)];
  if (name === "DataDemanded") {
    const [root, demander] = [args.root as Hash, args.demander as string];
    return [...demands, { kind, root, chunk, demander, answerUntil: Number(args.answerUntil) }];
  }
  const { data } = args.segment as { readonly data: string };
  const shown = Uint8Array.from(Buffer.from(data.slice(2), "hex"));
  return demands.map((demand) =>
    demand.kind === kind && demand.chunk === chunk && demand.data === undefined ? { ...demand, data: shown } : demand,
  );
}

/** Demands that can still be answered. */
export const toShow = (demands: readonly DataDemand[], kind: DataKind, marketTime: number): readonly DataDemand[] =>
  demands.filter((demand) => demand.kind === kind && demand.data === undefined && marketTime <= demand.answerUntil);

/** A demand that nobody answered in time. */
export const withheld = (demands: readonly DataDemand[], kind: DataKind, marketTime: number): DataDemand | undefined =>
  demands.find((demand) => demand.kind === kind && demand.data === undefined && marketTime > demand.answerUntil);

/** The data that were shown, when all of the `count` chunks were. */
export function shownWhole(demands: readonly DataDemand[], kind: DataKind, count: number): Uint8Array | undefined {
  const chunks = Array.from({ length: count }, (_, chunk) =>
    demands.find((demand) => demand.kind === kind && demand.chunk === chunk && demand.data !== undefined),
  );
  const parts = chunks.flatMap((demand) => (demand?.data === undefined ? [] : [demand.data]));
  return parts.length === count ? Uint8Array.from(Buffer.concat(parts)) : undefined;
}
