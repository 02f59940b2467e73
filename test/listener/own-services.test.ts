// What a frontend answers itself: health as gRPC's clients ask for it, and reflection as grpcurl does.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import test, { type ExecutionContext } from 'ava';
import { parseAgentFile } from '../../agent/config/agent-file/agent-file.ts';
import { drainWithin } from '../../agent/drain.ts';
import { wireBytes, wireFields, wireNumber } from '../../agent/grpc/protobuf-wire.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { startDataPlane, type TestDataPlane } from '../support/data-plane.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';

const same = (bytes: Buffer): Buffer => bytes;

interface Frontend {
  readonly plane: TestDataPlane;
  readonly client: grpc.Client;
  readonly port: number;
  save(frontend: string): void;
}

const folder = mkdtempSync(join(tmpdir(), 'outrigger-own-'));
test.after.always(() => rm(folder, { recursive: true }));

function resourcesOf(text: string): ServingResource[] {
  const read = (path: string): Buffer => readFileSync(path);
  const { resources, problems } = parseAgentFile(text, { name: 'agent.yaml', folder, readFile: read });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return resources.flatMap((resource): ServingResource[] => (resource.type === 'secret' ? [] : [resource]));
}

async function frontend(t: ExecutionContext, text: string): Promise<Frontend> {
  const server = await startEchoServer();
  const whole = (part: string): string => `frontends: [{ name: edge, listen: "127.0.0.1:0", ${part} }]
backends: { a: { endpoints: ["127.0.0.1:${server.port}"] } }`;
  const plane = startDataPlane(resourcesOf(whole(text)));
  const port = await plane.port('edge');
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  t.teardown(async () => {
    client.close();
    plane.stop();
    await server.stop();
  });
  return { plane, client, port, save: (part) => plane.apply(resourcesOf(whole(part))) };
}

function unary(client: grpc.Client, path: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, request, (error, reply) => {
      if (error === null && reply !== undefined) resolve(reply);
      else reject(error);
    });
  });
}

const healthRequest = (service: string): Buffer => wireBytes(1, service);
const check = (client: grpc.Client, service: string) =>
  unary(client, '/grpc.health.v1.Health/Check', healthRequest(service));

const [serving, notServing, unknown] = [1, 2, 3].map((state) => wireNumber(1, state));
const shop =
  'health: true, routes: [{ match: { service: shop.Cart }, backend: a }, { match: { service: old.* }, backend: a }]';

test('health is SERVING, of the listener and of each service that a route sends on', async (t) => {
  const { client } = await frontend(t, shop);
  for (const service of ['', 'shop.Cart', 'old.Thing']) t.deepEqual(await check(client, service), serving, service);
  const error = await t.throwsAsync(check(client, 'shop.Other'));
  t.like(error, { code: 5, details: 'no route of this listener sends on calls of shop.Other' });
  const list = [...wireFields(await unary(client, '/grpc.health.v1.Health/List', Buffer.alloc(0)))];
  const names = list.map(({ value }) => String([...wireFields(value as Uint8Array)][0]?.value));
  t.deepEqual(names, ['', 'shop.Cart']);
});

function watchHealth(client: grpc.Client, service: string) {
  const path = '/grpc.health.v1.Health/Watch';
  const call = client.makeServerStreamRequest(path, same, same, healthRequest(service));
  call.on('error', () => {});
  const ended = new Promise((resolve) => call.on('status', resolve));
  const told = async (): Promise<Buffer> => (await once(call, 'data'))[0];
  return { ended, told };
}

