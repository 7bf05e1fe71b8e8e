type Sink = (line: string) => void;

let sink: Sink = (line) => {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);
};

/** One line for people, with the time; services write their whole story with it. */
export const log = (message: string): void => {
  sink(message);
};

/** Sends the lines elsewhere. */
export const setLog = (to: Sink): void => {
  sink = to;
};

/** A hash or address short enough for a line. */
export const short = (hex: string): string => `${hex.slice(0, 8)}…${hex.slice(-4)}`;
