// What will hurt once a pod has the sidecar, found before it does: everything here was somebody's outage.

import { isPresent, type JsonObject, listOf, objectOf, textOf } from './json.ts';
import { INBOUND_PORT, OUTBOUND_PORT, STATUS_PORT } from './names.ts';
import { containerLists, planProbes, probeKinds } from './probe-plan.ts';
import type { InjectSettings } from './settings.ts';

export interface Finding {
  /** Whether something will not work, or only may not. */
  readonly kind: 'fault' | 'note';
  readonly what: string;
  readonly remedy: string;
}

const ADMIN_PORT = 15_000;
/** So long do calls in flight and endpoints elsewhere need at the least. */
const SHORT_GRACE_SECONDS = 10;

const ownPorts: Readonly<Record<number, string>> = {
  [ADMIN_PORT]: 'admin',
  [OUTBOUND_PORT]: 'outbound',
  [INBOUND_PORT]: 'inbound',
  [STATUS_PORT]: 'status',
};

export function preflight(template: JsonObject, settings: InjectSettings): Finding[] {
  const spec = objectOf(template['spec']);
  const containers = containerLists.flatMap((list) => listOf(spec[list]).map(objectOf));
  const isCaptured = settings.interception === 'redirect';
  return [
    ...(isCaptured ? uidClashes(spec, containers, settings.uid) : []),
    ...containers.flatMap(portClashes),
    ...containers.flatMap(localAddresses),
    ...containers.flatMap(udpPorts),
    ...containers.flatMap(authorityOverrides),
    ...(isCaptured ? restrictions(template, spec) : []),
    ...(isCaptured ? probes(spec, settings) : []),
    ...graceOf(spec, containers),
    ...endlessJobs(spec, settings),
    ...tokens(spec, settings),
  ];
}

function uidClashes(spec: JsonObject, containers: readonly JsonObject[], uid: number): Finding[] {
  const users = [
    { who: 'the pod', user: objectOf(spec['securityContext'])['runAsUser'] },
    ...containers.map((container) => ({
      who: `container ${textOf(container['name'])}`,
      user: objectOf(container['securityContext'])['runAsUser'],
    })),
  ];
  return users
    .filter(({ user }) => user === uid)
    .map(({ who }) => ({
      kind: 'fault',
      what: `${who} runs as user ${uid}, which is the agent's: its connections would go past the agent`,
      remedy: 'give one of the two another user (setting uid)',
    }));
}

function portClashes(container: JsonObject): Finding[] {
  return listOf(container['ports']).flatMap((entry) => {
    const port = objectOf(entry)['containerPort'];
    const use = typeof port === 'number' ? ownPorts[port] : undefined;
    if (use === undefined) return [];
    const what = `container ${textOf(container['name'])} listens on ${port}, which is the agent's ${use} port`;
    return [{ kind: 'fault', what, remedy: 'let the application listen on another port' }];
  });
}

const LOCAL = /(?:^|[^\d.])(?:127\.0\.0\.1|localhost|\[::1\]):(\d{2,5})\b/;

/** By what its arguments and variables say of listening. */
function localAddresses(container: JsonObject): Finding[] {
  const words = [...listOf(container['command']), ...listOf(container['args'])].map(textOf);
  const variables = listOf(container['env']).map(objectOf);
  const said = [
    ...words.filter((word, i) => /listen|bind|addr|host/i.test(`${words[i - 1] ?? ''} ${word}`)),
    ...variables.filter(({ name }) => /LISTEN|BIND/.test(textOf(name))).map(({ value }) => textOf(value)),
  ];
  return said.flatMap((word) => {
    const [, port] = LOCAL.exec(word) ?? [];
    if (port === undefined) return [];
    return [
      {
        kind: 'note',
        what: `container ${textOf(container['name'])} seems to listen on localhost only (${word})`,
        remedy: `calls to the pod reach it only where the inbound cluster names 127.0.0.1:${port}; else let it listen on all addresses`,
      },
    ];
  });
}

function udpPorts(container: JsonObject): Finding[] {
  const udp = listOf(container['ports']).filter((entry) => objectOf(entry)['protocol'] === 'UDP');
  if (udp.length === 0) return [];
  const numbers = udp.map((entry) => objectOf(entry)['containerPort']).join(', ');
  const what = `container ${textOf(container['name'])} has UDP ports (${numbers}), which go past the agent`;
  return [{ kind: 'note', what, remedy: 'nothing to do, unless policies are to hold for them' }];
}

