/** What decides which work comes first. */
export interface WorkOrder {
  /** Who made the work necessary: what it costs counts against that party alone. */
  readonly counterparty: string;
  /** Seconds; later than this it is of no use. */
  readonly deadline: number;
  /** What it pays, or saves, in token units. */
  readonly value: bigint;
}

/** Work that is due so soon comes before everything else. */
const URGENT_SECONDS = 3_600;

/** The better one first: what is due within the hour, the earliest first; then what pays most. */
export function compareOrders(a: WorkOrder, b: WorkOrder, now: number): number {
  const [aUrgent, bUrgent] = [a.deadline - now < URGENT_SECONDS, b.deadline - now < URGENT_SECONDS];
  if (aUrgent !== bUrgent) return aUrgent ? -1 : 1;
  if (!aUrgent && a.value !== b.value) return a.value > b.value ? -1 : 1;
  return a.deadline - b.deadline;
}
