// h2spec, strict, against a listener of the agent, in clear text and over TLS, whose every request is answered with 200
// and a body by `node:http2`.
// It was written for RFC 7540; a case that RFC 9113 contradicts would stand in `contradictions` with its section.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServingResource } from '../../xds/model/resource.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { plainMesh } from '../support/resources.ts';
import { type Judge, PEERS, runPeer, type Verdict } from './judge.ts';
import { secureMesh } from './secure-mesh.ts';

/** `suite: case` to the section of RFC 9113 that says otherwise. None is needed. */
const contradictions: Readonly<Record<string, string>> = {};

async function judge(mesh: (port: number) => ServingResource[], more: readonly string[]): Promise<readonly Verdict[]> {
  if (!existsSync(`${PEERS}h2spec`)) {
    return [{ kind: 'skipped', name: 'all', reason: 'h2spec is not built (npm run peers, wants Go)' }];
  }
  const sessions = new Set<http2.Http2Session>();
  const endpoint = http2.createServer();
  endpoint.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  // What the agent resets upstream is no matter of the endpoint's.
  endpoint.on('sessionError', () => {});
  endpoint.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    // Behind an answer to half a request the agent says RST_STREAM(NO_ERROR) (RFC 9113 section 8.1), and what h2spec
    // sends then is to be ignored (5.1), which is not what it waits for.
    stream.resume().on('end', () => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': 'text/plain' });
      stream.end('a body of some bytes\n');
    });
  });
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  const dataPlane = startDataPlane(mesh((endpoint.address() as AddressInfo).port));
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-h2spec-'));
  try {
    const report = join(folder, 'report.xml');
    const port = await dataPlane.port('judged');
    // Exit code 1 means that some case failed: the report has it, unless nothing ran at all.
    const args = ['-h', '127.0.0.1', '-p', `${port}`, '--strict', '-j', report, ...more];
    const ran = runPeer('h2spec', args, 120_000);
    const failure = await ran.then(
      () => null,
      (error: Error) => error,
    );
    if (!existsSync(report)) throw failure ?? new Error('h2spec wrote no report');
    return verdictsOf(await readFile(report, 'utf8'));
  } finally {
    dataPlane.stop();
    for (const session of sessions) session.destroy();
    endpoint.close();
    await rm(folder, { recursive: true });
  }
}

/** Reads the cases out of h2spec's JUnit report. */
function verdictsOf(report: string): Verdict[] {
  const cases = report.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g);
  return [...cases].map(([, suite, title, body]) => {
    const name = `${suite}: ${title}`;
    const contradiction = contradictions[name];
    if (!/<(?:failure|error)/.test(body!)) {
      return body!.includes('<skipped') ? { kind: 'skipped', name, reason: 'by h2spec' } : { kind: 'passed', name };
    }
    if (contradiction !== undefined) return { kind: 'skipped', name, reason: `RFC 9113, ${contradiction}` };
    return { kind: 'failed', name, reason: body!.replaceAll(/<[^>]*>/g, ' ').trim() };
  });
}

export const h2spec: Judge = {
  name: 'h2spec, strict',
  judge: () => judge((port) => plainMesh('judged', 'inbound', [port]), []),
};

export const h2specOverTls: Judge = {
  name: 'h2spec, strict, over TLS',
  judge: () => judge((port) => secureMesh('judged', port), ['-t', '-k']),
};
