/** Connections to the services: the one way in which the exporter and the reader connect. */

import { readFileSync } from "node:fs";
import type { SecureClientSessionOptions } from "node:http2";

import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

import { InvalidValueError } from "./errors.js";

/** A connection that can be ended. */
export interface Channel {
  readonly transport: Transport;
  /** End the connection and every call on it; a later call opens a new one. */
  close(): void;
}

/**
 * Open a channel to `host:port`, with or without a scheme; it connects with the first call.
 *
 * `https://` means TLS and `http://` plaintext; without a scheme loopback is plaintext and all else TLS.
 *
 * @throws InvalidValueError: the endpoint is none, or a file of certificates cannot be read.
 */
export function openChannel(endpoint: string, apiKey: string): Channel {
  const baseUrl = urlOf(endpoint);
  const tls = baseUrl.startsWith("https:") ? certificates() : {};
  // Longer than the 15 s between the checkpoints of a watch, so that a watch that lives sends no ping.
  const sessionManager = new Http2SessionManager(baseUrl, { pingIntervalMs: 60_000, pingTimeoutMs: 20_000 }, tls);
  const interceptors = apiKey === "" ? [] : [authorization(apiKey)];
  const transport = createGrpcTransport({ baseUrl, sessionManager, interceptors, acceptCompression: [] });
  return { transport, close: () => sessionManager.abort() };
}

/** The URL of an endpoint. */
export function urlOf(endpoint: string): string {
  const [scheme, address] = endpoint.includes("://") ? endpoint.split("://", 2) : ["", endpoint];
  const secure = scheme === "https" || (scheme === "" && !isLoopback(address!));
  const url = `${secure ? "https" : "http"}://${address}`;
  if (!["", "http", "https"].includes(scheme!) || !URL.canParse(url)) {
    throw new InvalidValueError("an endpoint is host:port, http://host:port or https://host:port");
  }
  return url;
}

function isLoopback(address: string): boolean {
  return /^(127\.|localhost(:|$)|\[::1\])/.test(address);
}

function authorization(apiKey: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${apiKey}`);
    return next(request);
  };
}

function certificates(): SecureClientSessionOptions {
  const ca = read("AGENTTRACE_ROOT_CERTIFICATES");
  const cert = read("AGENTTRACE_CLIENT_CERTIFICATE");
  const key = read("AGENTTRACE_CLIENT_KEY");
  if (Boolean(cert) !== Boolean(key)) {
    throw new InvalidValueError("a client's certificate needs its key: AGENTTRACE_CLIENT_CERTIFICATE, _CLIENT_KEY");
  }
  return { ...(ca && { ca }), ...(cert && key && { cert, key }) };
}

function read(setting: string): Buffer | undefined {
  const path = process.env[setting];
  if (!path) return undefined;
  try {
    return readFileSync(path);
  } catch {
    throw new InvalidValueError(`the file that ${setting} names cannot be read`);
  }
}
