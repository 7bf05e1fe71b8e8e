import { spawn } from "node:child_process";
import { constants } from "node:os";

import { projectEnvironment, projectNode, root } from "./install.mjs";

/**
 * Runs a JavaScript program with the project's Node, in the clone's folder, on this terminal. Ctrl-C reaches the
 * program by itself, being of the same group; this process then only waits for it, so nothing is left running.
 * @param print Gets what the program prints, piece by piece, in place of this terminal.
 * @returns {Promise<number>} the exit code; 128 + n after signal n, as a shell has it.
 */
export const node = (args, { env = {}, cwd = root, print } = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(projectNode() ?? process.execPath, args, {
      cwd,
      env: projectEnvironment(env),
      stdio: print === undefined ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", print);
    let interrupted = false;
    const wait = () => {
      interrupted = true;
    };
    const pass = (signal) => child.kill(signal);
    process.on("SIGINT", wait);
    process.on("SIGTERM", pass);
    child.on("error", reject);
    child.on(print === undefined ? "exit" : "close", (code, signal) => {
      process.off("SIGINT", wait);
      process.off("SIGTERM", pass);
      // Some programs end with their own failure after Ctrl-C; exit code 0 is kept.
      const failed = interrupted && code !== 0 ? 128 + constants.signals.SIGINT : (code ?? 1);
      resolve(signal === null ? failed : 128 + constants.signals[signal]);
    });
  });
