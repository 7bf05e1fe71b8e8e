/** Which work is this process's own, when several act for one account: none of it is done by two of them. */
export interface Share {
  /** Whether a piece of work is this process's own now; it stays so while the process lives and does not give it up. */
  readonly take: (work: string) => Promise<boolean>;
  /** Whether it was taken and not given up, as far as is known without asking. */
  readonly holds: (work: string) => boolean;
  /** Gives up all but these. */
  readonly retain: (work: ReadonlySet<string>) => Promise<void>;
}

/** The share of a process that acts alone. */
export const WHOLE: Share = {
  take: () => Promise.resolve(true),
  holds: () => true,
  retain: () => Promise.resolve(),
};

/** Name of all work that is not of one request or claim: of processes that share an account, one does it. */
export const OTHER_WORK = "other";

/** A piece of work, and whether it takes long, so that there must be room for it. */
export interface Piece {
  readonly name: string;
  readonly slow: boolean;
}

/**
 * Takes work in its order, slow work only as far as there is room: the rest is for others.
 * @returns What is this process's own, and whether some of it was not before. Then another one may have had it, and what that
 * one did must be read before anything is done.
 */
export async function takeWork<T extends Piece>(
  share: Share,
  pieces: readonly T[],
  room: number,
): Promise<{ readonly own: readonly T[]; readonly fresh: boolean }> {
  await share.retain(new Set([...pieces.map(({ name }) => name), OTHER_WORK]));
  const own: T[] = [];
  let [left, fresh] = [room, false];
  for (const piece of pieces) {
    const held = share.holds(piece.name);
    if (!held && piece.slow && left <= 0) continue;
    if (!(await share.take(piece.name))) continue;
    own.push(piece);
    if (held) continue;
    fresh = true;
    if (piece.slow) left--;
  }
  return { own, fresh };
}
