// What can be said about an injection, and who is heard (sidecars.md section 4c).
import test from 'ava';
import { nearestName } from '../../agent/config/nearest-name.ts';
import { annotationLayer, type InjectSettings, readSettings, settingNames } from '../../agent/inject/settings.ts';

const flags = (texts: Record<string, string>) => ({ texts, spell: (name: string) => `--${name}` });

function read(...layers: Parameters<typeof readSettings>[0]): InjectSettings {
  const found = readSettings(layers, nearestName);
  if ('problems' in found) throw new Error(found.problems.join('\n'));
  return found.settings;
}

function problemsOf(annotations: Record<string, unknown>): readonly string[] {
  const found = readSettings([annotationLayer(annotations)], nearestName);
  return 'problems' in found ? found.problems : [];
}

test('every setting has a sound default', (t) => {
  const found = read();
  t.deepEqual(Object.keys(found), [...settingNames]);
  t.like(found, { form: 'native', uid: 15_015, interception: 'none', env: [] });
});

test('an annotation wins over a flag, and a later layer over an earlier one', (t) => {
  const owner = annotationLayer({
    'outrigger.mesh/log-level': 'warn',
    'outrigger.mesh/uid': '7',
    'other.example/uid': '9',
  });
  const pod = annotationLayer({ 'outrigger.mesh/log-level': 'debug', 'outrigger.mesh/inject': 'enabled' });
  t.like(read(flags({ 'log-level': 'error', uid: '5', concurrency: '2' }), owner, pod), {
    'log-level': 'debug',
    uid: 7,
    concurrency: 2,
  });
});

test('all problems are told at once, each with its place and the nearest right word', (t) => {
  const problems = problemsOf({
    'outrigger.mesh/log-levl': 'debug',
    'outrigger.mesh/uid': 'root',
    'outrigger.mesh/form': 'modern',
    'outrigger.mesh/exclude-outbound-ports': '80, 90-80',
    'outrigger.mesh/exclude-outbound-cidrs': '10.0.0.0/33',
    'outrigger.mesh/memory-limit': '1 GB',
    'outrigger.mesh/env': 'NAME',
    'outrigger.mesh/bootstrap': '{',
  });
  t.deepEqual(problems, [
    'annotation outrigger.mesh/log-levl: there is no such setting (did you mean log-level?)',
    "annotation outrigger.mesh/uid: must be a whole number from 1 to 2147483647, not 'root'",
    "annotation outrigger.mesh/form: must be native or classic, not 'modern'",
    "annotation outrigger.mesh/exclude-outbound-ports: must be ports or ranges (8080, 9000-9010) between commas; '90-80' is none, not '80, 90-80'",
    "annotation outrigger.mesh/exclude-outbound-cidrs: must be addresses or networks (10.0.0.0/8) between commas; '10.0.0.0/33' is none, not '10.0.0.0/33'",
    "annotation outrigger.mesh/memory-limit: must be a quantity of Kubernetes, as 100m or 128Mi, not '1 GB'",
    "annotation outrigger.mesh/env: must be NAME=VALUE, between commas or a line each; 'NAME' is none, not 'NAME'",
    "annotation outrigger.mesh/bootstrap: must be JSON, the bootstrap of proxyless gRPC, not '{'",
  ]);
});

test('lists are between commas; variables may be a line each, with commas in them', (t) => {
  const found = read(
    flags({
      'exclude-inbound-ports': '80, 9000-9010,',
      'exclude-outbound-cidrs': '10.0.0.0/8,fd00::/8,192.0.2.1',
      env: 'A=1,2\nB=x=y',
    }),
  );
  t.deepEqual(found['exclude-inbound-ports'], ['80', '9000-9010']);
  t.deepEqual(found['exclude-outbound-cidrs'], ['10.0.0.0/8', 'fd00::/8', '192.0.2.1']);
  t.deepEqual(found.env, [
    ['A', '1,2'],
    ['B', 'x=y'],
  ]);
});
