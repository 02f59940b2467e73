// The admission webhook as an API server meets it: real HTTPS, admission.k8s.io/v1 (sidecars.md section 4a).
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import { nearestName } from '../../agent/config/nearest-name.ts';
import { applyPatch } from '../../agent/inject/apply-patch.ts';
import { injectText, uninjectText } from '../../agent/inject/injector.ts';
import type { Json, JsonObject } from '../../agent/inject/json.ts';
import type { JsonPatchOperation } from '../../agent/inject/json-patch.ts';
import { WebhookServer } from '../../agent/inject/webhook-server.ts';
import { Webhook } from '../../agent/webhook.ts';

const CERTIFICATES = new URL('../http2/fixtures/', import.meta.url);
const file = (name: string) => readFile(new URL(name, CERTIFICATES), 'utf8');
const flags = { texts: { 'control-plane': 'istio', interception: 'redirect' }, spell: (name: string) => `--${name}` };

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly subject: string;
}

async function ask(port: number, body: string, path = '/inject', method = 'POST'): Promise<Answer> {
  const ca = await file('ca.pem');
  return new Promise((resolve, reject) => {
    const sent = request(
      { port, host: '127.0.0.1', path, method, ca, agent: false, checkServerIdentity: () => undefined },
      (response) => {
        const subject = String((response.socket as TLSSocket).getPeerCertificate().subject?.CN);
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, subject }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

async function startWebhook(t: ExecutionContext): Promise<number> {
  const server = new WebhookServer({
    version: '1.2.3',
    flags,
    suggest: nearestName,
    host: '127.0.0.1',
    port: 0,
    certificate: { cert: await file('server.pem'), key: await file('server-key.pem') },
    log: () => {},
  });
  t.teardown(() => server.close());
  return server.listen();
}

interface Review {
  readonly request: { readonly uid: string; readonly object: JsonObject } & JsonObject;
}

async function review(change: (review: JsonObject) => void = () => {}): Promise<Review> {
  const text = await readFile(new URL('reviews/pod-of-a-deployment.json', import.meta.url), 'utf8');
  const parsed = JSON.parse(text) as JsonObject;
  change(parsed);
  return parsed as unknown as Review;
}

function responseIn({ text }: Answer): Record<string, Json> {
  const { kind, apiVersion, response } = JSON.parse(text) as Record<string, Json>;
  if (kind !== 'AdmissionReview' || apiVersion !== 'admission.k8s.io/v1') throw new Error(text);
  return response as Record<string, Json>;
}

function patched(object: JsonObject, response: Record<string, Json>): JsonObject {
  const patch = JSON.parse(Buffer.from(String(response['patch']), 'base64').toString()) as JsonPatchOperation[];
  return applyPatch(object, patch) as JsonObject;
}

test('a pod becomes what inject makes of it in a file', async (t) => {
  const port = await startWebhook(t);
  const asked = await review();
  const answer = await ask(port, JSON.stringify(asked));
  t.is(answer.status, 200);
  const response = responseIn(answer);
  t.like(response, { uid: asked.request.uid, allowed: true, patchType: 'JSONPatch' });
  const pod = patched(asked.request.object, response);
  const fromFile = injectText(stringify(asked.request.object), {
    version: '1.2.3',
    flags,
    namespace: 'demo',
    suggest: nearestName,
  });
  const withoutStatus = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value, (key, member: unknown) => (key === 'outrigger.mesh/status' ? '' : member)));
  t.deepEqual(withoutStatus(pod), withoutStatus(parse(fromFile.text)));
});

test('a pod that was injected by the webhook can be written out and uninjected', async (t) => {
  const port = await startWebhook(t);
  const asked = await review();
  const pod = patched(asked.request.object, responseIn(await ask(port, JSON.stringify(asked))));
  const { text, reports } = uninjectText(stringify(pod));
  t.is(reports[0]?.outcome.kind, 'uninjected');
  t.deepEqual(parse(text), asked.request.object);
});

test('a pod that was injected before is left alone, and so is one that does not want it', async (t) => {
  const port = await startWebhook(t);
  const asked = await review();
  const pod = patched(asked.request.object, responseIn(await ask(port, JSON.stringify(asked))));
  const again = responseIn(await ask(port, JSON.stringify({ ...asked, request: { ...asked.request, object: pod } })));
  t.deepEqual(again, { uid: asked.request.uid, allowed: true });
  const unwilling = await review((one) => {
    const metadata = (one as unknown as { request: { object: { metadata: Record<string, unknown> } } }).request.object
      .metadata;
    metadata['annotations'] = { 'outrigger.mesh/inject': 'disabled' };
  });
  t.deepEqual(responseIn(await ask(port, JSON.stringify(unwilling))), { uid: unwilling.request.uid, allowed: true });
});

test('a wrong annotation refuses the pod, and says what is wrong with it', async (t) => {
  const port = await startWebhook(t);
  const asked = await review((one) => {
    const metadata = (one as unknown as { request: { object: { metadata: Record<string, unknown> } } }).request.object
      .metadata;
    metadata['annotations'] = { 'outrigger.mesh/log-levl': 'debug' };
  });
  t.like(responseIn(await ask(port, JSON.stringify(asked))), {
    allowed: false,
    status: {
      code: 422,
      message:
        'outrigger cannot be injected: annotation outrigger.mesh/log-levl: there is no such setting (did you mean log-level?)',
    },
  });
});

test('what will hurt is a warning that kubectl shows', async (t) => {
  const port = await startWebhook(t);
  const asked = await review((one) => {
    const spec = (one as unknown as { request: { object: { spec: Record<string, unknown> } } }).request.object.spec;
    spec['terminationGracePeriodSeconds'] = 2;
  });
  const { warnings } = responseIn(await ask(port, JSON.stringify(asked)));
  t.deepEqual(warnings, [
    'outrigger: the pod has 2 s to end: calls in flight will be cut off; set terminationGracePeriodSeconds to 10 or more',
  ]);
});

test('what is no review gets 400, what is too large 413, and other paths and methods 404 and 405', async (t) => {
  const port = await startWebhook(t);
  t.is((await ask(port, '{}')).status, 400);
  t.is((await ask(port, 'pod')).status, 400);
  t.is((await ask(port, ' '.repeat(9 * 1024 * 1024)).catch(() => ({ status: 413 }))).status, 413);
  t.is((await ask(port, '', '/mutate')).status, 404);
  t.is((await ask(port, '', '/inject', 'GET')).status, 405);
  t.is((await ask(port, '', '/ready', 'GET')).status, 200);
});

test('a certificate that is replaced counts from the next connection on, and a broken one does not', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-webhook-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const put = async (certificate: string) => {
    await cp(new URL(`${certificate}.pem`, CERTIFICATES), join(folder, 'tls.crt'));
    await cp(new URL(`${certificate}-key.pem`, CERTIFICATES), join(folder, 'tls.key'));
  };
  await put('server');
  const webhook = new Webhook({
    version: '1',
    flags,
    suggest: nearestName,
    host: '127.0.0.1',
    port: 0,
    certFile: join(folder, 'tls.crt'),
    keyFile: join(folder, 'tls.key'),
  });
  t.teardown(() => webhook.stop());
  const port = await webhook.start();
  const before = await ask(port, '', '/ready', 'GET');
  await put('client');
  let after = before;
  // Each question is a connection of its own.
  while (after.subject === before.subject) after = await ask(port, '', '/ready', 'GET');
  t.is(after.status, 200);
});
