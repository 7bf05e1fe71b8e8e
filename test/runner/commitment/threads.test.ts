import { expect } from "chai";

import { commitTensors } from "../../../runner/commitment/tensor.ts";
import { commitOnThreads } from "../../../runner/commitment/threads.ts";
import { AssayError, isAssayError } from "../../../runner/errors.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { storedTensor, type Tensor, tensorFrom } from "../../../runner/machine/tensor.ts";
import type { TaskProgress } from "../../../runner/task.ts";

describe("commitOnThreads", () => {
  const random = createRandom(3);
  const tensors = [1, 300, 70_000, 256, 1025, 9].map((length) =>
    tensorFrom(
      "f32",
      Array.from({ length }, () => random.u32()),
    ),
  );

  it("gives the commitments, trees and progress of one thread, whatever their number", async () => {
    const wanted = await commitTensors("commit", tensors);
    for (const threads of [1, 2, 3]) {
      const seen: TaskProgress[] = [];
      const options = { onProgress: (progress: TaskProgress) => seen.push(progress) };
      const made = await commitOnThreads(threads, 0)("commit", tensors, options);
      expect(made.map(({ root, type }) => [root, type])).to.deep.equal(wanted.map(({ root, type }) => [root, type]));
      expect(made[2]?.tree.proveRange(17, 5)).to.deep.equal(wanted[2]?.tree.proveRange(17, 5));
      const { done, total, task } = seen.at(-1) ?? {};
      expect([task, done, total]).to.deep.equal(["commit", 284, 284]);
    }
  });

  it("fails as one thread does where elements cannot be read, or the work is stopped", async () => {
    const broken = storedTensor("f32", {
      byteLength: 4096,
      copyTo: () => {
        throw new AssayError("FILE_UNREADABLE", "gone", { path: "weights", reason: "gone" });
      },
    });
    const failing = (list: readonly Tensor[], signal?: AbortSignal): Promise<unknown> =>
      commitOnThreads(2, 0)("commit", list, { signal }).then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(isAssayError(await failing([broken, ...tensors]), "FILE_UNREADABLE")).to.equal(true);
    expect(isAssayError(await failing(tensors, AbortSignal.abort()), "ABORTED")).to.equal(true);
  });
});
