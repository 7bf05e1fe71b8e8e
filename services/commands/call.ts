import type { BaseContract, ContractTransaction } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import { NAMES, type Suite } from "../chain/deployment.ts";
import { nearestOf } from "../environment/options.ts";

/** Any function of any contract of the suite, with its arguments: for what no command of its own is worth. */
export interface AnyCall {
  /** Whether it only reads. */
  readonly reads: boolean;
  readonly read: () => Promise<unknown>;
  readonly populate: () => Promise<ContractTransaction>;
}

/**
 * @param contract Name of the contract, as `deployments/` has it.
 * @param method Name or signature of the function.
 * @param texts Its arguments: words, or JSON for lists and structs.
 * @throws AssayError USAGE for names that the suite does not have, and for another number of arguments.
 */
export function callIn(suite: Suite, contract: string, method: string, texts: readonly string[]): AnyCall {
  const fail = (reason: string): AssayError => new AssayError("USAGE", `call ${reason}`, { option: "call", reason });
  const key = Object.entries(NAMES).find(([, name]) => name === contract)?.[0];
  const target = key === undefined ? undefined : (suite as Readonly<Record<string, BaseContract>>)[key];
  if (target === undefined) {
    throw fail(`knows no contract ${contract}; did you mean ${nearestOf(contract, Object.values(NAMES))}?`);
  }
  const names = target.interface.fragments.flatMap((each) =>
    each.type === "function" && "name" in each ? [String(each.name)] : [],
  );
  const fragment = (() => {
    try {
      return target.interface.getFunction(method);
    } catch {
      return null;
    }
  })();
  if (fragment === null)
    throw fail(`finds no function ${method} in ${contract}; did you mean ${nearestOf(method, names)}?`);
  const inputs = fragment.inputs.map(({ name, type }) => `${type} ${name}`).join(", ");
  if (texts.length !== fragment.inputs.length)
    throw fail(`of ${method} takes ${String(fragment.inputs.length)} arguments: ${inputs}`);
  const args = texts.map((text, i) =>
    /[[(]/.test(fragment.inputs[i]?.type ?? "") || fragment.inputs[i]?.baseType === "tuple" ? parsed(text, fail) : text,
  );
  const found = target.getFunction(fragment.format());
  return {
    reads: fragment.constant,
    read: async () => (await found.staticCallResult(...args)).toArray() as unknown,
    populate: () => found.populateTransaction(...args),
  };
}

function parsed(text: string, fail: (reason: string) => Error): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw fail(`takes a list or struct as JSON, not ${text}`);
  }
}
