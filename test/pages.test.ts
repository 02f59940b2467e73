// What the pages say can be followed: their links lead somewhere, all of them can be found, and what they show runs.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { COMMANDS } from '../agent/cli/cli.ts';
import { HELP_FLAG } from '../agent/cli/command-line.ts';
import { parseAgentFile } from '../agent/config/agent-file/agent-file.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const inDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`);
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...inDocs.filter((name) => name.endsWith('.md'))];

/** Links of a page to files of the project, from its root. */
function linksOf(page: string): string[] {
  const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => (link ?? '').replace(/#.*$/, ''));
  const own = links.filter((link) => link !== '' && !/^[a-z]+:/.test(link));
  return own.map((link) => relative(root, join(root, dirname(page), link)));
}

for (const page of pages) {
  test(`each link of ${page} leads to a file that is there`, (t) => {
    const broken = linksOf(page).filter((link) => !existsSync(join(root, link)));
    t.deepEqual(broken, []);
  });
}

test('every page can be found from README.md', (t) => {
  const found = new Set<string>(['README.md', 'CHANGELOG.md']);
  for (const page of found) {
    for (const link of page.endsWith('.md') ? linksOf(page) : readdirOf(page)) {
      if (link.endsWith('.md') || link === 'docs/decisions') found.add(link);
    }
  }
  t.deepEqual(
    pages.filter((page) => !found.has(page)),
    [],
  );
});

test('every command and flag that a page shows is one that there is', (t) => {
  const unknown = pages.flatMap((page) =>
    shownCommands(read(page)).flatMap(({ name, flags }) => {
      const command = COMMANDS.find((one) => one.name === name);
      if (command === undefined) return [`${page}: outrigger ${name}`];
      const known = [...command.flags, HELP_FLAG].map((flag) => `--${flag.name}`);
      return flags.filter((flag) => !known.includes(flag)).map((flag) => `${page}: outrigger ${name} ${flag}`);
    }),
  );
  t.deepEqual(unknown, []);
});

test('the agent.yaml of README.md is sound', (t) => {
  const [, text = ''] = /<<'YAML'\n(.*?)\nYAML/s.exec(read('README.md')) ?? [];
  const { problems } = parseAgentFile(text, { name: 'agent.yaml', folder: '.', readFile: () => Buffer.alloc(0) });
  t.deepEqual(problems, []);
});

/** Commands in code: on lines of their own, or within a sentence. */
function shownCommands(text: string): { readonly name: string; readonly flags: readonly string[] }[] {
  const code = [...text.matchAll(/```.*?```|`[^`\n]+`/gs)].flatMap(([piece]) => piece.split('\n'));
  return code.flatMap((line) =>
    [...line.matchAll(/\boutrigger(?:\.js)? ([a-z][a-z-]+)([^|#`]*)/g)].map(([, name = '', rest = '']) => ({
      name,
      flags: [...rest.matchAll(/--[a-z][a-z-]+/g)].map(([flag]) => flag),
    })),
  );
}

function readdirOf(folder: string): string[] {
  return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
}
