// The process: hands its arguments to the command line, and ends with the code that comes back. The only process.exit.
import { readFileSync } from 'node:fs';
import { runCli } from './cli/cli.ts';

/** The package's own file stands one level up from the sources, two from dist/agent. */
function packageVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (name === 'outrigger') return version;
    } catch {
      // Not this one: the next.
    }
  }
  return 'unknown';
}

process.exit(await runCli(process.argv.slice(2), packageVersion()));
