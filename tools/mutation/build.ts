import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import { AssayError } from "../../runner/errors.ts";
import { childrenOf, isNode, walk } from "./tree.ts";

/*
 * Compiles single contracts with other sources, from what Hardhat's last build says about settings and dependencies.
 * Only contracts that import the changed file are compiled, and only they: seconds instead of a build.
 */

/** Standard JSON input of solc, as far as it matters here. */
export interface CompilerInput {
  readonly language: string;
  readonly sources: Readonly<Record<string, { readonly content: string }>>;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Code of a contract as solc gives it. */
export interface Code {
  readonly object: string;
  readonly linkReferences?: object;
  readonly immutableReferences?: object;
}

/** What solc says about one contract. */
export interface CompiledContract {
  readonly evm: { readonly bytecode: Code; readonly deployedBytecode: Code };
}

/** Standard JSON output of solc, as far as it matters here. */
export interface CompilerOutput {
  readonly errors?: readonly { readonly severity: string; readonly message: string }[];
  readonly sources?: Readonly<Record<string, { readonly ast: unknown }>>;
  readonly contracts?: Readonly<Record<string, Readonly<Record<string, CompiledContract>>>>;
}

/** A contract that a test can deploy: `source` as the compiler names it, `path` from the clone's folder. */
export interface Target {
  readonly source: string;
  readonly path: string;
  readonly name: string;
}

/** Compiled code of targets by name; undefined when it did not compile. */
export type Compiled = ReadonlyMap<string, CompiledContract> | undefined;

interface BuildInfo {
  readonly userSourceNameMap: Readonly<Record<string, string>>;
  readonly input: CompilerInput;
}

const PROJECT = "project/";
const CODE = ["bytecode", "deployedBytecode"].flatMap((code) =>
  ["object", "linkReferences", "immutableReferences"]
    .filter((field) => code === "deployedBytecode" || field !== "immutableReferences")
    .map((field) => `evm.${code}.${field}`),
);
/** Longest code that a chain takes, in bytes. */
const MOST_CODE = 24_576;

const readBuilds = (root: string): readonly BuildInfo[] => {
  const folder = join(root, "artifacts", "build-info");
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json") && !file.endsWith(".output.json"))
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as BuildInfo);
};

/** The compiler, the project's sources and their trees. */
export class Build {
  readonly #worker = new Worker(new URL("./compiler.ts", import.meta.url));
  readonly #sources: Record<string, { readonly content: string }> = {};
  readonly #settings = new Map<string, Readonly<Record<string, unknown>>>();
  readonly #trees = new Map<string, unknown>();
  #asked = 0;

  private constructor(root: string) {
    for (const { userSourceNameMap, input } of readBuilds(root)) {
      for (const source of Object.values(userSourceNameMap)) this.#settings.set(source, input.settings);
      for (const [source, { content }] of Object.entries(input.sources)) {
        const path = join(root, source.slice(PROJECT.length));
        if (!source.startsWith(PROJECT)) this.#sources[source] = { content };
        else if (existsSync(path)) this.#sources[source] = { content: readFileSync(path, "utf8") };
      }
    }
  }

  /** Reads the build of the clone at `root`, which must be fresh. */
  static async of(root: string): Promise<Build> {
    const build = new Build(root);
    const [settings = {}] = build.#settings.values();
    const { sources = {} } = await build.#ask({ ...settings, outputSelection: { "*": { "": ["ast"] } } });
    for (const [source, { ast }] of Object.entries(sources)) build.#trees.set(source, ast);
    return build;
  }

  /** Ends the compiler's thread. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  /**
   * The source that declares a contract or library of this name.
   * @throws {AssayError} USAGE when there is none outside of the mocks.
   */
  sourceOf(name: string): string {
    const source = [...this.#trees.keys()].find(
      (one) => one.startsWith(`${PROJECT}contracts/`) && !one.includes("/mocks/") && one.endsWith(`/${name}.sol`),
    );
    if (source !== undefined) return source;
    throw new AssayError("USAGE", `There is no contract ${name}.`, { option: "contract", reason: name });
  }

