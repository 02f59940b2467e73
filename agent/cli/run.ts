// `outrigger run`: the agent.
import module from 'node:module';
import type { AgentOptions } from '../agent.ts';
import { type DrainPlan, drainInPod, drainWithin } from '../drain.ts';
import { settings } from '../inject/settings.ts';
import { systemdDescriptors } from '../takeover/given-sockets.ts';
import {
  CONTROL_PLANE_FLAG,
  OUTBOUND_PORT_FLAG,
  outboundPortOf,
  readConfig,
  UNSUPPORTED_FLAG,
  UNSUPPORTED_POLICIES,
} from './bootstrap-source.ts';
import { type Command, type FlagValues, UsageError } from './command-line.ts';
import { onEndSignals } from './signals.ts';

const XDS_MODES = ['auto', 'delta', 'sotw'] as const;
const PORTS = { min: 0, max: 65_535, fallback: 15_000 };
const INTERCEPTIONS = ['none', 'redirect'] as const;
const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export const runCommand: Command = {
  name: 'run',
  summary: 'the agent: proxies gRPC as an agent.yaml or an xDS control plane says',
  details: [
    'With -c FILE it runs an agent.yaml (frontends, routes, backends), which it follows as you save. Or it takes everything',
    'from a control plane, for which the file is a bootstrap: the JSON that proxyless gRPC reads (xds_servers, node), or an',
    'Envoy bootstrap in YAML or JSON. Without -c the bootstrap is the file that GRPC_XDS_BOOTSTRAP names, else the text of',
    'GRPC_XDS_BOOTSTRAP_CONFIG. SIGTERM drains, a second one ends at once.',
    'Traces are exported when OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_TRACES_EXPORTER is set.',
  ],
  flags: [
    {
      name: 'config',
      short: 'c',
      value: 'FILE',
      help: 'an agent.yaml, an xDS bootstrap (JSON), or an Envoy bootstrap (YAML or JSON)',
    },
    CONTROL_PLANE_FLAG,
    { name: 'admin-port', value: 'N', help: 'admin port (what an Envoy bootstrap says, else 15000); 0: any free one' },
    { name: 'admin-host', value: 'HOST', help: 'where the admin port binds (127.0.0.1)' },
    {
      name: 'status-port',
      value: 'N',
      help: 'readiness, metrics and the app’s probes on all addresses (in a pod: 15020)',
    },
    {
      name: 'csds-port',
      value: 'N',
      help: 'serve the status of the xDS client over gRPC (CSDS) on 127.0.0.1; 0: any free one',
    },
    { name: 'xds-mode', value: 'MODE', help: 'auto, delta or sotw (what the bootstrap says, else auto)' },
    OUTBOUND_PORT_FLAG,
    UNSUPPORTED_FLAG,
    { name: 'cache-dir', value: 'DIR', help: 'keep the last good configuration here, and start from it' },
    {
      name: 'interception',
      value: 'WAY',
      help: 'redirect: connections come by the rules of `outrigger iptables`; none: they are meant for the agent (none)',
    },
    {
      name: 'inherit-fd',
      value: 'N,...',
      help: 'listening sockets that are open already, for listeners of their ports (those of systemd: LISTEN_FDS)',
    },
    {
      name: 'opaque-ports',
      value: 'PORTS',
      help: `ports and ranges whose redirected connections are passed on unseen (${settings['opaque-ports'].fallback})`,
    },
    { name: 'concurrency', value: 'N', help: 'data-plane threads (1)' },
    { name: 'log-level', value: 'LEVEL', help: 'debug, info, warn or error (OUTRIGGER_LOG_LEVEL, else info)' },
    { name: 'drain-time', value: 'SECONDS', help: 'how long calls may go on after SIGTERM (10)' },
    {
      name: 'takeover',
      value: 'SOCKET',
      help: 'take over from the agent that serves at this Unix socket, without a refused connection; and be taken over there',
    },
    {
      name: 'termination-grace-period',
      value: 'SECONDS',
      help: "in a pod, instead of drain-time: the pod's, from which everything about its end follows",
    },
    { name: 'app-ends-first', help: 'SIGTERM comes when the application has ended (a native sidecar)' },
  ],
  run: async (flags, version) => {
    // From the first moment on: as process 1 of a container, it would not be ended by a signal that nobody listens to.
    const [drain, stop] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    onEndSignals({ first: drain.resolve, again: stop.resolve });
    const concurrency = flags.number('concurrency', { min: 1, max: 256, fallback: 1 });
    const logLevel = flags.text('log-level') === undefined ? null : flags.oneOf('log-level', LOG_LEVELS, 'info');
    const xdsMode = flags.text('xds-mode') === undefined ? null : flags.oneOf('xds-mode', XDS_MODES, 'auto');
    const unsupported = flags.oneOf('unsupported', UNSUPPORTED_POLICIES, 'warn');
    const givenPort = flags.text('admin-port') === undefined ? null : flags.number('admin-port', PORTS);
    const statusPort = flags.text('status-port') === undefined ? null : flags.number('status-port', PORTS);
    const { bootstrap, admin, warnings, file, env } = await readConfig(flags, process.env, unsupported);
    const { Agent } = await import('../agent.ts');
    const agent = new Agent({
      bootstrap,
      file,
      bootstrapWarnings: warnings,
      unsupported,
      version,
      cacheDir: flags.text('cache-dir') ?? null,
      xdsMode,
      env,
      adminHost: flags.text('admin-host') ?? admin?.host ?? '127.0.0.1',
      adminPort: givenPort ?? admin?.port ?? PORTS.fallback,
      csdsPort: flags.text('csds-port') === undefined ? null : flags.number('csds-port', PORTS),
      outboundPort: outboundPortOf(flags),
      statusPort,
      takeoverPath: flags.text('takeover') ?? null,
      interception: interceptionOf(flags),
      givenDescriptors: givenDescriptorsOf(flags),
      concurrency,
      logLevel,
      drain: drainPlanOf(flags),
    });
    void stop.promise.then(() => agent.stop());
    const started = agent.start();
    void Promise.all([started, drain.promise]).then(
      () => agent.drain(),
      () => {},
    );
    await Promise.race([started, agent.ended]);
    // What was compiled is kept for the next start at once, however this one ends.
    module.flushCompileCache?.();
    const end = await agent.ended;
    if (end.kind === 'failed') throw new Error(end.reason);
    return 0;
  },
};

