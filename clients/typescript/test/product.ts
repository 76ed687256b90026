/** The running product that tests are done against, and agents that no other test has. */

import { randomUUID } from "node:crypto";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export const INGEST = process.env.AGENTTRACE_ENDPOINT ?? "";
export const QUERY = process.env.AGENTTRACE_QUERY_ENDPOINT ?? "";

/** Why a test of the product is skipped; false where it is not. */
export const skip =
  INGEST === "" || QUERY === "" ? "AGENTTRACE_ENDPOINT and AGENTTRACE_QUERY_ENDPOINT name no running product" : false;

export function uniqueAgent(): string {
  return `typescript.${randomUUID()}`;
}

/** A way to a service that can be cut: each connection, once it has carried so many bytes from the service. */
export class Cut implements AsyncDisposable {
  cuts = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  /** @param bytes How much each connection carries, one after the other; those after the last carry all. */
  constructor(target: string, private readonly bytes: number[]) {
    const [host, port] = target.split(":");
    this.#server = createServer((client) => {
      let left = this.bytes.shift() ?? Number.POSITIVE_INFINITY;
      const service = connect(Number(port), host!);
      for (const socket of [client, service]) this.#sockets.add(socket.on("error", () => {}));
      client.pipe(service);
      client.on("close", () => service.destroy());
      service.on("close", () => client.destroy());
      service.on("data", (chunk) => {
        if (left <= 0) return;
        left -= chunk.length;
        if (left > 0) return void client.write(chunk);
        this.cuts += 1;
        client.write(chunk.subarray(0, chunk.length + left), () => service.destroy());
      });
    });
  }

  /** Open the way; return its address. */
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