  /** Names of all files of contracts, in order; without mocks and interfaces. */
  contracts(): readonly string[] {
    return [...this.#trees.keys()]
      .filter((one) => one.startsWith(`${PROJECT}contracts/`) && !/\/(mocks|interfaces)\//.test(one))
      .sort()
      .map((one) => one.slice(one.lastIndexOf("/") + 1, -".sol".length));
  }

  /** The text of a source. */
  textOf(source: string): string {
    return this.#sources[source]?.content ?? "";
  }

  /** The tree of a source. */
  treeOf(source: string): unknown {
    return this.#trees.get(source);
  }

  /** Contracts with code whose source is `source` or imports it, directly or not. */
  targetsOf(source: string): readonly Target[] {
    return [...this.#trees].flatMap(([one, tree]) => {
      if (!one.startsWith(PROJECT) || !isNode(tree) || !this.#closureOf(one).has(source)) return [];
      return childrenOf(tree, "nodes")
        .filter(({ nodeType, abstract, contractKind }) => {
          return nodeType === "ContractDefinition" && abstract === false && contractKind === "contract";
        })
        .map(({ name }) => ({ source: one, path: one.slice(PROJECT.length), name: String(name) }));
    });
  }

  /**
   * Compiles targets with `text` in place of a source.
   * @param quick Without via-IR: several times faster where the compiler can do it.
   */
  async compile(targets: readonly Target[], source: string, text: string, quick: boolean): Promise<Compiled> {
    const compiled = new Map<string, CompiledContract>();
    for (const settings of new Set(targets.map(({ source: one }) => this.#settingsOf(one)))) {
      const group = targets.filter(({ source: one }) => this.#settingsOf(one) === settings);
      const sources = this.#needed(group);
      const outputSelection = Object.fromEntries(group.map(({ source: one, name }) => [one, { [name]: CODE }]));
      const { contracts = {}, errors = [] } = await this.#ask(
        { ...settings, ...(quick ? { viaIR: false } : {}), outputSelection },
        { ...sources, [source]: { content: text } },
      );
      if (errors.some(({ severity }) => severity === "error")) return undefined;
      for (const { source: one, name } of group) {
        const contract = contracts[one]?.[name];
        if (contract === undefined) return undefined;
        compiled.set(name, contract);
      }
    }
    return compiled;
  }

  /** Whether the quick way gives code that a chain takes. */
  async isQuick(targets: readonly Target[], source: string): Promise<boolean> {
    const compiled = await this.compile(targets, source, this.textOf(source), true);
    const sizes = [...(compiled?.values() ?? [])].map(({ evm }) => evm.deployedBytecode.object.length / 2);
    return compiled !== undefined && sizes.every((size) => size <= MOST_CODE);
  }

  #settingsOf(source: string): Readonly<Record<string, unknown>> {
    return this.#settings.get(source) ?? {};
  }

  #needed(targets: readonly Target[]): CompilerInput["sources"] {
    const names = new Set(targets.flatMap(({ source }) => [...this.#closureOf(source)]));
    return Object.fromEntries(Object.entries(this.#sources).filter(([name]) => names.has(name)));
  }

  /** A source and all that it imports. */
  #closureOf(source: string, known = new Set<string>()): Set<string> {
    if (known.has(source)) return known;
    known.add(source);
    const tree = this.#trees.get(source);
    if (!isNode(tree)) return known;
    for (const { node } of walk(
      tree,
      ({ field, node: { nodeType } }) => field !== "" && nodeType !== "ImportDirective",
    )) {
      if (typeof node.absolutePath === "string") this.#closureOf(node.absolutePath, known);
    }
    return known;
  }

  #ask(
    settings: CompilerInput["settings"],
    sources: CompilerInput["sources"] = this.#sources,
  ): Promise<CompilerOutput> {
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      const hear = (message: { readonly id: number; readonly output: CompilerOutput }): void => {
        if (message.id !== id) return;
        this.#worker.off("message", hear);
        this.#worker.off("error", reject);
        resolve(message.output);
      };
      this.#worker.on("message", hear);
      this.#worker.once("error", reject);
      this.#worker.postMessage({ id, input: { language: "Solidity", sources, settings } });
    });
  }
}
