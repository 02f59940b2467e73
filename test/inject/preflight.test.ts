// What hurt other meshes' users is found before it hurts ours (sidecars.md sections 5 and 6.10).
import test from 'ava';
import { nearestName } from '../../agent/config/nearest-name.ts';
import type { JsonObject } from '../../agent/inject/json.ts';
import { preflight } from '../../agent/inject/preflight.ts';
import { readSettings } from '../../agent/inject/settings.ts';

function findings(spec: JsonObject, texts: Record<string, string> = {}, metadata: JsonObject = {}): string[] {
  const found = readSettings([{ texts: { interception: 'redirect', ...texts }, spell: (name) => name }], nearestName);
  if ('problems' in found) throw new Error(found.problems.join());
  return preflight({ metadata, spec }, found.settings).map(({ kind, what }) => `${kind}: ${what}`);
}

const app = (parts: JsonObject): JsonObject => ({ containers: [{ name: 'app', image: 'shop:1', ...parts }] });

test('a sound pod has no findings', (t) => {
  t.deepEqual(findings({ terminationGracePeriodSeconds: 30, ...app({ ports: [{ containerPort: 50_051 }] }) }), []);
});

test('a container under the agent’s user would go past it (complaint 26)', (t) => {
  const fault =
    "fault: container app runs as user 15015, which is the agent's: its connections would go past the agent";
  t.deepEqual(findings(app({ securityContext: { runAsUser: 15_015 } })), [fault]);
  t.deepEqual(findings(app({ securityContext: { runAsUser: 15_015 } }), { uid: '9' }), []);
  t.deepEqual(findings({ securityContext: { runAsUser: 15_015 }, ...app({}) }), [
    fault.replace('container app', 'the pod'),
  ]);
});

test('a port of the agent is taken', (t) => {
  t.deepEqual(findings(app({ ports: [{ containerPort: 15_006 }] })), [
    "fault: container app listens on 15006, which is the agent's inbound port",
  ]);
});

test('an application bound to localhost is noticed by its arguments and variables (complaint 25)', (t) => {
  const note = (word: string) => `note: container app seems to listen on localhost only (${word})`;
  t.deepEqual(findings(app({ args: ['--listen', '127.0.0.1:8080'] })), [note('127.0.0.1:8080')]);
  t.deepEqual(findings(app({ args: ['--bind=localhost:8080'] })), [note('--bind=localhost:8080')]);
  t.deepEqual(findings(app({ env: [{ name: 'LISTEN_ADDR', value: '[::1]:8080' }] })), [note('[::1]:8080')]);
  t.deepEqual(findings(app({ args: ['--upstream', '127.0.0.1:8080'] })), []);
});

test('UDP goes past the agent', (t) => {
  t.deepEqual(findings(app({ ports: [{ containerPort: 53, protocol: 'UDP' }] })), [
    'note: container app has UDP ports (53), which go past the agent',
  ]);
});

test('an overridden authority is noticed', (t) => {
  t.deepEqual(findings(app({ args: ['--authority=a.example'] })), [
    'note: container app seems to override :authority (--authority=a.example)',
  ]);
  t.deepEqual(findings(app({ env: [{ name: 'GRPC_SSL_TARGET_NAME_OVERRIDE', value: 'a' }] })).length, 1);
});

test('where the capabilities for the rules are forbidden, that is told (complaint 27)', (t) => {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  t.deepEqual(findings(app({}), {}, { labels }), [
    'fault: pod security restricted forbids the capabilities that the rules need',
  ]);
  t.deepEqual(findings(app({}), { interception: 'none' }, { labels }), []);
  t.is(findings({ securityContext: { runAsNonRoot: true }, ...app({}) }).length, 1);
});

test('a probe whose port has no number stays, and will fail (complaint 24)', (t) => {
  const spec = app({ livenessProbe: { httpGet: { path: '/', port: 'web' } } });
  t.deepEqual(findings(spec), [
    'fault: livenessProbe of container app stays as it is: its port "web" is none of the container\'s',
  ]);
});

test('probes that are not to be rewritten will be answered by the inbound listener', (t) => {
  const spec = app({ livenessProbe: { tcpSocket: { port: 1 } }, readinessProbe: { exec: { command: ['true'] } } });
  t.deepEqual(findings(spec, { 'rewrite-probes': 'false' }), [
    "fault: livenessProbe of container app will be answered by the agent's inbound listener",
  ]);
});

test('too short a time to end cuts calls off (complaint 5)', (t) => {
  t.deepEqual(findings({ terminationGracePeriodSeconds: 5, ...app({}) }), [
    'fault: the pod has 5 s to end: calls in flight will be cut off',
  ]);
  const sleeping = app({ lifecycle: { preStop: { sleep: { seconds: 30 } } } });
  t.deepEqual(findings({ terminationGracePeriodSeconds: 30, ...sleeping }), [
    "fault: preStop of container app sleeps 30 s of the pod's 30",
  ]);
});
