import { AssayError } from "../../runner/errors.ts";

/** Every option that a script reads from the environment, and what it is for: the scripts' help is made of this. */
export const OPTIONS = {
  ASSAY_ACCOUNT: "index of the account to act for, default 0",
  ASSAY_BEACONS: "https URLs of a drand chain, with commas between them, default those of quicknet",
  ASSAY_DEPLOYMENTS: "folder of the addresses of deployments, default deployments",
  ASSAY_ENDPOINT: "URL under which others reach ASSAY_LISTEN",
  ASSAY_FEE: "price of the answer in whole tokens, default 20",
  ASSAY_GOVERNANCE: "address that governs after the delay, default the deployer",
  ASSAY_GUARDIAN: "address that may pause and unpause, default who governs",
  ASSAY_HELP: "1 prints which options a script reads, and does nothing else",
  ASSAY_INPUT: "NAME=FILE,… of every input: .npy, .pb or .json",
  ASSAY_INTERVAL: "milliseconds between two looks at the chain, default 2000",
  ASSAY_LICENCE: "SPDX licence of the model, default MIT",
  ASSAY_LISTEN: "HOST:PORT to serve the store on; without it, others need the same store",
  ASSAY_MODEL: "model file, sizes of symbolic dimensions behind a question mark: model.onnx?N=1",
  ASSAY_MODELS: "model files, with ; between them: a.onnx?N=1;b.onnx",
  ASSAY_MODES: "evidence that the answer must bring: optimistic, or optimistic+signature, default optimistic",
  ASSAY_ONCE: "1 for one look at the chain only",
  ASSAY_PARAMETERS: "JSON5 file like those in ignition/parameters/",
  ASSAY_PARENTS: "VERSION:RELATION,… where VERSION is an id, or a model file for its newest version",
  ASSAY_PRIVATE_URLS: "1 to fetch from URLs that lead to private addresses, as on a development chain",
  ASSAY_RANDOMNESS: "source of the seeds of draws: drand, randao or local, default drand, on a local chain local",
  ASSAY_REQUEST: "id of a request that an earlier run opened: goes on waiting for that one",
  ASSAY_ROYALTY_BPS: "share of every fee for the publisher, in 1/10,000, default 0",
  ASSAY_ROYALTY_RECIPIENT: "who gets the royalty",
  ASSAY_RPC_URL: "URL of the chain of --network localhost, default http://127.0.0.1:8545",
  ASSAY_SECRET: "32 secret bytes in hex, default a file beside the store, made when it is not there",
  ASSAY_STAKE: "stake to have in whole tokens, default 5000",
  ASSAY_STORE: "folder for traces and large inputs, default .assay/store",
  ASSAY_TOKEN: "address of a token with 18 decimals that is there already, default a token for tests is deployed",
  ASSAY_URI: "where the model file can be fetched, default its name",
  ASSAY_VALUE: "what a wrong answer would cost in whole tokens, default 200",
  ASSAY_VERIFY:
    "where the sources are verified: sourcify, etherscan (with ETHERSCAN_API_KEY), both with a comma, or none",
  ASSAY_WAIT: "final, claimed or none: what to wait for, default final",
  ASSAY_WINDOW: "seconds in which the answer can be challenged, default 60",
} as const;

export type OptionName = keyof typeof OPTIONS;

export type Environment = Readonly<Record<string, string | undefined>>;

/** An option from the environment. Empty counts as not given. */
export const option = (name: OptionName): string | undefined => process.env[name] || undefined;

/** An option that must be there. @throws AssayError OPTION_INVALID with what it is for. */
export function requiredOption(name: OptionName): string {
  const value = option(name);
  if (value !== undefined) return value;
  const remedy = `set it to ${OPTIONS[name]}`;
  throw new AssayError("OPTION_INVALID", `${name} is not set: ${remedy}`, { name, value: "", remedy });
}

/** A whole number within bounds, or its default. @throws AssayError OPTION_INVALID. */
export function integerOption(name: OptionName, fallback: number, minimum: number, maximum: number): number {
  const text = option(name);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value;
  throw invalid(name, text, `give a whole number from ${String(minimum)} to ${String(maximum)}`);
}

/** `a=1,b=2` as a record of numbers. @throws AssayError OPTION_INVALID. */
export function sizesOption(name: OptionName, text: string): Readonly<Record<string, number>> {
  const entries = text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const [key = "", size = ""] = part.split("=");
      if (key === "" || !/^[1-9][0-9]{0,9}$/.test(size)) throw invalid(name, text, "give NAME=SIZE,NAME=SIZE,…");
      return [key, Number(size)] as const;
    });
  return Object.fromEntries(entries);
}

export const invalid = (name: OptionName, value: string, remedy: string): AssayError<"OPTION_INVALID"> =>
  new AssayError("OPTION_INVALID", `${name} is "${value}": ${remedy}`, { name, value, remedy });

/**
 * Refuses options that no script knows: a misspelt one would do nothing, and its default may be somebody else's account.
 * @throws AssayError OPTION_INVALID with the known name that is most like it.
 */
export function refuseUnknownOptions(environment: Environment): void {
  for (const [name, value = ""] of Object.entries(environment)) {
    // Those of a node are checked against its configuration.
    if (!name.startsWith("ASSAY_") || name.startsWith("ASSAY_NODE_") || Object.hasOwn(OPTIONS, name)) continue;
    const nearest = nearestOf(name, Object.keys(OPTIONS));
    const remedy = `no script reads ${name}; did you mean ${nearest}?`;
    throw new AssayError("OPTION_INVALID", remedy, { name, value, remedy });
  }
}

/** The known name that is most like another one. */
export const nearestOf = (name: string, known: readonly string[]): string =>
  known.reduce((best, other) => (distance(name, other) < distance(name, best) ? other : best));

/** How many letters must be put in, taken out, changed or swapped with the next one to make one text the other. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    const above = rows[i - 1] ?? [];
    for (let j = 1; j <= b.length; j++) {
      const changed = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (rows[i - 2]?.[j - 2] ?? Infinity) + 1 : Infinity;
      row.push(Math.min(changed, swapped, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? 0;
}
