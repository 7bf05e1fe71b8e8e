import { join } from "node:path";

import { parseEther } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { RELATION } from "../../runner/protocol/enums.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { type Connection, contextOf, type Signer } from "../../services/chain/connection.ts";
import { deploySuite } from "../../services/chain/deploy.ts";
import { attach, type Deployment, type Suite } from "../../services/chain/deployment.ts";
import { type HostedModel, type Run } from "../../services/models/models.ts";
import { OperatorService } from "../../services/operator/operator.ts";
import { publish } from "../../services/publisher/publish.ts";
import type { ServiceContext } from "../../services/chain/context.ts";
import { CHAIN_CLOCK } from "../../services/environment/clock.ts";
import type { Reporter } from "../../services/environment/events.ts";
import { allow, fund } from "../../services/chain/funds.ts";
import { join as joinOperators } from "../../services/operator/stake.ts";
import { WatcherService } from "../../services/watcher/watcher.ts";
import { openWorkshop } from "../../services/work/workshop.ts";
import { phraseOf } from "./phrases.ts";
import { type Print, Story, tokens } from "./story.ts";

/** Everybody who takes part, ready to play. */
export interface Cast {
  readonly deployment: Deployment;
  readonly suite: Suite;
  readonly story: Story;
  readonly publisher: Signer;
  readonly requester: Signer;
  readonly watcherAccount: Signer;
  readonly asking: ServiceContext;
  readonly watcher: WatcherService;
  readonly operators: readonly { readonly signer: Signer; readonly operator: OperatorService }[];
  /** Version of the model that is asked. */
  readonly versionId: Hash;
  /** What an operator claims instead of its honest run, by its address. */
  readonly lies: Map<string, Run>;
}

const STAKE = parseEther("5000");
const NAMES = ["Ada", "Bruno", "Chen"];

/** Deploys the suite, publishes the models, the last of which is asked, and brings operators and a watcher in. */
export async function assemble(
  connection: Connection,
  models: readonly HostedModel[],
  folder: string,
  print: Print,
): Promise<Cast> {
  const { ethers } = connection;
  const [deployer, publisher, requester, watcherAccount, ...signers] = (await ethers.getSigners()).slice(0, 7);
  if (deployer === undefined || publisher === undefined || requester === undefined || watcherAccount === undefined) {
    throw new Error("the chain has too few accounts");
  }
  const deployment = await deploySuite(connection);
  const suite = attach(deployment, deployer);
  const story = new Story(suite, deployment, print);
  story.name(deployer.address, "Deployer");
  story.name(publisher.address, "Publisher");
  story.name(requester.address, "Requester");
  story.name(watcherAccount.address, "Watcher");
  signers.forEach(({ address }, i) => {
    story.name(address, NAMES[i] ?? address);
  });
  const report: Reporter = (event) => {
    if (event.kind !== "sent") return;
    story.record(story.nameOf(event.from), phraseOf(event.action), event.receipt, event.calldata);
  };
  const contextFor = (signer: Signer): ServiceContext =>
    contextOf(connection, deployment, signer, { report, clock: CHAIN_CLOCK });

  story.chapter("Models are published, operators stake");
  print(`  ${"who".padEnd(10)} ${"does what".padEnd(36)} ${"gas".padStart(9)}  and what it buys`);
  const publishing = contextFor(publisher);
  const versions: Hash[] = [];
  for (const model of models) {
    const parents = versions.slice(-1).map((versionId) => ({ versionId, relation: RELATION.quantisedFrom }));
    versions.push(await publish(publishing, model, { royaltyBps: 500, royaltyRecipient: publisher.address, parents }));
  }
  const versionId = versions.at(-1);
  if (versionId === undefined) throw new Error("there is no model to publish");

  const store = createFolderStore(folder);
  const workshop = openWorkshop({ clock: CHAIN_CLOCK, privateAddresses: true });
  const lies = new Map<string, Run>();
  const operators: { readonly signer: Signer; readonly operator: OperatorService }[] = [];
  for (const signer of signers) {
    const context = contextFor(signer);
    const what = `joins and stakes ${tokens(STAKE)} ASSAY`;
    await story.digest(story.nameOf(signer.address), what, "something to lose, a place in the draw", async () => {
      await joinOperators(context, models, { amount: STAKE, endpoint: "" });
    });
    const tamper = (run: Run): Promise<Run> => Promise.resolve(lies.get(signer.address) ?? run);
    operators.push({
      signer,
      operator: new OperatorService({
        ...context,
        ...{ models, store, workshop, tamper },
        custody: join(folder, "held", signer.address),
        locationPrefix: "store:",
      }),
    });
  }
  await connection.networkHelpers.time.increase(await suite.pools.EPOCH_SECONDS());
  story.say("Draws count them from the next epoch on.");
  const watching = contextFor(watcherAccount);
  const asking = contextFor(requester);
  await story.digest("Watcher", "gets ready to post bonds", "it lives on rewards for convictions", async () => {
    await fund(watching, parseEther("1000"));
    await allow(watching, suite.court);
  });
  const watcher = new WatcherService({ ...watching, models, store, workshop, secret: `0x${"5e".repeat(32)}` });
  const parts = { deployment, suite, story, publisher, requester, watcherAccount };
  return { ...parts, asking, watcher, operators, versionId, lies };
}
