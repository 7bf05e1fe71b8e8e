import { DATA_BOND } from "../../protocol.ts";
import type { Creditor } from "../ledger.ts";
import { AUDIT, COURT_TERMS, type World } from "../world.ts";

/** The bond that the last transaction took, by what it did. */
export function bondOf({ ledger: { latest }, terms, view }: World, of: Creditor): bigint {
  const count = (name: string): bigint => BigInt(latest.filter((event) => event.name === name).length);
  if (of === "availability") return count("availability.DataDemanded") * DATA_BOND;
  if (of === "desk") return count("desk.AuditCommitted") * AUDIT.bond;
  if (of !== "court") return 0n;
  const [claimId = ""] = latest
    .filter(({ args }) => args.claimId !== undefined)
    .map(({ args }) => String(args.claimId));
  const { termsId = 0, audit = false } = view.disputes.get(claimId) ?? {};
  const { demandBond, accusationBond, ...rest } = terms[termsId] ?? COURT_TERMS;
  const challengeBond = audit ? 0n : rest.challengeBond;
  const asked = count("court.Demanded") * demandBond + count("court.Accused") * accusationBond;
  return count("court.Challenged") * challengeBond + asked;
}
