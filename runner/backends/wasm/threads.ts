import { item } from "../../items.ts";
import type { Call, Run, WasmFunction } from "./module.ts";

/*
 * Threads that share the slices of a call. They meet in one word of shared memory: the number of the job above the number
 * of the next slice. A thread takes a slice by raising the word by one, which fails when another thread was faster or the
 * job is over; so it never works on a job whose description has changed under it.
 */

/** Where things are in the shared words. */
const NEXT = 0;
const DONE = 1;
const STOP = 2;
const SLICES = 3;
const FUNCTION = 4;
const TILES = 5;
const SLICE = 6;
const COUNT = 7;
const ADDRESSES = 8;
const MOST_ADDRESSES = 240;

/** Bits of the word that count slices; a job whose slices are all taken has this number of them taken. */
const SLICE_BITS = 12;
const TAKEN = 2 ** SLICE_BITS - 1;
/** Slices that each thread should find in a call, so that all end at about the same time. */
const SLICES_PER_THREAD = 4;
/** Work below which waking threads costs more than it gains. */
const LEAST_WORK = 2 ** 16;
/** How often a thread looks again before it sleeps. */
const SPINS = 2000;

/** What runs in each other thread. */
const SERVE = `
const serve = ({ module, memory, words }) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  for (;;) {
    const next = Atomics.load(words, ${String(NEXT)});
    if (Atomics.load(words, ${String(STOP)}) !== 0) return;
    const slice = next & ${String(TAKEN)};
    if (slice >= Atomics.load(words, ${String(SLICES)}) || slice === ${String(TAKEN)}) {
      let spins = ${String(SPINS)};
      while (spins > 0 && Atomics.load(words, ${String(NEXT)}) === next) spins--;
      if (spins === 0) Atomics.wait(words, ${String(NEXT)}, next);
      continue;
    }
    const number = words[${String(FUNCTION)}], tiles = words[${String(TILES)}], size = words[${String(SLICE)}];
    const addresses = Array.from(words.subarray(${String(ADDRESSES)}, ${String(ADDRESSES)} + words[${String(COUNT)}]));
    if (Atomics.compareExchange(words, ${String(NEXT)}, next, next + 1) !== next) continue;
    exports[number](...addresses, slice * size, Math.min(tiles, (slice + 1) * size));
    Atomics.add(words, ${String(DONE)}, 1);
    Atomics.notify(words, ${String(DONE)});
  }
};
`;
const NODE_WORKER = `${SERVE} serve(require("node:worker_threads").workerData);`;
const BROWSER_WORKER = `${SERVE} onmessage = ({ data }) => serve(data);`;

/** Tells threads to end when nobody can give them work any more. */
const abandoned = new FinalizationRegistry<Int32Array>((words) => stop(words));

function stop(words: Int32Array): void {
  Atomics.store(words, STOP, 1);
  Atomics.notify(words, NEXT);
}

/** Threads for one module and memory: this one and those that it starts. */
export class Threads {
  readonly #words: Int32Array;
  readonly #functions: readonly WasmFunction[];
  readonly #here: Run;
  readonly #count: number;
  #job = 0;

  constructor(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    functions: readonly WasmFunction[],
    here: Run,
    count: number,
  ) {
    this.#words = new Int32Array(new SharedArrayBuffer(4 * (ADDRESSES + MOST_ADDRESSES)));
    this.#words[NEXT] = TAKEN;
    this.#functions = functions;
    this.#here = here;
    this.#count = count;
    for (let i = 1; i < count; i++) startWorker({ module, memory, words: this.#words });
    abandoned.register(this, this.#words);
  }

  readonly run: Run = (call) => {
    const { routine, addresses } = call;
    const most = Math.ceil(routine.tiles / (SLICES_PER_THREAD * this.#count));
    const size = Math.max(Math.min(routine.slice, most), Math.ceil(routine.tiles / (TAKEN - 1)));
    const slices = Math.ceil(routine.tiles / size);
    if (slices < 2 || routine.work < LEAST_WORK || addresses.length > MOST_ADDRESSES) return this.#here(call);
    this.#share(call, size, slices);
    return [];
  };

  /** Ends the other threads. */
  end(): void {
    stop(this.#words);
  }

  #share({ routine: { number, tiles }, addresses }: Call, size: number, slices: number): void {
    const words = this.#words;
    this.#job = (this.#job + 1) % 2 ** (31 - SLICE_BITS);
    const first = this.#job << SLICE_BITS;
    // Closed before the description changes: who sees the new number of slices finds the word changed.
    Atomics.store(words, NEXT, first | TAKEN);
    Atomics.store(words, SLICES, slices);
    words[FUNCTION] = number;
    words[TILES] = tiles;
    words[SLICE] = size;
    words[COUNT] = addresses.length;
    words.set(addresses, ADDRESSES);
    Atomics.store(words, DONE, 0);
    Atomics.store(words, NEXT, first);
    Atomics.notify(words, NEXT);
    const run = item(this.#functions, number);
    for (;;) {
      const next = Atomics.load(words, NEXT);
      const slice = next - first;
      if (slice >= slices) break;
      if (Atomics.compareExchange(words, NEXT, next, next + 1) !== next) continue;
      run(...addresses, slice * size, Math.min(tiles, (slice + 1) * size));
      Atomics.add(words, DONE, 1);
    }
    // Another thread is at most one slice behind.
    for (let done = Atomics.load(words, DONE); done < slices; done = Atomics.load(words, DONE)) waitFor(words, done);
  }
}

/** Waits until the number of slices done is not `done`. */
function waitFor(words: Int32Array, done: number): void {
  for (let spins = 0; spins < SPINS; spins++) if (Atomics.load(words, DONE) !== done) return;
  // The main thread of a browser must not sleep.
  if (IN_NODE) Atomics.wait(words, DONE, done);
}

interface Task {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly words: Int32Array;
}

const IN_NODE = "process" in globalThis;

/** Whether memory can be shared: browsers do so only for pages that are isolated from other sites. */
export const threadsAllowed = (): boolean => "SharedArrayBuffer" in globalThis;

/** Starts a thread. Until it runs, the others do its share. */
function startWorker(task: Task): void {
  if (IN_NODE) {
    const { Worker } = process.getBuiltinModule("node:worker_threads");
    new Worker(NODE_WORKER, { eval: true, workerData: task, execArgv: [] }).unref();
    return;
  }
  const { Worker } = globalThis as { readonly Worker?: new (url: string) => BrowserWorker };
  if (Worker === undefined) return;
  const url = URL.createObjectURL(new Blob([BROWSER_WORKER], { type: "text/javascript" }));
  new Worker(url).postMessage(task);
}

interface BrowserWorker {
  readonly postMessage: (task: Task) => void;
}
