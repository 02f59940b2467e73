// What the injector writes is what Kubernetes knows: every fixture, injected, against the schemas of its OpenAPI. Where
// `npm run peers` has not brought them, the test says so and is skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { injectText } from '../../agent/inject/injector.ts';

const PYTHON = fileURLToPath(new URL('../../node_modules/.cache/peers/python/bin/python', import.meta.url));
const FOLDER = new URL('fixtures/', import.meta.url);
/** The first with native sidecars by default, and the newest there is. */
const VERSIONS = ['1.29', '1.37'];

const JUDGE = `
import json, sys, kubernetes_validate
for line in sys.stdin:
    name, version, resource = json.loads(line)
    try:
        kubernetes_validate.validate(resource, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        print(name, version, '.'.join(str(step) for step in error.path), error.message[:300])
`;

const isThere = existsSync(PYTHON) && spawnSync(PYTHON, ['-c', 'import kubernetes_validate']).status === 0;
const judged = isThere ? test : test.skip;

judged(
  'what comes out is sound for Kubernetes, whatever came in (skipped where npm run peers found no Python)',
  (t) => {
    const lines: string[] = [];
    for (const name of readdirSync(FOLDER)) {
      const text = readFileSync(new URL(name, FOLDER), 'utf8');
      for (const form of ['native', 'classic']) {
        for (const preset of ['istio']) {
          const flags = {
            texts: { form, interception: 'redirect', 'control-plane': preset },
            spell: (word: string) => word,
          };
          const result = injectText(text, { version: '1', flags, namespace: '', suggest: () => null });
          for (const resource of resourcesOf(result.text)) {
            for (const version of VERSIONS)
              lines.push(JSON.stringify([`${name} ${form} ${preset}`, version, resource]));
          }
        }
      }
    }
    const { stdout, stderr, status } = spawnSync(PYTHON, ['-c', JUDGE], { input: lines.join('\n'), encoding: 'utf8' });
    t.is(status, 0, stderr);
    t.deepEqual(
      stdout.split('\n').filter((line) => line !== ''),
      [],
    );
    t.true(lines.length > 250, `${lines.length}`);
  },
);

/** Objects of Kubernetes' own kinds, lists unpacked, without the keys by which some fixtures keep their anchors. */
function resourcesOf(text: string): unknown[] {
  const isOwn = (api: string) => /^(?:v1|apps\/v1|batch\/v1)$/.test(api);
  const unpack = (value: unknown): unknown[] => {
    if (typeof value !== 'object' || value === null) return [];
    const object = value as Record<string, unknown>;
    if (Array.isArray(object['items'])) return object['items'].flatMap(unpack);
    const known = Object.entries(object).filter(([key]) => !key.startsWith('x-'));
    return isOwn(String(object['apiVersion'])) ? [Object.fromEntries(known)] : [];
  };
  return parseAllDocuments(text, { merge: true }).flatMap((document) => unpack(document.toJS()));
}
