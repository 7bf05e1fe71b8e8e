import { writeFile } from "node:fs/promises";

import { type Command as CommandLine, Option } from "commander";
import { formatEther } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { AssayError } from "../../runner/errors.ts";
import { isHash } from "../../runner/files/fields.ts";
import { readInputs } from "../../runner/files/model.ts";
import { readBytes } from "../../runner/files/read.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { readTensorOf } from "../../runner/files/tensor-file.ts";
import { manifestFile } from "../../runner/inspection/manifest-file.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import { serveBlobs } from "../blobs/blobs.ts";
import { OPTIMISTIC_MODE, policyOf, SIGNATURE_MODE } from "../chain/evidence.ts";
import { TERMS, termsOf } from "../commands/operator.ts";
import { tokens, valuesOf, whole } from "../commands/parameters.ts";
import { perform } from "../commands/perform.ts";
import { hostModel, type HostedModel } from "../models/models.ts";
import { expectPublished, joinedModels, stepsToJoin } from "../operator/stake.ts";
import { parentsFrom, publicationOf } from "../publisher/publish.ts";
import { newestVersion, openedIn, stepsToAsk, typesOf } from "../requester/ask.ts";
import { AssayClient } from "../requester/client.ts";
import { namedOutputs } from "../requester/request.ts";
import { act, actionLine, addOptions, type CommandOptions } from "./commands.ts";
import { type OpenCommand, openCommand } from "./open-command.ts";

/* The commands that need more than one call: to become an operator, to publish, to ask. */

const QUESTION = {
  fee: tokens("price of the answer, in tokens", "20"),
  value: tokens("what a wrong answer would cost, in tokens: sets the stake that is locked", "200"),
  window: whole(0n, 604_800n)("seconds in which the answer can be challenged", "60"),
};
const MODES = { optimistic: policyOf(OPTIMISTIC_MODE), signature: policyOf(OPTIMISTIC_MODE, SIGNATURE_MODE) };

type Texts = Readonly<Record<string, string | undefined>>;

export function addParticipation(program: CommandLine, signal: AbortSignal): void {
  const stake = actionLine(
    ...([program, "stake", "Operator:"] as const),
    "brings the stake to an amount, sets key and endpoint, opts in to the configured models and versions",
  ).argument("<amount>", "tokens that shall be staked");
  addOptions(stake, TERMS);
  stake.action(async (amount: string, options: CommandOptions & Texts) => {
    const wanted = valuesOf({ amount: tokens("") }, { amount }).amount;
    await act(options, async ({ configuration, context }) => {
      const { models, versions, endpoint = "" } = configuration;
      const hosted: HostedModel[] = [];
      for (const spec of models) hosted.push(await hostModel(spec));
      await context.ledger.sync();
      const known = (id: string): boolean => context.ledger.version(id) !== undefined;
      const joined = [
        ...joinedModels(context, hosted),
        ...versions.map((id) => ({ name: id, versionIds: known(id) ? [id] : [] })),
      ];
      expectPublished(joined);
      const terms = termsOf(valuesOf(TERMS, options));
      return { steps: await stepsToJoin(context, joined, { amount: wanted, endpoint, terms }) };
    });
  });

  actionLine(program, "publish", "Publisher:", "compiles a model file and publishes its commitment")
    .argument("<model>", "its file, sizes of symbolic dimensions behind a question mark: model.onnx?N=1")
    .option("--uri <url>", "where the file can be fetched, FILE.manifest.json beside it; default its name")
    .option("--licence <spdx>", "SPDX licence", "MIT")
    .option("--parents <list>", "VERSION:RELATION,… that it descends from", "")
    .option("--royalty-bps <number>", "share of every fee, in 1/10,000", "0")
    .option("--royalty-recipient <address>", "who gets it")
    .option("--manifest <file>", "write the manifest, which is served beside the file")
    .action(async (spec: string, options: CommandOptions & Texts) => {
      const hosted = await hostModel(spec);
      await act(options, async ({ context }) => {
        await context.ledger.sync();
        const { uri, licence, parents = "", royaltyBps, royaltyRecipient, manifest } = options;
        const royalty = valuesOf({ royaltyBps: whole(0n, 5_000n)("") }, { royaltyBps }).royaltyBps;
        const { versionId, steps } = await publicationOf(context, hosted, {
          ...{ uri, licence, royaltyBps: Number(royalty), royaltyRecipient },
          parents: await parentsFrom(context, parents),
        });
        if (manifest !== undefined) await writeFile(manifest, manifestText(hosted, spec));
        const notes = [`${hosted.name} is version ${versionId}`];
        return { steps, notes: steps.length === 0 ? [...notes, "it is published already"] : notes };
      });
    });

  const ask = actionLine(program, "ask", "Requester:", "asks, waits for the answer and prints it as JSON")
    .argument("<inputs...>", "with --model NAME=FILE for each input; with --version the files alone, in order")
    .option("--version <id>", "version that is asked")
    .option("--model <file>", "model file whose newest version is asked")
    .addOption(
      new Option("--evidence <kind>", "what the answer must bring").choices(Object.keys(MODES)).default("optimistic"),
    )
    .addOption(waitOption());
  addOptions(ask, QUESTION);
  ask.action(async (files: string[], options: CommandOptions & Texts) => {
    await withClient(options, true, signal, async (opened, client) => {
      const { context, configuration } = opened;
      const { version, inputs, hosted } = await askedOf(opened, options, files);
      const { fee, value: valueAtRisk, window } = valuesOf(QUESTION, options);
      const policy = MODES[options.evidence as keyof typeof MODES];
      const place = { store: createFolderStore(configuration.store), locationPrefix: prefixOf(configuration) };
      const terms = { inputs, policy, fee, valueAtRisk, windowSeconds: Number(window), ...place };
      const dryRun = (options.dryRun as unknown) === true || configuration.dryRun;
      const plan = {
        steps: await stepsToAsk(context, version, terms),
        notes: [`the fee is ${formatEther(fee)} tokens`],
      };
      const receipts = await perform(context, plan, { dryRun, print: console.error });
      if (dryRun) return;
      const requestId = openedIn(context, receipts.at(-1));
      console.error(`request ${requestId}`);
      await print(client, requestId, hosted, options.wait, signal);
    });
  });

  actionLine(program, "wait", "Requester:", "waits for the answer of a request that was opened before")
    .argument("<request>", "its id")
    .addOption(waitOption())
    .action(async (id: string, options: CommandOptions & Texts) => {
      await withClient(options, true, signal, async (_, client) => {
        await print(client, requestIn(id), undefined, options.wait, signal);
      });
    });

  program
    .command("verify")
    .helpGroup("Reading:")
    .description("executes a request here and compares; ends with 1 when its answer is wrong")
    .argument("<request>", "its id")
    .option("--config <file>", "configuration file")
    .option("--model <file>", "model file; without it, the publisher's is fetched")
    .action(async (id: string, options: CommandOptions & Texts) => {
      await withClient(options, false, signal, async (_, client) => {
        const { right, claimedRoot, outputRoot, outputs } = await client.verify(requestIn(id), options.model);
        const values = namedOutputs(undefined, outputs);
        console.log(JSON.stringify({ right, claimedRoot, outputRoot, outputs: values }, null, 2));
        if (!right) process.exitCode = 1;
      });
    });
}

