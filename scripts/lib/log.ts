/** One line for people, with the time; services write their whole story with it. */
export const log = (message: string): void => {
  console.log(`${new Date().toISOString().slice(11, 19)} ${message}`);
};

/** A hash or address short enough for a line. */
export const short = (hex: string): string => `${hex.slice(0, 8)}…${hex.slice(-4)}`;