test('who watches health is told when a save changes it, and when the agent drains', async (t) => {
  const { plane, client, save } = await frontend(t, shop);
  const [own, cart, other] = ['', 'shop.Cart', 'shop.Other'].map((service) => watchHealth(client, service));
  if (own === undefined || cart === undefined || other === undefined) throw new Error('no watches');
  const first = await Promise.all([own.told(), cart.told(), other.told()]);
  t.deepEqual(first, [serving, serving, unknown]);

  const later = [cart.told(), other.told()];
  save('health: true, routes: [{ match: { service: shop.Other }, backend: a }]');
  t.deepEqual(await Promise.all(later), [unknown, serving]);

  const last = own.told();
  plane.plane.receive({ kind: 'drain', plan: drainWithin(5000) });
  t.deepEqual(await last, notServing);
  t.like(await own.ended, { code: 14, details: 'the listener is draining' });
  await plane.up('drained');
});

test('a request that is none is refused, and the next one is answered', async (t) => {
  const { client } = await frontend(t, shop);
  t.like(
    await t.throwsAsync(
      check(client, '').then(() => unary(client, '/grpc.health.v1.Health/Check', Buffer.from([10, 200]))),
    ),
    {
      code: 13,
    },
  );
  t.deepEqual(await check(client, ''), serving);
});

test('without health or reflection of its own, such calls go by the routes', async (t) => {
  const { client, port } = await frontend(t, 'routes: [{ match: { service: test.Echo }, backend: a }]');
  t.like(await t.throwsAsync(check(client, '')), { code: 12 });
  const echo = new EchoClient(port, 'echo');
  t.is((await echo.unary(Buffer.from('x'))).reply.toString(), 'x');
  echo.close();
});

const nested = (number: number, ...parts: readonly Buffer[]): Buffer => wireBytes(number, Buffer.concat(parts));
const nameOf = (name: string): Buffer => wireBytes(1, name);

/** `message Amount { int64 units = 1; enum Kind { NONE = 0; } }`, as protoc describes it. */
const money = [
  nameOf('money.proto'),
  wireBytes(2, 'money'),
  nested(
    4,
    nameOf('Amount'),
    nested(2, nameOf('units'), wireNumber(3, 1), wireNumber(4, 1), wireNumber(5, 3)),
    nested(4, nameOf('Kind'), nested(2, nameOf('NONE'), wireNumber(2, 0))),
  ),
];

/** Of proto2: a message with a part, a oneof and an extension of it, and a service. */
const shopFile = [
  nameOf('shop.proto'),
  wireBytes(2, 'shop'),
  wireBytes(3, 'money.proto'),
  nested(
    4,
    nameOf('Item'),
    nested(2, nameOf('price'), wireNumber(3, 1), wireNumber(4, 1), wireNumber(5, 11), wireBytes(6, '.money.Amount')),
    nested(2, nameOf('sku'), wireNumber(3, 2), wireNumber(4, 1), wireNumber(5, 9), wireNumber(9, 0)),
    nested(3, nameOf('Part')),
    nested(5, wireNumber(1, 100), wireNumber(2, 201)),
    nested(8, nameOf('id')),
  ),
  nested(6, nameOf('Cart'), nested(2, nameOf('Add'), wireBytes(2, '.shop.Item'), wireBytes(3, '.shop.Item'))),
  nested(7, nameOf('note'), wireBytes(2, '.shop.Item'), wireNumber(3, 120), wireNumber(4, 1), wireNumber(5, 9)),
];

writeFileSync(join(folder, 'all.binpb'), Buffer.concat([nested(1, ...money), nested(1, ...shopFile)]));
writeFileSync(join(folder, 'alone.binpb'), nested(1, ...shopFile));
writeFileSync(join(folder, 'text.binpb'), 'syntax = "proto3";');

/** Asks one question, as clients of reflection do: on a stream, whose end they say. */
async function ask(client: grpc.Client, version: string, request: Buffer): Promise<Map<number, Uint8Array>> {
  const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
  const call = client.makeBidiStreamRequest(path, same, same);
  call.write(request);
  const [answer] = await once(call, 'data');
  call.end();
  call.resume();
  const [status] = await once(call, 'status');
  if (status.code !== 0) throw new Error(status.details);
  return new Map([...wireFields(answer)].map(({ number, value }) => [number, value as Uint8Array]));
}

