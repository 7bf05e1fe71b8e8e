/** The wall clock, as far as services go by it. Tests give one that does what they say, so that none of them waits. */
export interface Clock {
  /** Seconds since the epoch. A chain that stands still is behind it; see `nowOf`. */
  readonly now: () => number;
  /** Waits; ends early, without an error, when the signal fires. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** A signal that fires after so long. */
  readonly deadline: (milliseconds: number) => AbortSignal;
}

/** The clock of the machine. */
export const SYSTEM_CLOCK: Clock = {
  now: () => Math.floor(Date.now() / 1000),
  pause: (milliseconds, signal) =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    }),
  deadline: (milliseconds) => AbortSignal.timeout(milliseconds),
};

/** For an in-process chain, whose own time is all that counts: no time passes beside it, and nothing comes too late. */
export const CHAIN_CLOCK: Clock = {
  now: () => 0,
  pause: () => Promise.resolve(),
  deadline: () => new AbortController().signal,
};
