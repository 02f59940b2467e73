// What is told apart, and told, of one response.
import { createHash } from 'node:crypto';
import type { ReceivedUpdate } from './ads-wire.ts';
import type { Log } from './environment.ts';
import type { AppliedUpdate } from './resource-cache.ts';

/** Of the resources, in any order of them. */
export function digestOf({ resources }: ReceivedUpdate): string {
  const digests = resources.map((received) => {
    const hash = createHash('sha256');
    return received.kind === 'resource' ? hash.update(received.any.value).digest('base64') : received.kind;
  });
  return createHash('sha256').update(digests.sort().join()).digest('base64');
}

/** `isRepeated`: the same response was rejected, and told, before. */
export function logUpdate(
  log: Log,
  server: string,
  { type, version }: ReceivedUpdate,
  { errors, warned, refused }: AppliedUpdate,
  isRepeated: boolean,
): void {
  if (errors.length === 0) log('debug', 'accepted an xDS response', { server, type, version });
  else {
    const level = isRepeated ? 'debug' : 'error';
    log(level, 'rejected an xDS response, keeping what was good before', { server, type, version, errors });
  }
  for (const { name, code, message } of refused) {
    log('warn', 'the xDS server has an error in place of a resource', { server, type, name, code, reason: message });
  }
  for (const { name, warnings } of warned) {
    log('warn', 'a resource asks for what is not carried out', { server, type, name, warnings });
  }
}
