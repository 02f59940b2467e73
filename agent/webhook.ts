// The composition root of `outrigger webhook`: the server, its log, and the certificate's files, which it follows.
import { readFile } from 'node:fs/promises';
import { type FileWatch, watchFile } from './config/file-watch.ts';
import type { AdmissionOptions } from './inject/admission.ts';
import { type Certificate, WebhookServer } from './inject/webhook-server.ts';
import type { Log } from './observe/log.ts';
import { createLogger } from './telemetry/log.ts';

export interface WebhookOptions extends AdmissionOptions {
  /** Empty: all addresses. */
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** PEM, the chain behind the certificate. */
  readonly certFile: string;
  readonly keyFile: string;
}

export class Webhook {
  readonly #options: WebhookOptions;
  readonly #log: Log = createLogger({ level: 'info' }).log;
  #server: WebhookServer | null = null;
  #watches: readonly FileWatch[] = [];

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /** Answers the port. Rejects with one sentence where the certificate is none, or the port can't be had. */
  async start(): Promise<number> {
    const { certFile, keyFile } = this.#options;
    const certificate = await this.#read();
    const server = new WebhookServer({ ...this.#options, certificate, log: this.#log });
    this.#server = server;
    const port = await server.listen();
    this.#log('info', 'the webhook listens', { port });
    this.#watches = [
      { path: certFile, text: String(certificate.cert) },
      { path: keyFile, text: String(certificate.key) },
    ].map((file) =>
      watchFile({
        ...file,
        onChange: () => void this.#replace(server),
        onProblem: (message) => this.#log('warn', message),
      }),
    );
    return port;
  }

  async stop(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    await this.#server?.close();
  }

  async #read(): Promise<Certificate> {
    const { certFile, keyFile } = this.#options;
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    return { cert, key };
  }

  /** Between the change of the first file and that of the second the two do not fit. */
  async #replace(server: WebhookServer): Promise<void> {
    try {
      server.setCertificate(await this.#read());
      this.#log('info', 'the certificate was replaced', { file: this.#options.certFile });
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      this.#log('warn', 'certificate and key do not fit, so those before go on serving', { cause });
    }
  }
}
