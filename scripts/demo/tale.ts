import type { Forgery } from "../../testing/forgeries.ts";
import type { DType } from "../../runner/machine/dtype.ts";
import type { HostedModel, Run } from "../../services/models/models.ts";
import type { AuditTale } from "./audit.ts";
import type { Books } from "./books.ts";
import type { Question, Reading, Scenario } from "./scenario.ts";
import type { Step } from "./story.ts";

/** All that happened, for the report and for tests. */
export interface Tale {
  readonly scenario: Scenario;
  readonly model: HostedModel;
  readonly question: Question;
  readonly honest: Run;
  readonly steps: readonly Step[];
  /** What the consumer was told when the answer was claimed, and when it was final. */
  readonly provisional: Reading;
  readonly final: Reading;
  readonly audit: AuditTale;
  readonly trials: readonly Trial[];
  readonly books: Books;
}

/** One forged answer and its end. */
export interface Trial {
  readonly title: string;
  readonly liar: string;
  readonly forgery: Forgery;
  /** What the consumer was told by the forged claim. */
  readonly told: Reading;
  readonly verdict: Verdict;
  /** Transactions of the dispute, in order. */
  readonly dispute: readonly Step[];
}

/** The number that convicted. */
export interface Verdict {
  readonly kernel: number;
  readonly element: number;
  readonly dtype: DType;
  readonly claimed: bigint;
  readonly executed: bigint;
}
