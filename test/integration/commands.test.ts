import type { Signer } from "../../services/chain/connection.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { parseEther } from "ethers";

import { readInputs } from "../../runner/files/model.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import type { Acting, Command } from "../../services/commands/command.ts";
import { GOVERNANCE_COMMANDS } from "../../services/commands/governance.ts";
import { OPERATOR_COMMANDS } from "../../services/commands/operator.ts";
import { callIn } from "../../services/commands/call.ts";
import { callText, perform } from "../../services/commands/perform.ts";
import { PUBLISHER_COMMANDS } from "../../services/commands/publisher.ts";
import { READ_COMMANDS } from "../../services/commands/reading.ts";
import { REQUESTER_COMMANDS } from "../../services/commands/requester.ts";
import { describeError } from "../../services/environment/describe.ts";
import { type HostedModel, hostModel } from "../../services/models/models.ts";
import { OPEN_TERMS } from "../../services/operator/stake.ts";
import { publish } from "../../services/publisher/publish.ts";
import { type CourtStage, FEE, openStage, WINDOW_SECONDS } from "../../testing/court-stage.ts";

const COMMANDS: readonly Command[] = [
  ...OPERATOR_COMMANDS,
  ...PUBLISHER_COMMANDS,
  ...REQUESTER_COMMANDS,
  ...GOVERNANCE_COMMANDS,
];

