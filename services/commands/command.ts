import type { ContractTransaction } from "ethers";

import { isHash } from "../../runner/files/fields.ts";
import { AssayError } from "../../runner/errors.ts";
import type { ServiceContext } from "../chain/context.ts";
import type { RequestView } from "../chain/ledger.ts";
import type { Step } from "../chain/steps.ts";
import { type Parameters, valuesOf, type ValuesOf } from "./parameters.ts";

/** Who acts, and as whom. */
export interface Acting {
  readonly context: ServiceContext;
  readonly own: string;
  /** Seconds of the newest block. */
  readonly now: number;
}

/** What a command will do, and what its user must know about it. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly notes?: readonly string[];
}

/** A command that acts on chain. */
export interface Command {
  readonly name: string;
  readonly group: string;
  readonly about: string;
  readonly parameters: Parameters;
  /** What it will do. Nothing is sent. @throws AssayError, and what contracts refuse reads with. */
  readonly plan: (acting: Acting, texts: Readonly<Record<string, string | undefined>>) => Promise<Plan>;
}

interface Given<P extends Parameters> extends Pick<Command, "name" | "group" | "about"> {
  readonly parameters: P;
  readonly plan: (acting: Acting, values: ValuesOf<P>) => Promise<Plan>;
}

/** A command from its row. */
export const command = <P extends Parameters>({ plan, parameters, ...rest }: Given<P>): Command => ({
  ...rest,
  parameters,
  plan: async (acting, texts) => await plan(acting, valuesOf(parameters, texts)),
});

/** A command that is one call of one contract. */
export const callOf = <P extends Parameters>(
  row: Pick<Command, "name" | "group" | "about"> & { readonly parameters: P },
  call: (acting: Acting, values: ValuesOf<P>) => Promise<ContractTransaction>,
  notes: (acting: Acting, values: ValuesOf<P>) => Promise<readonly string[]> = () => Promise.resolve([]),
): Command =>
  command({
    ...row,
    plan: async (acting, values) => ({
      steps: [stepOf(row.name, () => call(acting, values))],
      notes: await notes(acting, values),
    }),
  });

/** A step that a person asked for by a command. */
export const stepOf = (name: string, call: Step["call"]): Step => ({ action: { kind: "called", command: name }, call });

/** A request that is not over. @throws AssayError USAGE when the market has none of this id. */
export async function requestOf({ context }: Acting, id: string): Promise<RequestView> {
  await context.ledger.sync();
  const view = isHash(id) ? context.ledger.requests.get(id) : undefined;
  if (view !== undefined) return view;
  const reason = `is ${id}: the market has no such request, or it is over since long`;
  throw new AssayError("USAGE", `request ${reason}`, { option: "request", reason });
}

/** A time in words. */
export const timeText = (seconds: bigint | number): string =>
  new Date(Number(seconds) * 1000).toISOString().replace(".000Z", "Z");