/** Flags and variables by which gRPC clients are told to send another `:authority`. */
function authorityOverrides(container: JsonObject): Finding[] {
  const said = [
    ...[...listOf(container['command']), ...listOf(container['args'])].map(textOf),
    ...listOf(container['env']).map((entry) => textOf(objectOf(entry)['name'])),
  ].filter((word) => /(?:^|[-_])(?:authority|ssl[-_]target[-_]name[-_]override)(?:$|[-_=])/i.test(word));
  return said.map((word) => ({
    kind: 'note',
    what: `container ${textOf(container['name'])} seems to override :authority (${word})`,
    remedy: 'routes match the authority that the client sends: name the service as the control plane knows it',
  }));
}

/** What keeps the rules from being made. */
function restrictions(template: JsonObject, spec: JsonObject): Finding[] {
  const findings: Finding[] = [];
  const labels = objectOf(objectOf(template['metadata'])['labels']);
  const level = textOf(labels['pod-security.kubernetes.io/enforce']);
  const remedy = 'NET_ADMIN and NET_RAW are needed once, by the init container; without them use interception: none';
  if (level === 'restricted' || level === 'baseline') {
    findings.push({
      kind: 'fault',
      what: `pod security ${level} forbids the capabilities that the rules need`,
      remedy,
    });
  }
  if (objectOf(spec['securityContext'])['runAsNonRoot'] === true) {
    findings.push({
      kind: 'note',
      what: 'the pod must not run as root, but the init container that makes the rules does',
      remedy: `it says so for itself (runAsNonRoot: false), which an admission policy may refuse; ${remedy}`,
    });
  }
  return findings;
}

function probes(spec: JsonObject, settings: InjectSettings): Finding[] {
  if (settings['rewrite-probes'] === 'true') {
    return planProbes(spec).warnings.map((what) => ({
      kind: 'fault',
      what,
      remedy: 'name the port among the container’s ports',
    }));
  }
  return containerLists.flatMap((list) =>
    listOf(spec[list]).flatMap((entry) => {
      const container = objectOf(entry);
      const captured = probeKinds.filter((kind) => {
        const probe = objectOf(container[kind]);
        return ['httpGet', 'tcpSocket', 'grpc'].some((handler) => isPresent(probe[handler]));
      });
      return captured.map((kind) => ({
        kind: 'fault' as const,
        what: `${kind} of container ${textOf(container['name'])} will be answered by the agent's inbound listener`,
        remedy: 'set rewrite-probes to true, or exclude its port',
      }));
    }),
  );
}

function graceOf(spec: JsonObject, containers: readonly JsonObject[]): Finding[] {
  const grace = spec['terminationGracePeriodSeconds'];
  if (typeof grace !== 'number') return [];
  const findings: Finding[] = [];
  if (grace < SHORT_GRACE_SECONDS) {
    findings.push({
      kind: 'fault',
      what: `the pod has ${grace} s to end: calls in flight will be cut off`,
      remedy: `set terminationGracePeriodSeconds to ${SHORT_GRACE_SECONDS} or more`,
    });
  }
  for (const container of containers) {
    const stop = objectOf(objectOf(container['lifecycle'])['preStop']);
    const seconds = objectOf(stop['sleep'])['seconds'];
    if (typeof seconds === 'number' && seconds >= grace) {
      findings.push({
        kind: 'fault',
        what: `preStop of container ${textOf(container['name'])} sleeps ${seconds} s of the pod's ${grace}`,
        remedy: 'leave time for calls in flight behind it',
      });
    }
  }
  return findings;
}

/** A pod that is to complete waits for all its containers, and a container that serves has no end. */
function endlessJobs(spec: JsonObject, settings: InjectSettings): Finding[] {
  const policy = spec['restartPolicy'];
  if (settings.form === 'native' || (policy !== 'Never' && policy !== 'OnFailure')) return [];
  const what = 'the pod is to complete, but the agent in the classic form goes on when the application has ended';
  const remedy = 'use the native form, or let the application end it: POST 127.0.0.1:15000/quitquitquit';
  return [{ kind: 'fault', what, remedy }];
}

function tokens(spec: JsonObject, settings: InjectSettings): Finding[] {
  if (settings['control-plane'] !== 'kuma' || spec['automountServiceAccountToken'] !== false) return [];
  const what = "automountServiceAccountToken is false, and Kuma's control plane wants that token";
  return [{ kind: 'fault', what, remedy: 'let it be mounted, or name a token-audience' }];
}
