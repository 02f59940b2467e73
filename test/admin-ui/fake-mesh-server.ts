// Serves the built page as the mesh's admin port does, and streams whatever snapshots it is given.
// Run as a program, it shows the page with a scripted mesh, for whoever works on it:
//   node test/admin-ui/fake-mesh-server.ts [PORT]      (after `vite build admin-ui`)

import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';
import { ScriptedMesh } from './scripted-mesh.ts';

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
};

export class FakeMeshServer {
  readonly #server: Server;
  readonly #streams = new Set<ServerResponse>();
  #latest: MeshSnapshot | undefined;
  #refuses = false;

  constructor(folder: string) {
    this.#server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://page').pathname;
      if (path === '/api/events') this.#stream(response);
      else if (path === '/api/mesh') response.setHeader('content-type', 'application/json').end(this.#text());
      else void sendFile(response, folder, path === '/' ? '/index.html' : path);
    });
  }

  /** Answers the page's address. */
  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Sends a snapshot to every page that is open, and to those that open later. */
  push(snapshot: MeshSnapshot): void {
    this.#latest = snapshot;
    for (const stream of this.#streams) stream.write(`data: ${this.#text()}\n\n`);
  }

  /** Ends every stream; until `accept`, new ones are answered with 503. */
  refuse(): void {
    this.#refuses = true;
    for (const stream of this.#streams) stream.destroy();
  }

  accept(): void {
    this.#refuses = false;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #text(): string {
    return JSON.stringify(this.#latest);
  }

  #stream(response: ServerResponse): void {
    if (this.#refuses) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.flushHeaders();
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
    if (this.#latest !== undefined) response.write(`data: ${this.#text()}\n\n`);
  }
}

async function sendFile(response: ServerResponse, folder: string, path: string): Promise<void> {
  try {
    const body = await readFile(join(folder, normalize(path)));
    response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream').end(body);
  } catch {
    response.writeHead(404).end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = new FakeMeshServer(fileURLToPath(new URL('../../admin-ui/dist', import.meta.url)));
  const mesh = new ScriptedMesh();
  server.push(mesh.advance(100));
  setInterval(() => server.push(mesh.next()), 1000);
  console.log(await server.listen(Number(process.argv[2] ?? 0)));
}