const named = (bytes: Uint8Array | undefined): string[] =>
  [...wireFields(bytes ?? new Uint8Array())].map(({ value }) =>
    Buffer.from([...wireFields(value as Uint8Array)][0]?.value as Uint8Array).toString(),
  );

for (const version of ['v1', 'v1alpha']) {
  test(`reflection ${version} answers out of descriptor sets`, async (t) => {
    const { client } = await frontend(t, 'reflection: { descriptors: [all.binpb] }, routes: [{ backend: a }]');
    const services = await ask(client, version, wireBytes(7, ''));
    t.deepEqual(named(services.get(6)), ['shop.Cart']);

    for (const symbol of [
      'shop.Cart',
      'shop.Cart.Add',
      'shop.Item.Part',
      'shop.Item.sku',
      'shop.Item.id',
      'shop.note',
    ]) {
      const found = await ask(client, version, wireBytes(4, symbol));
      t.deepEqual(named(found.get(4)).toSorted(), ['money.proto', 'shop.proto'], symbol);
    }
    const alone = await ask(client, version, wireBytes(4, 'money.Amount.NONE'));
    t.deepEqual(named(alone.get(4)), ['money.proto']);
    t.deepEqual(named((await ask(client, version, wireBytes(3, 'money.proto'))).get(4)), ['money.proto']);

    const extension = wireBytes(5, Buffer.concat([wireBytes(1, 'shop.Item'), wireNumber(2, 120)]));
    t.true(named((await ask(client, version, extension)).get(4)).includes('shop.proto'));
    const numbers = await ask(client, version, wireBytes(6, 'shop.Item'));
    t.deepEqual([...wireFields(numbers.get(5) ?? new Uint8Array())].map(({ value }) => value).at(-1), 120);

    for (const question of [wireBytes(4, 'shop.Nothing'), wireBytes(3, 'none.proto'), wireBytes(6, 'shop.Nothing')]) {
      const error = [...wireFields((await ask(client, version, question)).get(7) ?? new Uint8Array())];
      t.is(error[0]?.value, 5);
      t.regex(Buffer.from(error[1]?.value as Uint8Array).toString(), /no descriptor set of this listener holds/);
    }
  });
}

test('what reflection answers is enough for a client to make calls', async (t) => {
  const { client } = await frontend(t, 'reflection: { descriptors: [all.binpb] }, routes: [{ backend: a }]');
  const found = await ask(client, 'v1', wireBytes(4, 'shop.Cart'));
  const set = Buffer.concat(
    [...wireFields(found.get(4) ?? new Uint8Array())].map(({ value }) => wireBytes(1, value as Uint8Array)),
  );
  const definition = loadFileDescriptorSetFromBuffer(set)['shop.Cart'];
  t.like(definition, { Add: { path: '/shop.Cart/Add' } });
});

test('a descriptor set that is none, or lacks what it imports, is told with its place', async (t) => {
  const problemsOf = (files: string) => {
    const text = `frontends:\n  - listen: 127.0.0.1:0\n    routes: [{ backend: a }]\n    reflection: { descriptors: [${files}] }
backends: { a: { endpoints: ["127.0.0.1:1"] } }`;
    return parseAgentFile(text, { name: 'agent.yaml', folder, readFile: (path) => readFileSync(path) }).problems;
  };
  t.deepEqual(problemsOf('all.binpb'), []);
  t.deepEqual(problemsOf('alone.binpb'), [
    'agent.yaml:4:32: frontends[0].reflection.descriptors: lacks money.proto; protoc adds them with --include_imports',
  ]);
  t.regex(problemsOf('text.binpb')[0] ?? '', /^agent\.yaml:4:33: .*descriptors\[0\]: is no descriptor set: /);
  t.regex(problemsOf('none.binpb')[0] ?? '', /^agent\.yaml:4:33: .*can't read none\.binpb: there is no such file$/);
});
