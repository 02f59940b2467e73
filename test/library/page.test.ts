// Every example of docs/library.md, compiled and run.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { ProxyServer } from '../../agent/index.ts';
import { ECHO_METHODS, EchoClient, type EchoServer } from '../support/echo-service.ts';
import { failureOf, metadata, startEcho } from './proxies.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/library.md'), 'utf8');
const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');
const hello = Buffer.from('hello');

interface Example {
  readonly heading: string;
  readonly code: string;
}

/** What the page says that its examples are given. */
interface Given {
  readonly carts: string[];
  readonly server: grpc.Server;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly socketPath: string;
  /** The one of the test is not to be ended. */
  readonly process: { once(): void };
}

interface Running extends Given {
  readonly proxy: ProxyServer;
  /** `undefined` where the example names none. */
  readonly port: number | undefined;
  readonly lines: readonly string[] | undefined;
  readonly echo: EchoServer;
}

function examplesOf(markdown: string): Example[] {
  return markdown.split(/^## /m).flatMap((section) => {
    const heading = section.slice(0, section.indexOf('\n'));
    return [...section.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => ({ heading, code: match[1]! }));
  });
}

const examples = examplesOf(page);
const importLine = /^import \{ (.*) \} from 'outrigger';\n/;

async function run(t: ExecutionContext, code: string): Promise<Running> {
  const echo = await startEcho(t, 'cart');
  const server = new grpc.Server();
  server.addService({ unary: ECHO_METHODS.unary } as unknown as grpc.ServiceDefinition, {
    unary: (_call: unknown, callback: grpc.sendUnaryData<Buffer>) => callback(null, Buffer.from('local')),
  });
  const folder = mkdtempSync(join(tmpdir(), 'page-'));
  const given: Given = {
    carts: [`127.0.0.1:${echo.port}`],
    server,
    cert: pem('server'),
    key: pem('server-key'),
    ca: pem('ca'),
    socketPath: join(folder, 'sock'),
    process: { once: () => {} },
  };
  const body = code.replace(importLine, '');
  const results = ['port', 'lines'].map((name) => `${name}: typeof ${name} === 'undefined' ? undefined : ${name}`);
  const file = join(folder, 'example.mts');
  writeFileSync(
    file,
    `import { ${importLine.exec(code)![1]} } from '${new URL('../../agent/index.ts', import.meta.url)}';
export const run = async ({ carts, server, cert, key, ca, socketPath, process }) => {
${body}
return { proxy, ${results.join(', ')} };
};
`,
  );
  const { run: start }: { run(given: Given): Promise<Omit<Running, keyof Given | 'echo'>> } = await import(
    pathToFileURL(file).href
  );
  const running = await start(given);
  t.teardown(() => {
    running.proxy.close();
    server.forceShutdown();
    rmSync(folder, { recursive: true, force: true });
  });
  return { ...running, ...given, echo };
}

function clientOf(t: ExecutionContext, port: number | undefined, authority: string): EchoClient {
  const client = new EchoClient(port!, authority);
  t.teardown(() => client.close());
  return client;
}

