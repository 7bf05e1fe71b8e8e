import { formatEther, ZeroAddress } from "ethers";

import { type Column, list, table } from "../../runner/cli/table.ts";
import { auditStatusOf, finalityOf, operatorStatusOf, versionStatusOf } from "../../runner/protocol/enums.ts";
import { PAYERS } from "../chain/collect.ts";
import type { RequestView } from "../chain/ledger.ts";
import { type Acting, requestOf, timeText } from "./command.ts";
import { address, type Parameters, requestId, valuesOf, type ValuesOf, versionId } from "./parameters.ts";

/** What is read, for machines and for people. */
export interface Reading {
  readonly data: unknown;
  readonly text: string;
}

/** A command that reads the chain. */
export interface ReadCommand {
  readonly name: string;
  readonly about: string;
  readonly parameters: Parameters;
  readonly read: (acting: Acting, texts: Readonly<Record<string, string | undefined>>) => Promise<Reading>;
}

const row = <P extends Parameters>(
  name: string,
  about: string,
  parameters: P,
  read: (acting: Acting, values: ValuesOf<P>) => Promise<Reading>,
): ReadCommand => ({
  ...{ name, about, parameters },
  read: async (acting, texts) => await read(acting, valuesOf(parameters, texts)),
});

/** Records as a table; the columns are the fields of the first one. */
function tableOf(what: string, records: readonly Readonly<Record<string, unknown>>[]): Reading {
  const [first] = records;
  if (first === undefined) return { data: [], text: `there are no ${what}` };
  const columns: Column[] = Object.keys(first).map((title) => ({ title }));
  const cells = records.map((record) => Object.values(record).map(cellOf));
  return { data: records, text: table(columns, cells) };
}

const listOf = (record: Readonly<Record<string, unknown>>): Reading => ({
  data: record,
  text: list(Object.entries(record).map(([name, value]) => [name, cellOf(value)] as const)),
});

/** Strangers choose texts: what would move the cursor of a terminal is left out. */
const cellOf = (value: unknown): string => {
  const text = Array.isArray(value) ? value.map(String).join(" ") : `${(value ?? "") as string | bigint | number}`;
  return text.replace(/[\p{Cc}\p{Cf}]/gu, "").slice(0, 200);
};

/** Places that are asked for with one question. */
const PAGE = 50;

async function placesOf({ context: { suite } }: Acting, version: string) {
  const places = [];
  for (let first = 0; ; first += PAGE) {
    const page = await suite.pools.placesOf(version, first, PAGE);
    places.push(...page.filter(({ weight }) => weight > 0n));
    if (page.length < PAGE) return places;
  }
}

async function models({ context: { suite, ledger } }: Acting): Promise<Reading> {
  await ledger.sync();
  const records = ledger.versions.map(async ({ versionId: version, commitment, contentUri, licence, publisher }) => {
    const [status, holders] = await Promise.all([suite.registry.statusOf(version), suite.pools.holders(version)]);
    const facts = { version, status: versionStatusOf(status), holders, contentUri, licence };
    return { ...facts, publisher, commitment };
  });
  return tableOf("models", await Promise.all(records));
}

async function operators(acting: Acting): Promise<Reading> {
  const { ledger, suite } = acting.context;
  await ledger.sync();
  const records = [];
  for (const { versionId: version, contentUri } of ledger.versions) {
    for (const { operator, terms } of await placesOf(acting, version)) {
      const { stake, locked, open, status } = await suite.staking.operatorOf(operator);
      const standing = {
        status: operatorStatusOf(status),
        stake: formatEther(stake),
        locked: formatEther(locked),
        open,
      };
      const { capacity, minimumFee } = terms;
      records.push({
        operator,
        ...standing,
        model: contentUri,
        minimumFee: formatEther(minimumFee),
        capacity,
        version,
      });
    }
  }
  return tableOf("operators", records);
}

const requestRecord = ({ id, status, requester, operator, request, deadline }: RequestView) => ({
  ...{ request: id, status, fee: formatEther(request.fee), collateral: formatEther(request.collateral) },
  ...{ deadline: timeText(deadline), requester, operator: operator ?? "", version: String(request.versionId) },
});

async function requests({ context: { ledger } }: Acting): Promise<Reading> {
  await ledger.sync();
  return tableOf("requests", [...ledger.requests.values()].map(requestRecord));
}

async function disputes({ context: { ledger } }: Acting): Promise<Reading> {
  await ledger.sync();
  const records = [...ledger.requests.values()].flatMap(({ id, claim }) => {
    const dispute = claim === undefined ? undefined : ledger.dispute(claim.id);
    if (dispute === undefined || dispute.status === "none") return [];
    const { status, challenger, operator, end, demands, accusations } = dispute;
    const counts = { demands: demands.size, accusations: accusations.size };
    return [{ request: id, status, ...counts, end: timeText(end), challenger, operator, claim: dispute.claimId }];
  });
  return tableOf("disputes", records);
}

