// `outrigger webhook`: injects pods as the API server makes them.
import { nearestName } from '../config/nearest-name.ts';
import { type Command, type FlagValues, UsageError } from './command-line.ts';
import { SETTING_FLAGS, settingsLayer } from './inject-settings.ts';
import { onEndSignals } from './signals.ts';

const PORTS = { min: 0, max: 65_535, fallback: 8443 };

export const webhookCommand: Command = {
  name: 'webhook',
  summary: 'the admission webhook: puts the sidecar into pods as the API server makes them',
  details: [
    'HTTPS with POST /inject for a MutatingWebhookConfiguration (deploy/kubernetes), GET /ready and /live for probes. A',
    'certificate that is replaced counts from the next connection on. The settings are those of inject, and annotations',
    'of a pod win.',
  ],
  flags: [
    { name: 'cert', value: 'FILE', help: 'the certificate, PEM, its chain behind it' },
    { name: 'key', value: 'FILE', help: 'its private key, PEM' },
    { name: 'host', value: 'HOST', help: 'where to listen (all addresses)' },
    { name: 'port', value: 'N', help: 'where to listen (8443); 0: any free port' },
    ...SETTING_FLAGS,
  ],
  run: async (flags, version) => {
    const { Webhook } = await import('../webhook.ts');
    const webhook = new Webhook({
      version,
      flags: settingsLayer(flags),
      suggest: nearestName,
      host: flags.text('host') ?? '',
      port: flags.number('port', PORTS),
      certFile: fileOf(flags, 'cert'),
      keyFile: fileOf(flags, 'key'),
    });
    await webhook.start();
    await new Promise<void>((resolve) => onEndSignals({ first: resolve, again: () => process.exit(0) }));
    await webhook.stop();
    return 0;
  },
};

function fileOf(flags: FlagValues, name: string): string {
  const file = flags.text(name);
  if (file === undefined || file === '') throw new UsageError(`webhook wants --${name} FILE`);
  return file;
}