/** What each example is for, by its heading; the examples of one heading in their order. */
const checks: Readonly<Record<string, readonly ((t: ExecutionContext, running: Running) => Promise<void>)[]>> = {
  'The whole of it': [
    async (t, { port, echo }) => {
      await clientOf(t, port, 'api.example.com').unary(hello);
      t.deepEqual(echo.lastMetadata!.get('x-via'), ['edge']);
      t.deepEqual(await failureOf(clientOf(t, port, 'else').unary(hello)), { code: 12, details: 'Unknown method' });
    },
  ],
  'Where a call goes': [
    async (t, { port }) => {
      t.deepEqual((await clientOf(t, port, 'any').unary(hello)).reply, hello);
      t.is((await failureOf(clientOf(t, port, 'socket.example').unary(hello))).code, 14);
    },
  ],
  'TLS toward targets': [
    async (t, { port, echo }) => {
      // The endpoint speaks no TLS: nothing may reach it.
      t.is((await failureOf(clientOf(t, port, 'any').unary(hello))).code, 14);
      t.deepEqual(echo.calls, []);
    },
  ],
  'Metadata and authority': [
    async (t, { port, echo }) => {
      await clientOf(t, port, 'any').unary(hello, metadata({ cookie: 'c', 'x-via': 'client', kept: 'k' }));
      const got = echo.lastMetadata!;
      t.deepEqual(got.get('x-token-bin'), [Buffer.from([1, 2, 3])]);
      t.deepEqual(got.get('x-via'), ['client, edge']);
      t.deepEqual(got.get('cookie'), []);
      t.deepEqual(got.get('kept'), ['k']);
      t.regex(String(got.get('x-forwarded-for')[0]), /^127\.0\.0\.1:\d+$/);
    },
  ],
  'A director that has to ask': [
    async (t, { port }) => {
      const client = clientOf(t, port, 'any');
      t.deepEqual((await client.unary(hello, metadata({ 'x-tenant': 'acme' }))).reply, hello);
      t.deepEqual(await failureOf(client.unary(hello)), { code: 5, details: 'no such tenant' });
    },
  ],
  'Deadlines and retries': [
    async (t, { port, echo }) => {
      t.is((await failureOf(clientOf(t, port, 'any').unary(hello, metadata({ 'x-fail': '14' })))).code, 14);
      // This endpoint sends its headers first, so that its failure is no candidate.
      t.is(echo.calls.length, 1);
    },
  ],
  'Handlers beside it': [
    async (t, { port, echo }) => {
      const client = clientOf(t, port, 'any');
      t.is((await client.unary(hello)).reply.toString(), 'local');
      t.deepEqual(await client.clientStream([hello]), hello);
      t.is(echo.calls.length, 1);
    },
    async (t, { server, echo }) => {
      const port = await new Promise<number>((resolve, fail) => {
        server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
          error === null ? resolve(bound) : fail(error),
        );
      });
      const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
      t.teardown(() => client.close());
      const same = (bytes: Buffer): Buffer => bytes;
      const call = client.makeUnaryRequest('/shop.Cart/Add', same, same, hello, () => {});
      const end = await new Promise<grpc.StatusObject>((resolve) => {
        call.on('status', resolve);
      });
      // It got there, to an endpoint that has no such method.
      t.is(end.code, 12);
      t.regex(end.details, /shop\.Cart\/Add/);
      t.deepEqual(echo.calls, []);
    },
  ],
  'Watching calls': [
    async (t, { port, lines, proxy }) => {
      await clientOf(t, port, 'any').unary(hello);
      await proxy.drain();
      t.regex(lines![0]!, /^test\.Echo\/Unary OK - null 127\.0\.0\.1:\d+ \d+\.\d ms$/);
    },
  ],
  'Listening, draining, closing': [
    async (t, { port, proxy, socketPath }) => {
      t.deepEqual((await clientOf(t, port, 'any').unary(hello)).reply, hello);
      const client = new grpc.Client(`unix:${socketPath}`, grpc.credentials.createInsecure());
      t.teardown(() => client.close());
      await new Promise<void>((resolve, fail) => {
        client.waitForReady(Date.now() + 10_000, (error) => (error === undefined ? resolve() : fail(error)));
      });
      client.close();
      t.is(await proxy.drain(1000), 0);
    },
  ],
};

for (const [heading, ofHeading] of Object.entries(checks)) {
  ofHeading.forEach((check, at) => {
    test(`the page's example ${at + 1} of "${heading}" does what it says`, async (t) => {
      const code = examples.filter((example) => example.heading === heading)[at]?.code;
      if (code === undefined) return t.fail('it is not there');
      await check(t, await run(t, code));
    });
  });
}

test('no example of the page is left out', (t) => {
  const checked = Object.entries(checks).flatMap(([heading, ofHeading]) => ofHeading.map(() => heading));
  t.deepEqual(
    examples.map(({ heading }) => heading),
    checked,
  );
});

test('the examples of the page and of the README compile', async (t) => {
  const folder = join(root, 'node_modules', '.cache', 'library-page');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const ofReadme = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => ({
    heading: 'README',
    code: match[1]!,
  }));
  t.true(ofReadme.length > 0);
  const given = `declare const carts: string[]; declare const server: import('@grpc/grpc-js').Server;
declare const cert: string; declare const key: string; declare const ca: string; declare const socketPath: string;\n`;
  [...examples, ...ofReadme].forEach(({ code }, at) => {
    writeFileSync(join(folder, `example-${at}.ts`), given + code.replace("'outrigger'", "'../../../agent/index.ts'"));
  });
  const config = {
    extends: '../../../tsconfig.base.json',
    compilerOptions: { types: ['node'], noUnusedLocals: false },
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...config, include: ['*.ts'] }));
  const compiler = join(root, 'node_modules', '.bin', 'tsc');
  await t.notThrowsAsync(promisify(execFile)(compiler, ['--noEmit', '-p', folder]));
});
