// The soak itself, for a few seconds and at a rate that leaves the machine to others.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);
const program = fileURLToPath(new URL('./run.ts', import.meta.url));

test('a soak of two seconds accounts for every call, and its agent ends by itself with nothing left', async (t) => {
  const { stdout } = await run(process.execPath, [program, '--minutes', '0.03', '--seed', '3', '--rate', '300']);
  t.regex(stdout, /^\| OK \| \d+ \| \d+ \| \d+ \| served \d+ \|$/m);
  t.regex(stdout, /^left in the agent's process when all was closed: nothing; its end: exit 0$/m);
  t.regex(stdout, /^held$/m);
});
