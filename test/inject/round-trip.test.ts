// Whatever way a manifest is written, injecting and uninjecting gives it back to the byte, and nothing else in it changes
// its meaning.
import test from 'ava';
import fc from 'fast-check';
import { parseDocument, stringify } from 'yaml';
import { injectText, uninjectText } from '../../agent/inject/injector.ts';

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
const text = fc.oneof(
  word,
  fc.constantFrom('yes', 'on', '1', '~', 'null', "it's", 'a: b', '# no comment', '', 'ü\n two\n'),
);

const probe = fc.oneof(
  fc.record({ httpGet: fc.record({ path: fc.constant('/up'), port: fc.constantFrom(80, 'web', 'none') }) }),
  fc.record({ tcpSocket: fc.record({ port: fc.integer({ min: 1, max: 65_535 }) }), periodSeconds: fc.nat(9) }),
  fc.record({ grpc: fc.record({ port: fc.constant(1), service: text }) }, { requiredKeys: [] }),
  fc.record({ exec: fc.record({ command: fc.array(text) }) }),
);

const container = fc.record(
  {
    name: word,
    image: word,
    args: fc.array(text, { maxLength: 3 }),
    ports: fc.constant([{ name: 'web', containerPort: 8080 }]),
    livenessProbe: probe,
    readinessProbe: probe,
  },
  { requiredKeys: ['name'] },
);

const podSpec = fc.record(
  {
    serviceAccountName: word,
    initContainers: fc.oneof(
      fc.uniqueArray(container, { maxLength: 2, selector: ({ name }) => name }),
      fc.constant(null),
    ),
    containers: fc.uniqueArray(container, { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
    volumes: fc.oneof(fc.array(fc.record({ name: word }), { maxLength: 2 }), fc.constant(null)),
    nodeSelector: fc.dictionary(word, text),
  },
  { requiredKeys: ['containers'] },
);

const metadata = fc.record(
  { labels: fc.dictionary(word, text), annotations: fc.oneof(fc.dictionary(word, text), fc.constant(null)) },
  { requiredKeys: [] },
);

const deployment = fc
  .record({ metadata: fc.oneof(metadata, fc.constant(null)), spec: podSpec }, { requiredKeys: ['spec'] })
  .map((template) => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'shop' }, spec: { template } }));

/** One way to write it; `noise`: what is put behind which line, by the line's number. */
const style = fc.record({
  indent: fc.integer({ min: 2, max: 5 }),
  indentSeq: fc.boolean(),
  collectionStyle: fc.constantFrom('any', 'block', 'flow') as fc.Arbitrary<'any' | 'block' | 'flow'>,
  nullStr: fc.constantFrom('', 'null', '~'),
  defaultStringType: fc.constantFrom('PLAIN', 'QUOTE_SINGLE', 'QUOTE_DOUBLE') as fc.Arbitrary<'PLAIN'>,
  newline: fc.constantFrom('\n', '\r\n'),
  endsInNewline: fc.boolean(),
  noise: fc.dictionary(fc.nat(40).map(String), fc.constantFrom('', '# here', '        # there', '   # %'), {
    maxKeys: 6,
  }),
});

type Style = typeof style extends fc.Arbitrary<infer S> ? S : never;

function write(value: unknown, { newline, endsInNewline, noise, ...options }: Style): string {
  const lines = stringify(value, { ...options, lineWidth: 0 })
    .trimEnd()
    .split('\n');
  // Between the lines of a block scalar a comment would be text.
  const hasScalar = lines.some((line) => /[|>][+-]?$/.test(line));
  const noisy = lines.flatMap((line, i) => (hasScalar || noise[i] === undefined ? [line] : [line, noise[i]]));
  return noisy.join(newline) + (endsInNewline ? newline : '');
}

for (const form of ['native', 'classic'] as const) {
  test(`in the ${form} form, for any manifest in any style`, (t) => {
    let injected = 0;
    fc.assert(
      fc.property(deployment, style, (value, how) => {
        const before = write(value, how);
        // A comment may have landed where YAML has none, inside of a flow collection's line.
        fc.pre(parseDocument(before).errors.length === 0);
        const flags = { texts: { form, interception: 'redirect' }, spell: (name: string) => name };
        const { text: after, reports } = injectText(before, {
          version: '1',
          flags,
          namespace: '',
          suggest: () => null,
        });
        const outcome = reports[0]?.outcome;
        if (outcome?.kind === 'injected') injected++;
        else if (!JSON.stringify(outcome).includes('has no colon')) throw new Error(JSON.stringify(reports));
        if ((after === before) !== (outcome?.kind === 'failed')) throw new Error('the report is not true');
        if (uninjectText(after).text !== before) throw new Error('it is not what it was');
      }),
      { seed: 7, numRuns: 300 },
    );
    t.true(injected > 200);
  });
}
