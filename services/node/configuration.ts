import { availableParallelism } from "node:os";
import { readFile } from "node:fs/promises";

import { parseEther, parseUnits } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { AssayError } from "../../runner/errors.ts";
import { isHash } from "../../runner/files/fields.ts";
import { parseBeacons } from "../randomness/beacons.ts";
import { type Address, addressOf } from "../environment/listen.ts";
import { type Environment, nearestOf } from "../environment/options.ts";

/** What a node runs with. */
export interface Configuration {
  readonly rpc: readonly string[];
  readonly deployment: string;
  readonly keystore: string | undefined;
  readonly passwordFile: string | undefined;
  readonly keyVariable: string | undefined;
  readonly remoteAccount: string | undefined;
  readonly remoteSigner: string | undefined;
  readonly models: readonly string[];
  readonly versions: readonly Hash[];
  readonly modelBytes: number;
  readonly ipfsGateway: string | undefined;
  readonly store: string;
  readonly bucket: string | undefined;
  readonly bucketRegion: string;
  readonly database: string;
  readonly worker: string;
  readonly listen: Address | undefined;
  readonly endpoint: string | undefined;
  readonly monitor: Address | undefined;
  readonly intervalMilliseconds: number;
  readonly threads: number;
  readonly traceBytes: number;
  readonly privateUrls: boolean;
  readonly logLevel: string;
  readonly maxFeePerGas: bigint;
  readonly dailyWei: bigint;
  readonly bumpSeconds: number;
  readonly dryRun: boolean;
  readonly bonds: bigint;
  readonly beacons: readonly string[] | undefined;
}

interface Field<T> {
  readonly about: string;
  /** As it would stand in the file; undefined when there is none. */
  readonly fallback: string | undefined;
  readonly required?: boolean;
  /** @throws Error with what to give instead. */
  readonly parse: (text: string) => T;
}

const text = (value: string): string => value;
const list = (value: string): readonly string[] => value.split(";").filter((part) => part !== "");
const whole =
  (least: number, most: number) =>
  (value: string): number => {
    const number = Number(value);
    if (/^[0-9]+$/.test(value) && number >= least && number <= most) return number;
    throw new Error(`give a whole number from ${String(least)} to ${String(most)}`);
  };
const hashes = (value: string): readonly Hash[] => {
  const given = list(value);
  if (given.every(isHash)) return given;
  throw new Error("give ids: 0x and 64 lower-case hex digits");
};
const truth = (value: string): boolean => {
  if (value === "true" || value === "false") return value === "true";
  throw new Error("give true or false");
};
const url = (value: string): string => {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
  throw new Error("give a URL that begins with http:// or https://");
};
const urls = (value: string): readonly string[] => {
  const given = list(value);
  if (given.length === 0) throw new Error("give at least one URL");
  return given.map(url);
};
const address = (value: string): Address => {
  const parsed = addressOf(value);
  if (parsed === undefined) throw new Error("give HOST:PORT");
  return parsed;
};
const account = (value: string): string => {
  if (/^0x[0-9a-f]{40}$/i.test(value)) return value;
  throw new Error("give an address: 0x and 40 hex digits");
};
const amount =
  (unit: number) =>
  (value: string): bigint => {
    if (!/^[0-9]+(\.[0-9]+)?$/.test(value)) throw new Error("give a number that is not negative");
    return parseUnits(value, unit);
  };
const oneOf =
  (...names: readonly string[]) =>
  (value: string): string => {
    if (names.includes(value)) return value;
    throw new Error(`give one of ${names.join(", ")}`);
  };

const workerName = (value: string): string => {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(value)) return value;
  throw new Error("give up to 64 letters, digits, dots, lines");
};

type Fields = { readonly [K in keyof Configuration]: Field<NonNullable<Configuration[K]>> };

