// docs/injection.md lists every setting as it is.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { settingNames, settings } from '../../agent/inject/settings.ts';

const page = readFileSync(new URL('../../docs/injection.md', import.meta.url), 'utf8');

for (const name of settingNames) {
  test(`the page tells of ${name} what its flag tells`, (t) => {
    const { fallback, help } = settings[name];
    t.true(page.includes(`| \`${name}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${help} |`));
  });
}
