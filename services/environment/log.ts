import { formatEther } from "ethers";

import type { Action, Reporter, ServiceEvent } from "./events.ts";

/** One line for people, with the time. It goes to standard error: standard output is for results. */
export const log = (message: string): void => {
  console.error(`${new Date().toISOString().slice(11, 19)} ${message}`);
};

/** A reporter that prints a line for each event. */
export const logReporter: Reporter = (event) => {
  log(eventText(event));
};

/** An event in words. */
export function eventText(event: ServiceEvent): string {
  switch (event.kind) {
    case "sent":
      return `${actionText(event.action)} (${event.receipt.gasUsed.toLocaleString("en")} gas)`;
    case "reorganised":
      return "the chain was reorganised; reading it again";
    case "textUnusable":
      return `${event.field} of ${event.event} in block ${String(event.block)} is not UTF-8: it counts as empty`;
    case "eventUnusable":
      return `${event.event} in block ${String(event.block)} cannot be used: ${event.reason}`;
    case "publishedBefore":
      return `${event.model} is published already, as version ${event.versionId}`;
    case "hosted":
      return `${event.model} is what version ${event.versionId} publishes`;
    case "endpointFailed":
      return `the node at ${event.endpoint} gives no answer: ${event.reason}`;
    case "feeRaised":
      return `transaction ${String(event.nonce)} was not included; it pays ${String(event.maxFeePerGas)} wei a gas now`;
    case "seedUnavailable":
      return `the seed of ticket ${String(event.ticket)} cannot be had: ${event.reason}`;
    case "inputUnavailable":
      return `the input of ${short(event.requestId)} cannot be fetched: ${event.reason}`;
    case "traceNotKept":
      return `the trace of ${short(event.requestId)} is not on disk, and computed again after a restart: ${event.reason}`;
    case "outputUnavailable":
      return `the answer of ${short(event.requestId)} is ${event.outputRoot}, but its data are missing: ${event.reason}`;
    case "retrying":
      return `${event.task}: ${event.reason}; trying again`;
  }
}

/** An action in words, in the past. */
export function actionText(action: Action): string {
  switch (action.kind) {
    case "called":
      return `did ${action.command}`;
    case "minted":
      return `minted ${formatEther(action.amount)}`;
    case "approved":
      return "approved the token";
    case "published":
      return `published ${action.model}`;
    case "staked":
      return `staked ${formatEther(action.amount)}`;
    case "signingKeySet":
      return "set the signing key";
    case "endpointSet":
      return `set the endpoint ${action.endpoint}`;
    case "optedIn":
      return `opted in to ${action.model}`;
    case "asked":
      return `asked ${action.model}`;
    case "dataShown":
      return `put chunk ${String(action.chunk)} of the ${action.data} of ${short(action.requestId)} on chain`;
    case "refunded":
      return `took the refund of ${short(action.requestId)}: nobody could be drawn`;
    case "timedOut":
      return `timed the operator of ${short(action.requestId)} out`;
    case "roundSubmitted":
      return `brought round ${String(action.round)} of the beacon`;
    case "headerSubmitted":
      return `brought the header of block ${String(action.block)}`;
    case "drawn":
      return `drew an operator for ${short(action.requestId)}`;
    case "weighed":
      return `has its stake counted in the draws of ${action.model} from the next epoch on`;
    case "dataDemanded":
      return `demanded the ${action.data} of ${short(action.requestId)} on chain`;
    case "cancelled":
      return `cancelled ${short(action.requestId)}: its input was withheld`;
    case "claimed":
      return `claimed ${short(action.requestId)} with ${action.model}`;
    case "finalised":
      return `finalised ${short(action.requestId)}`;
    case "periodCommitted":
      return "asked for the seed that picks claims to be audited";
    case "auditBegun":
      return `was drawn to audit ${short(action.requestId)}`;
    case "auditCommitted":
      return `executed ${short(action.requestId)} and committed to its trace`;
    case "auditPublished":
      return `published the trace root of ${short(action.requestId)} for its audit`;
    case "auditEscalated":
      return `challenged ${short(action.requestId)}: its operator was silent in the audit`;
    case "auditLapsed":
      return `ended the turn of the silent auditor of ${short(action.requestId)}`;
    case "auditSettled":
      return `settled the audit of ${short(action.requestId)}`;
    case "quorumDrawn":
      return `drew operators for the quorum ${short(action.requestId)}`;
    case "quorumRefunded":
      return `ended the quorum ${short(action.requestId)}: not all of its seats were taken`;
    case "quorumCommitted":
      return `executed the quorum ${short(action.requestId)} and committed to the answer`;
    case "quorumRevealed":
      return `revealed its answer to the quorum ${short(action.requestId)}`;
    case "quorumClosed":
      return `closed the reveals of the quorum ${short(action.requestId)}`;
    case "quorumSettled":
      return `settled the quorum ${short(action.requestId)}`;
    case "traceCommitted":
      return `committed the trace of ${short(action.requestId)}`;
    case "demandsAnswered":
      return `answered ${String(action.demands)} demands on ${short(action.requestId)}`;
    case "upheld":
      return `upheld ${short(action.requestId)}`;
    case "challenged":
      return `challenged ${short(action.requestId)}: its answer is not what the model gives`;
    case "demanded":
      return `demanded ${String(action.places)} places of ${short(action.requestId)}`;
    case "bondReclaimed":
      return "reclaimed a bond";
    case "accused":
      return `accused an element of ${short(action.requestId)}`;
    case "replayed":
      return `replayed a part of a reduction of ${short(action.requestId)}`;
    case "convictedForSilence":
      return action.missing === "trace"
        ? `convicted ${short(action.requestId)}: no trace in time`
        : action.missing === "answer"
          ? `convicted ${short(action.requestId)}: a demand was not answered`
          : `convicted ${short(action.requestId)}: its output was not shown`;
    case "convicted": {
      const where = `element ${String(action.element)} of kernel ${String(action.kernel)} (${action.nodes})`;
      return `convicted ${short(action.requestId)}: ${where} is wrong`;
    }
    case "collected":
      return `collected ${formatEther(action.amount)} from ${PAYERS[action.from]}`;
  }
}

/** A hash or address short enough for a line. */
export const short = (hex: string): string => `${hex.slice(0, 8)}…${hex.slice(-4)}`;

/** What owes credits, in words. */
const PAYERS = {
  market: "the market",
  availability: "the demands of committed data",
  court: "the court",
  staking: "slashed stake",
  auditDesk: "the audit desk",
  quorums: "the quorum market",
} as const;
