// An unmodified xDS client, grpc-js-xds: a program dials `xds:///catalogue` and its calls arrive at the endpoints that
// mesh.yaml gives, in the shares it gives, and follow a change of the file.
import { type Client, credentials, loadPackageDefinition, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { parseMeshConfig } from '../../agent/config/mesh-config.ts';
import { proxylessResources } from '../../agent/config/mesh-resources.ts';
import { createXdsServer } from '../../xds/server/xds-server.ts';

const path = '/demo.Echo/Name';
const asBytes = (text: string) => Buffer.from(text);
const asText = (bytes: Buffer) => bytes.toString();

async function startEcho(t: ExecutionContext, name: string): Promise<number> {
  const server = new Server();
  const Name = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: asBytes,
    requestDeserialize: asText,
    responseSerialize: asBytes,
    responseDeserialize: asText,
  };
  server.addService(
    { Name },
    { Name: (_: unknown, answer: (error: null, value: string) => void) => answer(null, name) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  t.teardown(() => server.forceShutdown());
  return port;
}

function call(client: Client, metadata = new Metadata()): Promise<string> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      asBytes,
      asText,
      'who?',
      metadata,
      { deadline: Date.now() + 5_000 },
      (error, value) => {
        if (error === null) resolve(value ?? '');
        else reject(error);
      },
    );
  });
}

test('grpc-js-xds resolves a service of the mesh, follows its split, its routes and a change of both', async (t) => {
  const ports = await Promise.all(['first', 'second'].map((name) => startEcho(t, name)));
  const server = createXdsServer({ log: () => {} });
  t.teardown(() => server.close());
  function serve(split: string): void {
    const parsed = parseMeshConfig(`services:
  catalogue:
    split: ${split}
    routes: [{ headers: { x-preview: "yes" }, to: v2 }]
    instances:
      catalogue-1: { version: v1, app: "127.0.0.1:${ports[0]}" }
      catalogue-2: { version: v2, app: "127.0.0.1:${ports[1]}" }
`);
    if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
    const { resources, apiListeners } = proxylessResources(parsed.mesh);
    server.setDefaultSnapshot(resources, apiListeners);
  }
  serve('{ v1: 1 }');
  const xdsPort = await server.listen({ host: '127.0.0.1', port: 0 });

  // Read when the client first resolves a name, and only from the environment.
  process.env['GRPC_XDS_BOOTSTRAP_CONFIG'] = JSON.stringify({
    xds_servers: [{ server_uri: `127.0.0.1:${xdsPort}`, channel_creds: [{ type: 'insecure' }] }],
    node: { id: 'proxyless', locality: {} },
  });
  const { register } = await import('@grpc/grpc-js-xds');
  register();
  const { Echo } = loadPackageDefinition({ Echo: {} }) as unknown as { Echo: new (...of: unknown[]) => Client };
  const client = new Echo('xds:///catalogue', credentials.createInsecure());
  t.teardown(() => client.close());

  t.is(await call(client), 'first');
  const preview = new Metadata();
  preview.set('x-preview', 'yes');
  t.is(await call(client, preview), 'second');

  serve('{ v2: 1 }');
  // The push is on its way; calls go on all the while and none may fail.
  while ((await call(client)) !== 'second');
  t.deepEqual(
    server.clients().map(({ node }) => node),
    ['proxyless'],
  );
  t.true(server.clients().every(({ types }) => Object.values(types).every(({ state }) => state !== 'nacked')));
});
