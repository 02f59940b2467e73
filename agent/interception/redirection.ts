// The rules applied, taken back and looked at. A machine may have both kinds of iptables: what is ours is in one of them
// only, so applying to one cleans the other.
import { existsSync, readFileSync } from 'node:fs';
import { type Backend, findIptables, type Iptables } from './iptables.ts';
import { applyScript, cleanupScript, type Family, hasRule, jumpsFor, type RuleOptions, rulesFor } from './rules.ts';

export type WantedBackend = Backend | 'auto';

/** What was done, or why not, a sentence a family. */
export interface RedirectionReport {
  readonly done: readonly string[];
  /** What goes past the agent though it should not. */
  readonly warnings: readonly string[];
}

/** Whether this network namespace has any IPv6 address, as a node without IPv6 has none. */
export function hasIpv6(): boolean {
  const file = '/proc/net/if_inet6';
  return existsSync(file) && readFileSync(file, 'utf8').trim() !== '';
}

/** Throws an Error of one sentence where IPv4 can't be redirected; IPv6 that can't be is a warning. */
export function applyRedirection(options: RuleOptions, backend: WantedBackend): RedirectionReport {
  const done = [applyTo(findIptables('IPv4', backend), options)];
  if (!hasIpv6()) return { done, warnings: [] };
  try {
    done.push(applyTo(findIptables('IPv6', backend), options));
    return { done, warnings: [] };
  } catch (error) {
    return { done, warnings: [`IPv6 goes past the agent: ${error instanceof Error ? error.message : error}`] };
  }
}

function applyTo(found: readonly Iptables[], options: RuleOptions): string {
  const reasons: string[] = [];
  for (const [i, iptables] of found.entries()) {
    try {
      iptables.restore(applyScript(iptables.family, options, iptables.save()));
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
      continue;
    }
    for (const other of found.toSpliced(i, 1)) if (other.backend !== 'plain') cleanUp(other);
    return `${iptables.family}: redirected by iptables (${iptables.backend})`;
  }
  throw new Error(reasons.join('; '));
}

/** Takes out what is ours, of every kind and family that there is. */
export function removeRedirection(backend: WantedBackend): RedirectionReport {
  const families: readonly Family[] = hasIpv6() ? ['IPv4', 'IPv6'] : ['IPv4'];
  const done: string[] = [];
  for (const family of families) {
    for (const iptables of findIptables(family, backend)) {
      if (cleanUp(iptables)) done.push(`${family}: rules taken out of iptables (${iptables.backend})`);
    }
  }
  return { done: done.length === 0 ? ['there were no rules of ours'] : done, warnings: [] };
}

function cleanUp(iptables: Iptables): boolean {
  const script = cleanupScript(iptables.save());
  if (script !== null) iptables.restore(script);
  return script !== null;
}

/** Rules that should be there and are not, a sentence each. */
export function missingRules(options: RuleOptions, backend: WantedBackend): string[] {
  const families: readonly Family[] = hasIpv6() ? ['IPv4', 'IPv6'] : ['IPv4'];
  return families.flatMap((family) => {
    const saved = findIptables(family, backend).map((iptables) => iptables.save());
    const fewest = saved
      .map((present) => rulesMissingIn(present, family, options))
      .toSorted((a, b) => a.length - b.length);
    return (fewest[0] ?? []).map((rule) => `${family}: ${rule} is missing`);
  });
}

function rulesMissingIn(present: string, family: Family, options: RuleOptions): string[] {
  return [...jumpsFor(options), ...rulesFor(family, options)].filter((rule) => !hasRule(normal(present), normal(rule)));
}

/** iptables writes networks its own way: with the bits outside of the mask taken off, addresses with their length. */
function normal(text: string): string {
  return text.replaceAll(/ -d \S+/g, ' -d NETWORK');
}
