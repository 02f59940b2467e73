// What becomes of a resource when its server has no good version of it: kept or dropped by the features of the server
// (gRFC A53, A88; xRFC TP3; xds.md cases 51 to 53). `cached`: the resource is in use when the error comes.
import test from 'ava';
import { bootstrapFor, type ClientHarness } from './client-harness.ts';
import { type Conversation, converse, type Mode, modes, type Response } from './conversation.ts';
import { badCluster, cluster, endpoints, typeUrls } from './messages.ts';

const notFound = 5;
const permissionDenied = 7;
const unavailable = 14;

interface DataError {
  readonly what: string;
  readonly response: Response;
  readonly code: 'rejected' | 'server-error';
  readonly text: RegExp;
  /** As /config_dump shows the resource. */
  readonly state: 'NACKED' | 'RECEIVED_ERROR';
  /** Whether `fail_on_data_errors` makes it a reason to drop what is in use. */
  readonly drops: boolean;
}

function serverError(what: string, code: number, drops: boolean): DataError {
  const text = new RegExp(`because \\(status ${code}\\)`);
  const response = { errors: { a: [code, 'because'] as const } };
  return { what, response, code: 'server-error', text, state: 'RECEIVED_ERROR', drops };
}

const dataErrors: readonly DataError[] = [
  {
    what: 'a NACK',
    response: { resources: { a: badCluster('a') } },
    code: 'rejected',
    text: /connect_timeout: must be above 0/,
    state: 'NACKED',
    drops: true,
  },
  serverError('NOT_FOUND', notFound, true),
  serverError('PERMISSION_DENIED', permissionDenied, true),
  serverError('UNAVAILABLE', unavailable, false),
];

async function start(t: Parameters<typeof converse>[0], mode: Mode, features: readonly string[], cached: boolean) {
  const talk = await converse(t, mode, (address) => ({ bootstrap: bootstrapFor(address, features) }));
  const events = talk.harness.watch('cluster', 'a');
  await talk.asked();
  if (cached) {
    t.is(await talk.respond(typeUrls.cluster, { resources: { a: cluster('a') } }), null);
    t.deepEqual(await events.next(), ['changed a']);
  }
  return { talk, events };
}

function dumped({ client }: ClientHarness) {
  const [only] = client.dump().clusters;
  return only!;
}