/** Every field of the file. Lists are lists in the file, and have `;` between them in the environment. */
export const FIELDS: Fields = {
  rpc: {
    about: "URLs of nodes of the chain, the preferred one first",
    fallback: undefined,
    required: true,
    parse: urls,
  },
  deployment: {
    about: "file with the addresses of the suite, as scripts/deploy.ts writes it",
    fallback: undefined,
    required: true,
    parse: text,
  },
  keystore: { about: "encrypted key file (Web3 Secret Storage) of the account", fallback: undefined, parse: text },
  passwordFile: { about: "file with the password of `keystore`", fallback: undefined, parse: text },
  keyVariable: {
    about: "name of an environment variable that holds the account's key",
    fallback: undefined,
    parse: text,
  },
  remoteAccount: {
    about: "address whose transactions `remoteSigner` signs, or, without one, the first node itself",
    fallback: undefined,
    parse: account,
  },
  remoteSigner: {
    about:
      "URL of a signer that keeps the key of `remoteAccount` (eth_signTransaction, as Web3Signer and Clef have it)",
    fallback: undefined,
    parse: url,
  },
  models: { about: "model files, sizes of symbolic dimensions behind a question mark", fallback: "", parse: list },
  versions: {
    about: "ids of published versions whose files are fetched from where the registry says, and verified",
    fallback: "",
    parse: hashes,
  },
  modelBytes: {
    about: "most bytes of one model of `versions`",
    fallback: String(2 ** 32),
    parse: whole(1, 2 ** 50),
  },
  ipfsGateway: { about: "URL of a server that fetches ipfs:// locations", fallback: undefined, parse: url },
  store: { about: "folder for traces and large inputs", fallback: ".assay/store", parse: text },
  bucket: {
    about:
      "URL of an S3 bucket for traces and large inputs, in the place of the folder; keys as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
    fallback: undefined,
    parse: url,
  },
  bucketRegion: { about: "its region", fallback: "us-east-1", parse: text },
  database: {
    about: "folder of the embedded database, or postgres://… for one that several machines share",
    fallback: ".assay/database",
    parse: text,
  },
  worker: {
    about: "name of this process among those that share a Postgres and an account: each has its own, and keeps it",
    fallback: "1",
    parse: workerName,
  },
  listen: { about: "HOST:PORT to serve blobs of the store on", fallback: undefined, parse: address },
  endpoint: { about: "URL under which others reach `listen`", fallback: undefined, parse: url },
  monitor: { about: "HOST:PORT of /health, /ready and /metrics", fallback: "127.0.0.1:9464", parse: address },
  intervalMilliseconds: { about: "pause between two looks at the chain", fallback: "2000", parse: whole(10, 600_000) },
  threads: {
    about: "executions of models at a time",
    fallback: String(Math.max(1, availableParallelism() - 1)),
    parse: whole(1, 256),
  },
  traceBytes: {
    about: "bytes of traces that a watcher keeps in memory",
    fallback: String(2 * 2 ** 30),
    parse: whole(0, 2 ** 50),
  },
  privateUrls: {
    about: "whether strangers' URLs may lead to private addresses: for development chains only",
    fallback: "false",
    parse: truth,
  },
  logLevel: {
    about: "least level of what is logged",
    fallback: "info",
    parse: oneOf("debug", "info", "warn", "error"),
  },
  maxFeePerGas: { about: "most that a unit of gas may cost, in gwei", fallback: "500", parse: amount(9) },
  dailyWei: { about: "most that all transactions of a day may cost, in ether", fallback: "1", parse: amount(18) },
  bumpSeconds: { about: "seconds after which a transaction pays more", fallback: "60", parse: whole(1, 86_400) },
  dryRun: { about: "true sends nothing", fallback: "false", parse: truth },
  beacons: {
    about: "https URLs of a drand chain, where that is the source of seeds",
    fallback: undefined,
    parse: (value) => parseBeacons(list(value).join(",")),
  },
  bonds: {
    about: "tokens that a watcher keeps at hand for bonds",
    fallback: "1000",
    parse: (value) => parseEther(value),
  },
};

/** The variable that overrides a field: `ASSAY_NODE_LOG_LEVEL` for `logLevel`. */
export const variableOf = (field: string): string =>
  `ASSAY_NODE_${field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/**
 * Reads a configuration file (JSON) and what the environment overrides.
 * @throws AssayError CONFIGURATION_INVALID with every mistake, not only the first; FILE_UNREADABLE.
 */
export async function readConfiguration(file: string | undefined, environment: Environment): Promise<Configuration> {
  const mistakes: string[] = [];
  const given = file === undefined ? {} : await objectIn(file, mistakes);
  const names = Object.keys(FIELDS);
  for (const name of Object.keys(given)) {
    if (!names.includes(name))
      mistakes.push(`${name}: there is no such field; did you mean ${nearestOf(name, names)}?`);
  }
  for (const name of Object.keys(environment)) {
    if (!name.startsWith("ASSAY_NODE_") || names.some((field) => variableOf(field) === name)) continue;
    mistakes.push(`${name}: no field has this variable; did you mean ${nearestOf(name, names.map(variableOf))}?`);
  }
  const entries = Object.entries(FIELDS).map(([name, field]: [string, Field<unknown>]) => {
    const variable = variableOf(name);
    const value = environment[variable] ?? textOf(given[name]) ?? field.fallback;
    if (value === undefined || (value === "" && field.fallback !== "")) {
      if (field.required === true) mistakes.push(`${name} (or ${variable}): ${field.about}: it must be given`);
      return [name, undefined] as const;
    }
    try {
      return [name, field.parse(value)] as const;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const source = environment[variable] === undefined ? name : variable;
      mistakes.push(`${source} is "${value}": ${reason}`);
      return [name, undefined] as const;
    }
  });
  const configuration = Object.fromEntries(entries) as unknown;
  const { keystore, passwordFile, keyVariable, remoteAccount, remoteSigner } = configuration as Configuration;
  const keys = [keystore, keyVariable, remoteAccount].filter((key) => key !== undefined);
  if (keys.length > 1) mistakes.push("give only one of keystore, keyVariable and remoteAccount");
  if (keystore !== undefined && passwordFile === undefined) mistakes.push("passwordFile: keystore needs it");
  if (remoteSigner !== undefined && remoteAccount === undefined) mistakes.push("remoteAccount: remoteSigner needs it");
  if (mistakes.length > 0) {
    const source = file ?? "the environment";
    const words = [`${source} has ${String(mistakes.length)} mistakes:`, ...mistakes.map((mistake) => `  ${mistake}`)];
    throw new AssayError("CONFIGURATION_INVALID", words.join("\n"), { file: source, mistakes });
  }
  return configuration as Configuration;
}

async function objectIn(file: string, mistakes: string[]): Promise<Readonly<Record<string, unknown>>> {
  const content = await readFile(file, "utf8").catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AssayError("FILE_UNREADABLE", `${file} cannot be read: ${reason}`, { path: file, reason });
  });
  try {
    const parsed: unknown = JSON.parse(content);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
    mistakes.push("it is not an object");
  } catch (error) {
    mistakes.push(`it is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return {};
}

/** A value of the file as the environment would give it. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map((part: unknown) => textOf(part) ?? "").join(";");
  return JSON.stringify(value);
}