function interceptionOf(flags: FlagValues): AgentOptions['interception'] {
  const { fallback, parse } = settings['opaque-ports'];
  const given = flags.text('opaque-ports');
  const opaque = parse(given ?? fallback);
  if ('problem' in opaque) throw new UsageError(`--opaque-ports ${opaque.problem}`);
  if (flags.oneOf('interception', INTERCEPTIONS, 'none') === 'redirect') return { opaquePorts: opaque.value };
  if (given !== undefined) throw new UsageError('--opaque-ports says something of --interception redirect');
  return null;
}

function givenDescriptorsOf(flags: FlagValues): readonly number[] {
  const given = flags.text('inherit-fd');
  if (given === undefined) return systemdDescriptors(process.env, process.pid);
  const words = given.split(',').map((word) => word.trim());
  const wrong = words.find((word) => !/^\d{1,6}$/.test(word));
  if (wrong !== undefined) throw new UsageError(`--inherit-fd takes file descriptors between commas, not '${wrong}'`);
  return words.map(Number);
}

const SECONDS = { min: 0, max: 86_400, fallback: 10 };

function drainPlanOf(flags: FlagValues): DrainPlan {
  const isInPod = flags.text('termination-grace-period') !== undefined;
  if (!isInPod && flags.has('app-ends-first')) {
    throw new UsageError('--app-ends-first says something of --termination-grace-period');
  }
  if (!isInPod) return drainWithin(flags.number('drain-time', SECONDS) * 1000);
  if (flags.text('drain-time') !== undefined) {
    throw new UsageError('--termination-grace-period and --drain-time exclude each other');
  }
  return drainInPod(flags.number('termination-grace-period', SECONDS), flags.has('app-ends-first'));
}