for (const mode of modes) {
  for (const { what, response, code, text, state, drops } of dataErrors) {
    for (const fails of [true, false]) {
      for (const cached of [true, false]) {
        const feature = fails ? 'fail_on_data_errors' : 'no feature';
        test(`cases 51, 53: ${what} in ${mode}, ${feature}, ${cached ? '' : 'not '}cached`, async (t) => {
          const { talk, events } = await start(t, mode, fails ? ['fail_on_data_errors'] : [], cached);
          await talk.respond(typeUrls.cluster, response);
          const isKept = cached && !(fails && drops);
          const [error] = await events.next();
          t.regex(error!, text);
          t.true(error!.startsWith(`error ${code} a${isKept ? ' (has resource)' : ':'}`), error);
          t.is(dumped(talk.harness).state, state);
          t.is(dumped(talk.harness).value !== null, isKept);
          // Nothing more comes of it: no absence, no timer, no second event for the same.
          if (code === 'server-error') t.is(await talk.respond(typeUrls.cluster, response), null);
          talk.harness.clock.advance(60_000);
          t.is(events.events.length, cached ? 2 : 1);
          const known = isKept ? ['changed a', error!] : [error!];
          t.deepEqual(await talk.harness.watch('cluster', 'a').next(known.length), known);
          // A good version ends it.
          t.is(await talk.respond(typeUrls.cluster, { resources: { a: cluster('a', { lb_policy: 'RANDOM' }) } }), null);
          t.deepEqual(await events.next(), ['changed a']);
          t.like(dumped(talk.harness), { state: 'ACKED', error: null });
        });
      }
    }
  }

  for (const { features, isKept } of [
    { features: [], isKept: false },
    { features: ['fail_on_data_errors'], isKept: false },
    { features: ['ignore_resource_deletion'], isKept: true },
    { features: ['ignore_resource_deletion', 'fail_on_data_errors'], isKept: false },
  ]) {
    const named = features.length === 0 ? 'no feature' : features.join(' and ');
    test(`case 51: a removal in ${mode}, ${named}`, async (t) => {
      const { talk, events } = await start(t, mode, features, true);
      const all = talk.harness.watchAll('cluster');
      await talk.asked();
      for (let time = 0; time < 2; time++) await talk.respond(typeUrls.cluster, { removed: ['a'] });
      if (isKept) {
        const error = 'error server-error a (has resource): cluster "a": the server has removed it (status 5)';
        t.deepEqual(events.events, ['changed a', error]);
        t.true(all.events.every((event) => event.startsWith('update +a') || event === 'update + -' || event === error));
        t.like(dumped(talk.harness), { state: 'RECEIVED_ERROR', origin: 'server' });
      } else {
        t.deepEqual(events.events, ['changed a', 'absent a']);
        t.is(all.events.filter((event) => event === 'update + -a').length, 1);
      }
      t.is(await talk.respond(typeUrls.cluster, { resources: { a: cluster('a') } }), null);
      t.like(dumped(talk.harness), { state: 'ACKED', error: null });
      t.is(events.events.at(-1), isKept ? events.events[1] : 'changed a');
    });
  }

  test(`case 51: in ${mode} who follows all is told of a resource that is dropped for an error, and of what else came`, async (t) => {
    const talk = await converse(t, mode, (address) => ({ bootstrap: bootstrapFor(address, ['fail_on_data_errors']) }));
    const all = talk.harness.watchAll('cluster');
    await talk.asked();
    await talk.respond(typeUrls.cluster, { resources: { a: cluster('a'), b: cluster('b') } });
    const response = {
      resources: { b: cluster('b', { lb_policy: 'RANDOM' }) },
      errors: { a: [notFound, ''] as const },
    };
    t.is(await talk.respond(typeUrls.cluster, response), null);
    t.deepEqual(await all.next(3), [
      'update +a,b -',
      'update +b -a',
      'error server-error a: cluster "a": refused (status 5)',
    ]);
  });

  test(`case 53: in ${mode} an error for what was not asked for says nothing`, async (t) => {
    const { talk, events } = await start(t, mode, ['fail_on_data_errors'], true);
    t.is(await talk.respond(typeUrls.cluster, { resources: { a: cluster('a') }, errors: { b: [notFound, ''] } }), null);
    t.deepEqual(events.events, ['changed a']);
    t.is(talk.harness.client.dump().clusters.length, 1);
  });

  test(`case 52: a server in ${mode} that tells what does not exist has 30 s, and is late after that`, async (t) => {
    const features = ['resource_timer_is_transient_error'];
    const talk = await converse(t, mode, (address) => ({ bootstrap: bootstrapFor(address, features) }));
    const { clock, client, watch } = talk.harness;
    const events = watch('endpoints', 'a');
    await talk.asked();
    clock.advance(29_999);
    t.deepEqual(events.events, []);
    clock.advance(1);
    const late = 'error timed-out a: endpoints "a": the xDS server has not sent it in time';
    t.deepEqual(await events.next(), [late]);
    t.is(client.dump().endpoints[0]?.state, 'TIMEOUT');
    t.deepEqual(await watch('endpoints', 'a').next(), [late]);
    await talk.respond(typeUrls.endpoints, { resources: { a: endpoints('a', 1) } });
    t.deepEqual(await events.next(), ['changed a']);
    t.is(client.dump().endpoints[0]?.state, 'ACKED');
  });

  test(`case 52: in ${mode} the time begins anew with a new stream`, async (t) => {
    const features = ['resource_timer_is_transient_error'];
    const talk = await converse(t, mode, (address) => ({ bootstrap: bootstrapFor(address, features) }));
    const { clock, watch } = talk.harness;
    const events = watch('endpoints', 'a');
    const other = watch('endpoints', 'b');
    await askedFor(talk, 'b');
    await talk.respond(typeUrls.endpoints, { resources: { b: endpoints('b', 1) } });
    await other.next();
    clock.advance(30_000);
    await events.next();
    await talk.breakStream();
    await askedFor(talk, 'b');
    await talk.respond(typeUrls.endpoints, { resources: { b: endpoints('b', 2) } });
    clock.advance(29_999);
    t.is(events.events.length, 1);
    clock.advance(1);
    t.is(events.events.length, 2);
  });
}

async function askedFor(talk: Conversation, name: string): Promise<void> {
  while (!(await talk.asked()).includes(name));
}
