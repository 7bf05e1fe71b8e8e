/** What a transaction is for; the totals are made of these. */
export type Kind =
  | "publish"
  | "join"
  | "ask"
  | "draw"
  | "claim"
  | "finalise"
  | "challenge"
  | "trace"
  | "accuse"
  | "replay"
  | "prove"
  | "collect";

/** A transaction in the story's words. */
export interface Phrase {
  readonly kind: Kind;
  readonly what: string;
  /** What its gas buys, for somebody who knows nothing of the protocol. */
  readonly buys: string;
}

const PHRASES: readonly (readonly [RegExp, Kind, string, string])[] = [
  [/^published (.*)/, "publish", "publishes $1", "a fingerprint of program and weights"],
  [/^minted .*/, "join", "mints test tokens", "something to pay with"],
  [/^approved .*/, "join", "approves the token", "the contract may take payments"],
  [/^staked .*/, "join", "stakes", "something to lose"],
  [/^set the signing key.*/, "join", "registers its key", "it can sign answers"],
  [/^opted in to (.*)/, "join", "opts in to $1", "takes part in its draws"],
  [/^claimed .*/, "claim", "claims the answer", "the answer on chain; its time starts"],
  [/^finalised .*/, "finalise", "finalises the answer", "fee and royalty paid, stake freed"],
  [/^challenged .*/, "challenge", "challenges the claim", "a bond that freezes the payment"],
  [/^committed the trace .*/, "trace", "commits to its whole trace", "one hash over every number it computed"],
  [/^accused .*/, "accuse", "accuses one number, sealed", "nobody can take the reward first"],
  [/^replayed .*/, "replay", "replays part of a long sum", "the machine goes on where it stopped"],
  [/^demanded .*/, "accuse", "demands withheld numbers", "silence would convict as well"],
  [/^answered .*/, "trace", "publishes what was demanded", "its defence goes on"],
  [/^convicted .*/, "prove", "convicts with one fraud proof", "one number computed again on chain"],
  [/^collected .* from the market/, "collect", "collects its fee", "what the market owes it"],
  [/^collected .* from the court/, "collect", "takes its bond back", "what the court owes it"],
];

/** A service's log line as the story tells it. */
export function phraseOf(what: string): Phrase {
  for (const [pattern, kind, phrase, buys] of PHRASES) {
    if (pattern.test(what)) return { kind, what: what.replace(pattern, phrase), buys };
  }
  return { kind: "join", what, buys: "" };
}

/** Moves of a dispute. */
export const DISPUTE: readonly Kind[] = ["challenge", "trace", "accuse", "replay", "prove"];
/** What an answer that nobody doubts takes. */
export const ANSWER: readonly Kind[] = ["ask", "draw", "claim", "finalise"];
