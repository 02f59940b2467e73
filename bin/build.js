// Makes what is published: dist/ with the compiled sources, and beside them proto/, the admin page and the schema of
// agent.yaml, in the places they have in a checkout, so that one relative path finds them from the sources and from dist/.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
const schema = join('agent', 'config', 'agent-file', 'agent-file.schema.json');
for (const part of ['proto', join('admin-ui', 'dist'), schema]) {
  if (existsSync(join(root, part))) cpSync(join(root, part), join(dist, part), { recursive: true });
}
