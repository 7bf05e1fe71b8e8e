import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

import { AssayError } from "../errors.ts";

/** Which file it is, and what changes when its content does. */
interface Stamp {
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: bigint;
  readonly modified: bigint;
}

/** A file as another thread of the process takes it. */
export interface FileClone {
  readonly path: string;
  readonly descriptor: number;
  readonly stamp: Stamp;
}

const abandoned = new FinalizationRegistry<number>((descriptor) => {
  closeSync(descriptor);
});

/**
 * A regular file that stays open while anything refers to it: a file that is renamed or deleted meanwhile can still be
 * read, and one that is written into is refused, so all that is ever read is one content.
 */
export class OpenFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #stamp: Stamp;

  private constructor({ path, descriptor, stamp }: FileClone) {
    this.path = path;
    this.#descriptor = descriptor;
    this.#stamp = stamp;
  }

  /** @throws AssayError FILE_UNREADABLE when it is missing or not a regular file: pipes and devices may never end. */
  static open(path: string): OpenFile {
    let descriptor: number;
    try {
      // Without O_NONBLOCK, opening a pipe that has no writer would block forever.
      descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      throw unreadable(path, `cannot be opened: ${reasonOf(error)}; check the path`, error);
    }
    const stat = fstatSync(descriptor, { bigint: true });
    if (!stat.isFile()) {
      closeSync(descriptor);
      throw unreadable(path, "is not a regular file; give the path of a file, not of a folder, pipe or device");
    }
    const file = new OpenFile({ path, descriptor, stamp: stampOf(stat) });
    abandoned.register(file, descriptor);
    return file;
  }

  /** A file of another thread, which keeps it open. */
  static fromClone(clone: FileClone): OpenFile {
    return new OpenFile(clone);
  }

  clone(): FileClone {
    return { path: this.path, descriptor: this.#descriptor, stamp: this.#stamp };
  }

  /** Bytes. */
  get size(): number {
    return Number(this.#stamp.size);
  }

  /** Fills `target` with the bytes from `offset` on. @throws AssayError FILE_UNREADABLE, also when the file has changed. */
  read(offset: number, target: Uint8Array): void {
    for (let filled = 0; filled < target.length;) {
      const most = Math.min(target.length - filled, 2 ** 30);
      const count = readSync(this.#descriptor, target, filled, most, offset + filled);
      if (count === 0) throw unreadable(this.path, "became shorter while it was read; is something still writing it?");
      filled += count;
    }
    const now = stampOf(fstatSync(this.#descriptor, { bigint: true }));
    const { device, inode, size, modified } = this.#stamp;
    if (now.device === device && now.inode === inode && now.size === size && now.modified === modified) return;
    throw unreadable(this.path, "was written into while it was in use; replace files by renaming new ones");
  }

  /** The whole content. @throws AssayError FILE_UNREADABLE. */
  all(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    this.read(0, bytes);
    return bytes;
  }
}

const stampOf = ({ dev, ino, size, mtimeNs }: BigIntStats): Stamp => ({
  device: dev,
  inode: ino,
  size,
  modified: mtimeNs,
});

const unreadable = (path: string, reason: string, cause?: unknown): AssayError =>
  new AssayError("FILE_UNREADABLE", `${path} ${reason}`, { path, reason }, { cause });

/** The system's message about a failed call, without the path, which the caller names. */
const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message.replace(/, \w+ '.*'$/s, "") : String(error);
