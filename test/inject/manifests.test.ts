// What the manifests and the injected pods run is what the command line knows.
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { COMMANDS } from '../../agent/cli/cli.ts';
import { parseFlags } from '../../agent/cli/command-line.ts';
import { injectText } from '../../agent/inject/injector.ts';
import { type Json, listOf, objectOf, textOf } from '../../agent/inject/json.ts';
import { findObjects, valueAt } from '../../agent/inject/pod-template.ts';

const FOLDER = new URL('../../deploy/kubernetes/', import.meta.url);

const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml') && !/(?:kustomization|mesh)\.yaml$/.test(name))
  .map((name) => ({ name, text: readFileSync(new URL(name, FOLDER), 'utf8') }));

function containersIn(text: string): { image: string; args: string[] }[] {
  const documents = parseAllDocuments(text, { merge: true }).map((document) => document.toJS() as Json);
  const specs = documents.flatMap((document) =>
    findObjects(document).owners.map(({ template }) => objectOf(objectOf(valueAt(document, template))['spec'])),
  );
  return specs.flatMap((spec) =>
    [...listOf(spec['initContainers']), ...listOf(spec['containers'])].map((entry) => ({
      image: textOf(objectOf(entry)['image']),
      args: listOf(objectOf(entry)['args']).map(textOf),
    })),
  );
}

function wrongCommands(text: string): string[] {
  return containersIn(text)
    .filter(({ image }) => /^outrigger:/.test(image))
    .flatMap(({ args: [name = '', ...rest] }) => {
      const command = COMMANDS.find((candidate) => candidate.name === name);
      if (command === undefined) return [`there is no command ${name}`];
      try {
        parseFlags(command, rest);
        return [];
      } catch (error) {
        return [`${name}: ${error instanceof Error ? error.message : error}`];
      }
    });
}

for (const { name, text } of files) {
  test(`${name} runs commands that there are, with flags that they know`, (t) => {
    t.deepEqual(wrongCommands(text), []);
  });
}

for (const form of ['native', 'classic']) {
  test(`a pod injected in the ${form} form runs commands that there are, with flags that they know`, (t) => {
    const pod = 'kind: Pod\nmetadata: { name: a }\nspec: { containers: [{ name: app, image: a }] }\n';
    const texts = {
      form,
      interception: 'redirect',
      'control-plane': 'istio',
      'exclude-inbound-ports': '1',
      'exclude-outbound-ports': '2-3',
      'exclude-outbound-cidrs': '10.0.0.0/8',
      'exclude-uids': '4',
    };
    const flags = { texts, spell: (word: string) => word };
    const { text } = injectText(pod, { version: '1', flags, namespace: '', suggest: () => null });
    t.is(containersIn(text).length, 3);
    t.deepEqual(wrongCommands(text), []);
  });
}