async function audits({ context: { ledger, suite } }: Acting): Promise<Reading> {
  await ledger.sync();
  const claims = [...ledger.requests.values()].flatMap(({ id, claim }) => (claim === undefined ? [] : [{ id, claim }]));
  const records = await Promise.all(
    claims.map(async ({ id, claim }) => {
      const { auditor, commitBy, status } = await suite.auditDesk.auditOf(claim.id);
      const times = { commitBy: timeText(commitBy), operator: claim.operator };
      return { request: id, status: auditStatusOf(status), auditor, ...times, claim: claim.id };
    }),
  );
  return tableOf(
    "audits",
    records.filter(({ status }) => status !== "none"),
  );
}

async function status({ context, own, now }: Acting, account: string): Promise<Reading> {
  const { suite, provider } = context;
  const { staking, token } = suite;
  const who = account === ZeroAddress ? own : account;
  const [wei, tokens, operator, free, owed, jailed, key, agent, endpoint, exits, credits] = await Promise.all([
    provider.getBalance(who),
    token.balanceOf(who),
    staking.operatorOf(who),
    staking.freeStakeOf(who),
    staking.owedOf(who),
    staking.jailedUntil(who),
    staking.signingKeyAt(who, now),
    staking.agentOf(who),
    staking.endpointOf(who).catch(() => ""),
    staking.unbondingOf(who),
    Promise.all(PAYERS.map((from) => suite[from].creditOf(who))),
  ]);
  const state = operatorStatusOf(operator.status);
  return listOf({
    account: who,
    ether: formatEther(wei),
    tokens: formatEther(tokens),
    operator: state === "jailed" ? `jailed until ${timeText(jailed)}` : state,
    stake: formatEther(operator.stake),
    "stake that is free": formatEther(free),
    "stake that is locked": `${formatEther(operator.locked)} for ${String(operator.open)} answers`,
    "penalties owed": formatEther(owed),
    exits: [...exits].flatMap(({ amount, releaseAt }, i) =>
      amount === 0n ? [] : [`${String(i)}: ${formatEther(amount)} from ${timeText(releaseAt)}`],
    ),
    "signing key": key,
    agent,
    endpoint,
    credits: PAYERS.flatMap((from, i) =>
      (credits[i] ?? 0n) === 0n ? [] : [`${from} ${formatEther(credits[i] ?? 0n)}`],
    ),
  });
}

async function model(acting: Acting, version: string): Promise<Reading> {
  const { suite, ledger } = acting.context;
  await ledger.sync();
  const view = ledger.version(version);
  const facts = await suite.registry.versionOf(version);
  const places = await placesOf(acting, version);
  return listOf({
    ...{ version, status: versionStatusOf(facts.status), published: timeText(facts.publishedAt) },
    ...{ commitment: facts.commitment, numerics: facts.numericsVersion, publisher: facts.publisher },
    ...{ royaltyBps: facts.royaltyBps, royaltyRecipient: facts.royaltyRecipient },
    ...{ file: view?.fileHash, location: view?.contentUri, licence: view?.licence },
    ...{ kernels: view?.kernelCount, constants: view?.constantCount },
    operators: places.map(({ operator }) => operator),
  });
}

async function request(acting: Acting, id: string): Promise<Reading> {
  const view = await requestOf(acting, id);
  const { finality } = await acting.context.suite.market.resultOf(id);
  const { claim } = view;
  return listOf({
    ...requestRecord(view),
    ...{
      finality: finalityOf(finality),
      input: view.inputUri === "" ? `${String(view.inputs.length)} bytes on chain` : view.inputUri,
    },
    ...{ claim: claim?.id, outputRoot: claim?.outputRoot, output: claim?.outputUri },
    ...(claim === undefined ? {} : { windowEnd: timeText(claim.windowEnd) }),
  });
}

export const READ_COMMANDS: readonly ReadCommand[] = [
  row(
    ...(["status", "shows an account: balances, stake, exits, keys, credits"] as const),
    { account: address("its address", ZeroAddress) },
    (acting, { account }) => status(acting, account),
  ),
  row("models", "lists published versions", {}, models),
  row("model", "shows a version", { version: versionId("its id") }, (acting, { version }) => model(acting, version)),
  row("operators", "lists operators with weight, by version", {}, operators),
  row("requests", "lists requests that are open or were settled not long ago", {}, requests),
  row("request", "shows a request", { request: requestId("its id") }, (acting, { request: id }) => request(acting, id)),
  row("disputes", "lists disputes", {}, disputes),
  row("audits", "lists audits of claims that can still be challenged, or could not long ago", {}, audits),
];
