import { AUDITS } from "./invariants/audits.ts";
import { DISPUTES } from "./invariants/disputes.ts";
import { DRAWS } from "./invariants/draws.ts";
import type { Invariant } from "./invariants/base.ts";
import { MONEY } from "./invariants/money.ts";
import { PEOPLE } from "./invariants/people.ts";
import { REQUESTS } from "./invariants/requests.ts";
import { RULES } from "./invariants/rules.ts";
import { STAKE } from "./invariants/stake.ts";

export { AUDIT_DIAGRAM, DISPUTE_DIAGRAM, REQUEST_DIAGRAM, transitions } from "./invariants/diagrams.ts";
export type { Step } from "./invariants/base.ts";

/** All invariants of the protocol, by number. */
export const INVARIANTS: readonly Invariant[] = [
  ...[...MONEY, ...STAKE, ...DRAWS, ...REQUESTS, ...DISPUTES, ...RULES, ...PEOPLE, ...AUDITS],
].sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));

/** How a test and a report name an invariant. */
export const titleOf = ({ id, text }: Pick<Invariant, "id" | "text">): string => `${id} ${text}`;