describe("commands", () => {
  let folder: string;
  let model: HostedModel;
  let stage: CourtStage;
  let deployer: Signer;
  let version: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-commands-"));
    model = await hostModel("models/digits/digits.int8.onnx?N=1");
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    stage = await openStage([model], createFolderStore(join(folder, "store")));
    deployer = (await stage.connection.ethers.getSigners())[0] as Signer;
    await stage.asking.ledger.sync();
    version = stage.asking.ledger.versionsOf(model.commitment.commitment)[0] ?? "";
  });

  const actingAs = async (signer: Signer): Promise<Acting> => ({
    context: stage.contextFor(signer),
    own: signer.address,
    now: await stage.networkHelpers.time.latest(),
  });
  const named = <T extends { readonly name: string }>(list: readonly T[], name: string): T => {
    const found = list.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no command ${name}`);
    return found;
  };
  /** Runs a command. @returns The lines that it prints. */
  const run = async (
    signer: Signer,
    name: string,
    texts: Readonly<Record<string, string>> = {},
    dryRun = false,
  ): Promise<readonly string[]> => {
    const acting = await actingAs(signer);
    const lines: string[] = [];
    const print = (line: string): void => {
      lines.push(line);
    };
    await perform(acting.context, await named(COMMANDS, name).plan(acting, texts), { dryRun, print });
    return lines;
  };
  const refusal = async (work: Promise<unknown>): Promise<string> =>
    await work.then(
      () => "accepted",
      (error: unknown) => describeError(error),
    );
  const read = async (name: string, texts: Readonly<Record<string, string>> = {}): Promise<unknown> =>
    (await named(READ_COMMANDS, name).read(await actingAs(stage.accounts.operating), texts)).data;

  it("have names of their own", () => {
    const names = [...COMMANDS, ...READ_COMMANDS].map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
  });

  it("say what they do and cost, and send nothing in a dry run", async () => {
    const { operating } = stage.accounts;
    const before = await operating.getNonce();
    const lines = await run(operating, "unbond", { amount: "100" }, true);
    expect(lines[0]).to.match(/^10000\.0 tokens are free$/);
    expect(lines[2]).to.equal("OperatorStaking.unbond(amount 100.0 tokens)");
    expect(lines[3]).to.match(/^ {2}at most [0-9,]+ gas, 0\.[0-9]+ ether$/);
    expect(lines[4]).to.equal("nothing was sent: this was a dry run");
    expect(await operating.getNonce()).to.equal(before);
  });

  it("say what a contract would refuse, and which value is wrong, before anything is sent", async () => {
    const { operating } = stage.accounts;
    expect(await refusal(run(operating, "unbond", { amount: "10001" }, true))).to.equal(
      `the contract refused: StakingFreeInsufficient(${String(parseEther("10000"))}, ${String(parseEther("10001"))})`,
    );
    expect(await refusal(run(operating, "unbond", { amount: "-1" }))).to.equal(
      'error USAGE: amount is "-1": give a number of tokens',
    );
    expect(await refusal(run(operating, "opt-out", { version: "0x12" }))).to.match(/^error USAGE: version is "0x12"/);
    expect(await refusal(run(operating, "refund", { request: version }))).to.match(/the market has no such request/);
  });

  it("opt out, opt in, set terms, weigh, drain: an operator's places", async () => {
    const { operating } = stage.accounts;
    const { pools } = stage.suite;
    await run(operating, "set-terms", { version, minimumFee: "3", capacity: "7" });
    await stage.networkHelpers.time.increase(await pools.EPOCH_SECONDS());
    const [place] = await pools.placesOf(version, 0, 10);
    expect([place?.terms.minimumFee, place?.terms.capacity]).to.deep.equal([parseEther("3"), 7n]);
    await run(operating, "weigh", { version });
    const drained = await run(operating, "drain");
    expect(drained[0]).to.match(/^0 answers are open; draws may name this operator until 20/);
    expect(await pools.isOptedIn(operating, version)).to.equal(false);
    expect((await run(operating, "drain")).at(-1)).to.equal("there is nothing to do");
    // Draws under way still use the terms before.
    await stage.networkHelpers.time.increase(2n * (await pools.EPOCH_SECONDS()));
    await run(operating, "opt-in", { version });
    expect(await pools.isOptedIn(operating, version)).to.equal(true);
    await run(operating, "opt-out", { version });
    expect(await pools.isOptedIn(operating, version)).to.equal(false);
  });

  it("unbond, withdraw: an operator's stake, and status shows the exit", async () => {
    const { operating } = stage.accounts;
    const { staking, token } = stage.suite;
    await run(operating, "unbond", { amount: "100" });
    expect(await read("status")).to.deep.include({ stake: "9900.0", operator: "active" });
    expect(((await read("status")) as { exits: string[] }).exits[0]).to.match(/^0: 100\.0 from 20/);
    expect(await refusal(run(operating, "withdraw", { position: "0" }))).to.match(/StakingUnbondingPending/);
    await stage.networkHelpers.time.increase(await staking.UNBONDING_SECONDS());
    const before = await token.balanceOf(operating);
    await run(operating, "withdraw", { position: "0" });
    expect((await token.balanceOf(operating)) - before).to.equal(parseEther("100"));
  });

  it("rotate-key, set-agent, set-endpoint, unjail: who acts for an operator", async () => {
    const { operating, stranger } = stage.accounts;
    const { staking } = stage.suite;
    await run(operating, "rotate-key", { key: stranger.address });
    const later = (await stage.networkHelpers.time.latest()) + 86_401;
    expect(await staking.signingKeyAt(operating, later)).to.equal(stranger.address);
    await run(operating, "set-agent", { agent: stranger.address });
    expect(await staking.agentOf(operating)).to.equal(stranger.address);
    await run(operating, "set-endpoint", { url: "https://b.example" });
    expect(await staking.endpointOf(operating)).to.equal("https://b.example");
    expect(await refusal(run(operating, "unjail"))).to.match(/StakingNotJailed/);
  });

  it("deprecate, withdraw-version: a publisher's versions", async () => {
    const { publisher, stranger } = stage.accounts;
    const reason = "a better one is there";
    expect(await refusal(run(stranger, "deprecate", { version, reason }))).to.match(/RegistryNotPublisher/);
    await run(publisher, "deprecate", { version, reason });
    expect(((await read("models")) as { status: string }[])[0]?.status).to.equal("deprecated");
    await run(publisher, "withdraw-version", { version, reason });
    expect(await read("model", { version })).to.deep.include({ status: "withdrawn", kernels: 14 });
  });

  const image = () => readInputs(model.model, "image", ["image=models/digits/images/digit-3.npy"]);

  it("refund, time-out, finalise, collect, pay-in: a requester's ways out, and its money", async () => {
    const { requester, stranger } = stage.accounts;
    const { market } = stage.suite;
    const undrawn = await stage.open(model, image());
    expect(await refusal(run(stranger, "finalise", { request: undrawn }))).to.match(/the contract refused: Market/);
    await stage.advance(WINDOW_SECONDS + 1);
    await run(stranger, "refund", { request: undrawn });
    expect(await market.creditOf(requester)).to.equal(FEE);

    const silent = await stage.open(model, image());
    await stage.operator().look();
    await stage.advance(WINDOW_SECONDS + 1);
    await run(stranger, "time-out", { request: silent });
    expect(await read("request", { request: silent })).to.deep.include({ finality: "failed" });

    expect((await run(requester, "collect")).filter((line) => /withdraw\(/.test(line))).to.have.length.greaterThan(0);
    expect(await market.creditOf(requester)).to.equal(0n);
    await run(requester, "pay-in", { amount: "5" });
    expect(await market.creditOf(requester)).to.equal(parseEther("5"));
  });

  it("finalise ends an answer that nobody contests; lists show requests, operators, disputes and audits", async () => {
    const id = await stage.open(model, image());
    const operator = stage.operator();
    await operator.look();
    await operator.look();
    expect(((await read("requests")) as { status: string }[])[0]?.status).to.equal("claimed");
    const [first] = (await read("operators")) as { operator: string; stake: string }[];
    expect([first?.operator, first?.stake]).to.deep.equal([stage.accounts.operating.address, "10000.0"]);
    expect(await read("audits")).to.deep.equal([]);
    const { market } = stage.suite;
    const { court } = stage.accusing.suite;
    const { claimId } = await market.claimOf(id);
    expect(await read("disputes")).to.deep.equal([]);
    await (await court.challenge(market, id, claimId)).wait();
    expect(((await read("disputes")) as { request: string }[])[0]?.request).to.equal(id);
    expect(await refusal(run(stage.accounts.stranger, "expire-dispute", { request: id }))).to.match(
      /the contract refused/,
    );
    expect(await refusal(run(stage.accounts.stranger, "notify-failure", { request: id }))).to.match(
      /the contract refused/,
    );
  });

  it("pause, unpause: the guardian at once; a stranger not at all", async () => {
    const { market } = stage.suite;
    expect(await refusal(run(stage.accounts.stranger, "pause"))).to.match(/NOT_READY: .* has no role/);
    await run(deployer, "pause");
    expect(await market.paused()).to.equal(true);
    await run(deployer, "unpause");
    expect(await market.paused()).to.equal(false);
  });

  it("freeze-mode, rearm-pause: governance schedules in one run, waits, and acts in another one", async () => {
    const { attestation } = stage.suite;
    const delay = 38 * 86_400;
    const freeze = { mode: "assay.signature" };
    const lines = await run(deployer, "freeze-mode", freeze);
    expect(lines[0]).to.match(/^run it again from 20.* on: governance has a delay$/);
    expect(await refusal(run(deployer, "freeze-mode", freeze))).to.match(/it is scheduled, and can be done from 20/);
    await stage.advance(delay);
    await run(deployer, "freeze-mode", freeze);
    const selector = (await attestation.queryFilter(attestation.filters.RouteTombstoned()))[0]?.args[0];
    expect(selector).to.match(/^0x[0-9a-f]{8}$/);
    expect((await run(deployer, "rearm-pause", {}, true))[1]).to.match(/^Authority\.schedule\(target 0x/);
  });

  for (const name of ["freeze-source", "add-mode", "add-source", "add-manager"]) {
    it(`${name} is scheduled by governance and refused to strangers`, async () => {
      const { address } = stage.accounts.stranger;
      const texts = { source: address, manager: address, verifier: address, mode: "assay.new" };
      expect((await run(deployer, name, texts, true))[1]).to.match(/^Authority\.schedule\(/);
      expect(await refusal(run(stage.accounts.stranger, name, texts))).to.match(/has no role/);
    });
  }

  it("call does what no command of its own does, reads, and says which names it knows", async () => {
    const { operating } = stage.accounts;
    const { context } = await actingAs(operating);
    const { suite } = context;
    const read = callIn(suite, "OperatorStaking", "freeStakeOf", [operating.address]);
    expect([read.reads, await read.read()]).to.deep.equal([true, [parseEther("10000")]]);
    const terms = JSON.stringify({ ...OPEN_TERMS, minimumFee: "7" }, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
    const set = callIn(suite, "OperatorPools", "setTerms", [version, terms]);
    expect(set.reads).to.equal(false);
    expect(callText(suite, await set.populate())).to.match(
      /^OperatorPools\.setTerms\(versionId 0x.*, terms \[7, 0, 0, /,
    );
    const wrong = [
      ["OperatorStakin", "unjail", []],
      ["OperatorStaking", "unjial", []],
      ["OperatorStaking", "unbond", []],
      ["OperatorPools", "setTerms", [version, "{"]],
    ] as const;
    const reasons = await Promise.all(
      wrong.map(([contract, method, args]) =>
        refusal(Promise.resolve().then(() => callIn(suite, contract, method, args))),
      ),
    );
    expect(reasons).to.deep.equal([
      "error USAGE: call knows no contract OperatorStakin; did you mean OperatorStaking?",
      "error USAGE: call finds no function unjial in OperatorStaking; did you mean unjail?",
      "error USAGE: call of unbond takes 1 arguments: uint96 amount",
      "error USAGE: call takes a list or struct as JSON, not {",
    ]);
  });

  it("a stranger's text cannot move the cursor of a terminal", async () => {
    const { publisher } = stage.accounts;
    await publish(stage.contextFor(publisher), model, { uri: "\u001b[2Jgone\u202e" });
    const { text } = await named(READ_COMMANDS, "models").read(await actingAs(publisher), {});
    expect(text).to.match(/ \[2Jgone /);
  });
});
