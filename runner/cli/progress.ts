import { Presets, SingleBar } from "cli-progress";

import type { TaskProgress } from "../task.ts";

/** A bar on stderr that shows one task after another; nothing when stderr is not a terminal. */
export interface ProgressBar {
  readonly update: (progress: TaskProgress) => void;
  /** Clears the bar. */
  readonly stop: () => void;
}

export function createProgressBar(interactive: boolean): ProgressBar {
  if (!interactive) return { update: () => undefined, stop: () => undefined };
  let current: { readonly task: string; readonly bar: SingleBar } | undefined;
  const stop = (): void => {
    current?.bar.stop();
    current = undefined;
  };
  return {
    stop,
    update({ task, done, total }) {
      if (current?.task !== task) {
        stop();
        const format = "{task} {bar} {value}/{total} {eta_formatted}";
        // Ctrl-C is handled by the command line, which stops the bar too.
        const bar = new SingleBar(
          { format, stream: process.stderr, clearOnComplete: true, hideCursor: true, gracefulExit: false },
          Presets.shades_classic,
        );
        bar.start(total, done, { task });
        current = { task, bar };
      }
      current.bar.setTotal(total);
      current.bar.update(done);
    },
  };
}
