// Recorded calls of grpc-js and of the agent, made wrong: at a listener, and as what an endpoint answers. Nothing is
// thrown, every connection and every call ends, and a neighbour is served all the while. `npm run attack` goes on for
// minutes.
import test from 'ava';
import { fuzz } from './fuzz.ts';
import { hostileMesh, hostilePath } from './hostile-mesh.ts';
import { PlayingEndpoint } from './play.ts';
import { recordCalls } from './record.ts';
import { startAttackedEndpoint, startTargetWith } from './target.ts';

const fuzzForMs = 6000;

test('wrong streams of clients and endpoints end, and do no harm to others', async (t) => {
  const recordings = await recordCalls();
  for (const bytes of [...recordings.clients, ...recordings.servers]) t.true(bytes.length > 500);
  const endpoint = await startAttackedEndpoint();
  const hostile = await PlayingEndpoint.listen();
  const target = await startTargetWith(t, hostileMesh(endpoint.port, hostile.port), async () => {
    hostile.close();
    await endpoint.stop();
  });
  const played = await fuzz(
    {
      agentPort: target.port,
      endpoint: hostile,
      hostileCall: () => target.innocentCall(hostilePath),
      innocentCall: () => target.innocentCall(),
      errors: () => target.errors(),
    },
    recordings,
    2026,
    fuzzForMs,
  );
  t.log(`${played} streams`);
  t.true(played > 50);
});
