// The certificate authority of a mesh over real TLS: what is shown to it, and what becomes of each of its answers.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { type SigningResult, signAt } from '../../xds/certificate-authority.ts';
import type { ServerConfig, WorkloadCertificate } from '../../xds/model/bootstrap.ts';
import type { SecretReference } from '../../xds/model/tls.ts';
import { loadProtos } from '../../xds/protos.ts';
import { SecretSources } from '../../xds/secret-sources.ts';
import { createAuthority, hasOpenssl } from '../support/certificate-authority.ts';
import { bootstrapFor } from './client-harness.ts';

const opensslTest = hasOpenssl() ? test : test.skip;
const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}.pem`, import.meta.url));

interface Request {
  readonly csr: string;
  readonly validity_duration: number;
}

type Answer = (request: Request, metadata: grpc.Metadata) => readonly string[] | grpc.status;

/** @returns how to reach it, with a token in a file. */
async function startCa(t: ExecutionContext, answer: Answer): Promise<{ server: ServerConfig; token: string }> {
  const server = new grpc.Server();
  server.addService({ CreateCertificate: loadProtos().caService.CreateCertificate } as grpc.ServiceDefinition, {
    CreateCertificate: (
      { request, metadata }: grpc.ServerUnaryCall<Request, object>,
      respond: grpc.sendUnaryData<object>,
    ) => {
      const answered = answer(request, metadata);
      if (typeof answered === 'number') respond({ code: answered, details: 'no' });
      else respond(null, { cert_chain: answered });
    },
  });
  const pair = { cert_chain: fixture('loopback-cert'), private_key: fixture('loopback-key') };
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createSsl(null, [pair]), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const folder = mkdtempSync(join(tmpdir(), 'outrigger-token-'));
  const token = join(folder, 'token');
  writeFileSync(token, 'one\n');
  t.teardown(() => {
    server.forceShutdown();
    rmSync(folder, { recursive: true });
  });
  const ca = { kind: 'inline', pem: fixture('loopback-cert').toString() } as const;
  return {
    token,
    server: {
      serverUri: `127.0.0.1:${port}`,
      credentials: { kind: 'tls', ca, identity: null },
      features: [],
      metadata: [
        { kind: 'file', key: 'authorization', prefix: 'Bearer ', path: token },
        { kind: 'value', key: 'clusterid', value: 'Kubernetes' },
      ],
    },
  };
}

function sign(server: ServerConfig, requestPem = 'request'): Promise<SigningResult> {
  return new Promise((resolve) => void signAt(server)(requestPem, 3_600_000, resolve));
}

test('a request shows the token, read anew each time, the cluster and the lifetime', async (t) => {
  const seen: unknown[] = [];
  const { server, token } = await startCa(t, ({ csr, validity_duration: seconds }, metadata) => {
    seen.push([csr, seconds, metadata.get('authorization'), metadata.get('clusterid')]);
    return ['leaf', 'root'];
  });
  t.deepEqual(await sign(server), { kind: 'signed', chain: ['leaf', 'root'] });
  writeFileSync(token, 'two');
  await sign(server);
  const what = (bearer: string) => ['request', 3600, [`Bearer ${bearer}`], ['Kubernetes']];
  t.deepEqual(seen, [what('one'), what('two')]);
});

test('a judgement is final, an authority that is busy or away is not', async (t) => {
  let code = grpc.status.UNAUTHENTICATED;
  const { server, token } = await startCa(t, () => code);
  t.deepEqual(await sign(server), { kind: 'failed', reason: 'status 16: no', isFinal: true });
  code = grpc.status.RESOURCE_EXHAUSTED;
  t.like(await sign(server), { kind: 'failed', isFinal: false });
  t.like(await sign({ ...server, serverUri: '127.0.0.1:1' }), { kind: 'failed', isFinal: false });
  const untrusted = { kind: 'inline', pem: fixture('mesh-cert').toString() } as const;
  const distrusting: ServerConfig = { ...server, credentials: { kind: 'tls', ca: untrusted, identity: null } };
  const untold = await sign(distrusting);
  t.like(untold, { kind: 'failed', isFinal: false });
  rmSync(token);
  const result = await sign(server);
  t.regex(result.kind === 'failed' ? result.reason : '', /ENOENT.*token/, 'and so is a token that is not there yet');
});

opensslTest('secrets of the server in whose place it is, and of the provider, are what was issued', async (t) => {
  const authority = createAuthority(t);
  let requests = 0;
  const { server } = await startCa(t, ({ csr }) => {
    requests += 1;
    return [authority.sign(csr), authority.rootPem];
  });
  const workloadCertificate: WorkloadCertificate = {
    authority: server,
    roots: null,
    identity: 'spiffe://mesh/ns/demo/sa/shop',
    lifetimeMs: 3_600_000,
    graceRatio: 0.5,
    secretServer: 'sds-grpc',
    certificateName: 'default',
    rootsName: 'ROOTCA',
    provider: 'default',
  };
  const sources = new SecretSources({
    ads: null,
    bootstrap: { ...bootstrapFor('nowhere'), workloadCertificate },
    log: () => {},
  });
  t.teardown(() => sources.stop());
  const first = (reference: SecretReference) =>
    new Promise<unknown>((resolve) => {
      const watched = sources.watch(reference, {
        onChanged: ({ value }) => resolve(value),
        onAbsent: () => resolve('absent'),
        onError: ({ message }) => resolve(message),
      });
      if ('problem' in watched) resolve(watched.problem);
    });
  const named = (name: string, cluster = 'sds-grpc') =>
    first({ name, source: { kind: 'cluster', name: cluster, mode: 'sotw' } });
  const provided = (part: 'certificate' | 'roots') => first({ name: 'default', source: { kind: 'provider', part } });
  const [certificate, roots, own, others] = await Promise.all([
    named('default'),
    named('ROOTCA'),
    provided('certificate'),
    provided('roots'),
  ]);
  t.like(certificate, { kind: 'certificate', name: 'default' });
  t.like(roots, { kind: 'validation', name: 'ROOTCA', trustedCaPem: authority.rootPem });
  t.deepEqual(own, certificate);
  t.like(others, { kind: 'validation', name: 'default', trustedCaPem: authority.rootPem });
  t.is(requests, 1);
  t.is(await named('default', 'another'), 'is at a cluster that the bootstrap does not have');
  t.is(await named('gateway'), 'is at a cluster that the bootstrap does not have');
});