const waitOption = (): Option =>
  new Option("--wait <stage>", "what to wait for").choices(["final", "claimed", "none"]).default("final");

const requestIn = (text: string): Hash => {
  if (isHash(text)) return text;
  const reason = `is "${text}": give the id of a request`;
  throw new AssayError("USAGE", `request ${reason}`, { option: "request", reason });
};

/** What is asked, and with what. */
async function askedOf({ context }: OpenCommand, { version, model }: Texts, files: readonly string[]) {
  if ((version === undefined) === (model === undefined)) {
    const reason = "needs --version or --model, not both";
    throw new AssayError("USAGE", `ask ${reason}`, { option: "--version", reason });
  }
  if (model !== undefined) {
    const hosted = await hostModel(model);
    await context.ledger.sync();
    return { version: newestVersion(context, hosted), inputs: readInputs(hosted.model, "inputs", files), hosted };
  }
  const versionId = requestIn(version ?? "");
  const types = (await typesOf(context, versionId)).inputs;
  if (files.length !== types.length) {
    const reason = `are ${String(files.length)} files; the version takes ${String(types.length)}`;
    throw new AssayError("USAGE", `inputs ${reason}`, { option: "inputs", reason });
  }
  const inputs: Tensor[] = types.map((type, i) => readTensorOf(files[i] ?? "", `input ${String(i)}`, type));
  return { version: { versionId, name: versionId }, inputs, hosted: undefined };
}

/** Runs something with a client that lives as long as it; its store is served meanwhile, if the configuration says so. */
async function withClient(
  { config }: CommandOptions,
  acts: boolean,
  signal: AbortSignal,
  run: (opened: OpenCommand, client: AssayClient) => Promise<void>,
): Promise<void> {
  const opened = await openCommand(config, process.env, acts);
  const { configuration, context, deployment } = opened;
  const { store: folder, privateUrls, intervalMilliseconds, listen, ipfsGateway } = configuration;
  const store = createFolderStore(folder);
  const ended = new AbortController();
  try {
    if (acts && listen !== undefined) await serveBlobs(store, listen, AbortSignal.any([signal, ended.signal]));
    const client = new AssayClient(
      { ...context, deployment },
      {
        ...{ store, intervalMilliseconds, privateAddresses: privateUrls, modelFolder: `${folder}/models` },
        ...(ipfsGateway === undefined ? {} : { ipfsGateway }),
      },
    );
    await run(opened, client);
  } finally {
    ended.abort();
    opened.close();
  }
}

/** What stands before a blob's id in locations. */
const prefixOf = ({ listen, endpoint }: OpenCommand["configuration"]): string => {
  if (listen === undefined) return "store:";
  return `${endpoint ?? `http://${listen.host}:${String(listen.port)}`}/blobs/`;
};

async function print(
  client: AssayClient,
  requestId: Hash,
  hosted: HostedModel | undefined,
  until: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (until === "none") return;
  const outcome = await client.wait(requestId, { provisional: until === "claimed", signal });
  await client.collect();
  console.log(JSON.stringify({ ...outcome, outputs: namedOutputs(hosted, outcome.outputs) }, null, 2));
  if (outcome.finality === "failed") process.exitCode = 1;
}

const manifestText = ({ commitment, model, path }: HostedModel, spec: string): string => {
  const sizes = new URLSearchParams((spec.split("?")[1] ?? "").replaceAll(",", "&"));
  const shapes = Object.fromEntries([...sizes].map(([name, size]) => [name, Number(size)]));
  return `${JSON.stringify(manifestFile(commitment, model, readBytes(path), shapes), null, 2)}\n`;
};
