// Which sources the echo service on grpc-go is built from: the program knows by itself, so that neither a checkout nor a
// copy of either makes it look older or newer than it is.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const GO_ECHO_SOURCES: string = fileURLToPath(new URL('go-echo/', import.meta.url));

/** A digest of the sources as they are now. */
export function goEchoDigest(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(GO_ECHO_SOURCES).sort()) {
    hash.update(`${name}\n`).update(readFileSync(`${GO_ECHO_SOURCES}${name}`));
  }
  return hash.digest('hex').slice(0, 16);
}

/** What is the matter with that program: it may be missing, or built from others. */
export function stateOfGoEcho(program: string): 'missing' | 'old' | 'good' {
  if (!existsSync(program)) return 'missing';
  const { stdout } = spawnSync(program, ['sources'], { encoding: 'utf8' });
  return stdout?.trim() === goEchoDigest() ? 'good' : 'old';
}
