import type { Action } from "../../services/environment/events.ts";

/** What a transaction is for; the totals are made of these. */
export type Purpose =
  | "publish"
  | "join"
  | "ask"
  | "draw"
  | "claim"
  | "finalise"
  | "audit"
  | "challenge"
  | "trace"
  | "accuse"
  | "replay"
  | "prove"
  | "collect";

/** A transaction in the story's words. */
export interface Phrase {
  readonly purpose: Purpose;
  readonly what: string;
  /** What its gas buys, for somebody who knows nothing of the protocol. */
  readonly buys: string;
}

const phrase = (purpose: Purpose, what: string, buys: string): Phrase => ({ purpose, what, buys });

/** What a service did, as the story tells it. */
export function phraseOf(action: Action): Phrase {
  switch (action.kind) {
    case "called":
      return phrase("join", action.command, "done by a person");
    case "published":
      return phrase("publish", `publishes ${action.model}`, "a fingerprint of program and weights");
    case "minted":
      return phrase("join", "mints test tokens", "something to pay with");
    case "approved":
      return phrase("join", "approves the token", "the contract may take payments");
    case "staked":
      return phrase("join", "stakes", "something to lose");
    case "signingKeySet":
      return phrase("join", "registers its key", "it can sign answers");
    case "endpointSet":
      return phrase("join", "says where it is reached", "others can fetch its traces");
    case "optedIn":
      return phrase("join", `opts in to ${action.model}`, "takes part in its draws");
    case "asked":
      return phrase("ask", `asks ${action.model}`, "fee held, input on chain");
    case "dataShown":
      return phrase("ask", `shows a part of the ${action.data}`, "nobody can say that it is hidden");
    case "roundSubmitted":
      return phrase("draw", `brings round ${String(action.round)} of the beacon`, "a seed that nobody could choose");
    case "headerSubmitted":
      return phrase("draw", `brings the header of block ${String(action.block)}`, "a seed that follows from the chain");
    case "drawn":
      return phrase("draw", "draws the operator", "unpredictable choice, stake locked");
    case "weighed":
      return phrase("join", "has its stake counted", "draws follow it from the next epoch on");
    case "dataDemanded":
      return phrase("claim", `demands the ${action.data}`, "nobody is paid for what nobody shows");
    case "claimed":
      return phrase("claim", "claims the answer", "the answer on chain; its time starts");
    case "finalised":
      return phrase("finalise", "finalises the answer", "fee and royalty paid, stake freed");
    case "refunded":
    case "timedOut":
    case "cancelled":
      return phrase("collect", "ends a request without an answer", "the fee comes back");
    case "periodCommitted":
      return phrase("audit", "asks for the seed of the audits", "nobody knew before what it picks");
    case "auditBegun":
      return phrase("audit", "is drawn as the auditor", "whoever is silent now pays for it");
    case "auditCommitted":
      return phrase("audit", "commits to its own trace, sealed", "it ran the model: nothing to copy yet");
    case "auditPublished":
      return phrase("audit", "shows the root of its trace", "the same root: both are right");
    case "auditEscalated":
      return phrase("audit", "challenges a silent operator", "silence is no way out");
    case "auditLapsed":
      return phrase("audit", "ends a silent auditor's turn", "another one can be drawn");
    case "auditSettled":
      return phrase("audit", "settles the audit", "the bond goes where it belongs");
    case "quorumDrawn":
      return phrase("draw", "draws the operators", "unpredictable choice, stake of each locked");
    case "quorumRefunded":
      return phrase("collect", "ends a quorum without its seats", "the fees come back");
    case "quorumCommitted":
      return phrase("claim", "commits to its answer, sealed", "nothing to copy yet");
    case "quorumRevealed":
      return phrase("claim", "reveals its answer", "it was there before anybody else's");
    case "quorumClosed":
      return phrase("claim", "closes the reveals", "answers are claims; if they differ, disputes open");
    case "quorumSettled":
      return phrase("finalise", "settles the quorum", "who stands is paid, stake freed");
    case "challenged":
      return phrase("challenge", "challenges the claim", "a bond that freezes the payment");
    case "traceCommitted":
      return phrase("trace", "commits to its whole trace", "one hash over every number it computed");
    case "demandsAnswered":
      return phrase("trace", "publishes what was demanded", "its defence goes on");
    case "upheld":
      return phrase("finalise", "has its answer upheld", "the dispute is over");
    case "accused":
      return phrase("accuse", "accuses one number, sealed", "nobody can take the reward first");
    case "demanded":
      return phrase("accuse", "demands withheld numbers", "silence would convict as well");
    case "replayed":
      return phrase("replay", "replays part of a long sum", "the machine goes on where it stopped");
    case "convicted":
      return phrase("prove", "convicts with one fraud proof", "one number computed again on chain");
    case "convictedForSilence":
      return phrase("prove", "convicts for silence", "who does not defend an answer loses");
    case "bondReclaimed":
      return phrase("collect", "takes a bond back", "what the court owes it");
    case "collected":
      switch (action.from) {
        case "market":
          return phrase("collect", "collects its fee", "what the market owes it");
        case "availability":
          return phrase("collect", "takes bonds of demands", "what showing data earned");
        case "auditDesk":
          return phrase("collect", "takes its auditor's bond back", "what the audit desk owes it");
        case "quorums":
          return phrase("collect", "collects its fee", "what the quorum market owes it");
        case "court":
          return phrase("collect", "takes its bond back", "what the court owes it");
        case "staking":
          return phrase("collect", "collects slashed stake", "its share of what the liar lost");
      }
  }
}

/** Moves of a dispute. */
export const DISPUTE: readonly Purpose[] = ["challenge", "trace", "accuse", "replay", "prove"];
/** What an answer that nobody doubts takes. */
export const ANSWER: readonly Purpose[] = ["ask", "draw", "claim", "finalise"];
