import type { Server } from "node:http";

import { AssayError } from "../../runner/errors.ts";

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT` as an address; undefined when it is none. */
export function addressOf(text: string): Address | undefined {
  const [, host = "", port = ""] = /^(.+):([0-9]{1,5})$/.exec(text) ?? [];
  return host === "" || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}

/**
 * Listens until the signal fires. @returns The port, which the system chooses when 0 is given.
 * @throws AssayError ADDRESS_UNUSABLE.
 */
export async function listen(server: Server, { host, port }: Address, signal: AbortSignal): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE" ? "another program listens there; stop it, or take another port" : "";
      const reason = taken === "" ? error.message : taken;
      const address = `${host}:${String(port)}`;
      reject(new AssayError("ADDRESS_UNUSABLE", `cannot listen on ${address}: ${reason}`, { address, reason }));
    });
    server.listen(port, host, resolve);
  });
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  signal.addEventListener("abort", close);
  if (signal.aborted) close();
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
