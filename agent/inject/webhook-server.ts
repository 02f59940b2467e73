// The admission webhook over HTTPS: POST /inject from API servers, GET /ready and /live from the kubelet.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Log } from '../observe/log.ts';
import { type AdmissionOptions, answerAdmission } from './admission.ts';

export interface Certificate {
  /** PEM, the chain included. */
  readonly cert: string | Buffer;
  /** PEM. */
  readonly key: string | Buffer;
}

export interface WebhookServerOptions extends AdmissionOptions {
  /** Empty: all addresses. */
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly certificate: Certificate;
  readonly log: Log;
}

/** Objects of Kubernetes have at most 1.5 MiB, and a review has two of them. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** API servers wait for 30 s at the most. */
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 1000;

export class WebhookServer {
  readonly #options: WebhookServerOptions;
  readonly #server: Server;

  /** Throws where the certificate is none. */
  constructor(options: WebhookServerOptions) {
    this.#options = options;
    this.#server = createServer(
      { ...options.certificate, minVersion: 'TLSv1.2', requestTimeout: REQUEST_TIMEOUT_MS },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Answers the port. Rejects with one sentence where it can't be had. */
  listen(): Promise<number> {
    const { host, port, log } = this.#options;
    return new Promise((resolve, reject) => {
      const refuse = (error: Error): void =>
        reject(new Error(`can't open the webhook's port ${port}: ${error.message}`));
      this.#server.once('error', refuse);
      this.#server.listen({ ...(host === '' ? {} : { host }), port }, () => {
        this.#server.off('error', refuse);
        this.#server.on('error', (error) => log('warn', 'the webhook’s port failed', { cause: error.message }));
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Connections from now on see the new one. Throws where it is none; the old one then stays. */
  setCertificate(certificate: Certificate): void {
    this.#server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' });
  }

  /** Lets requests in flight end. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    try {
      const [path = ''] = (request.url ?? '').split('?');
      if (path === '/ready' || path === '/live') reply(response, 200, 'LIVE\n');
      else if (path !== '/inject') reply(response, 404, `no ${path} here; there is /inject\n`);
      else if (request.method !== 'POST') reply(response, 405, '/inject takes POST\n');
      else await this.#inject(request, response);
    } catch (error) {
      this.#options.log('warn', 'an admission request failed', { cause: String(error) });
      if (response.headersSent) response.destroy();
      else reply(response, 500, 'the request failed; the log says why\n');
    }
  }

  async #inject(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (body === null) {
      reply(response, 413, `a review has at most ${MAX_BODY_BYTES} bytes\n`);
      return;
    }
    const answer = answerAdmission(body, this.#options);
    if (answer === null) {
      reply(response, 400, 'the body is no AdmissionReview of admission.k8s.io/v1\n');
      return;
    }
    const { outcome, reason, pod, review } = answer;
    this.#options.log(outcome === 'refused' ? 'warn' : 'info', `pod ${outcome}`, { pod, ...(reason && { reason }) });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(review));
  }
}

/** `null` where it is too large. Rejects where the client went away. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function reply(response: ServerResponse, status: number, text: string): void {
  // What was not read of the request would be taken for another one.
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    ...(status === 413 && { connection: 'close' }),
  });
  response.end(text);
}
