// grpc-go's negative HTTP/2 client, an agent, and a server that misbehaves. The client has an opinion of what it should
// see, and the server of what the agent should do.
import { existsSync } from 'node:fs';
import { startDataPlane } from '../support/data-plane.ts';
import { plainMesh } from '../support/resources.ts';
import { type Judge, PEERS, runPeer, type Verdict, verdictOf } from './judge.ts';
import { type NegativeCase, startNegativeServer } from './negative-server.ts';

const cases: readonly NegativeCase[] = [
  'goaway',
  'rst_after_header',
  'rst_during_data',
  'rst_after_data',
  'ping',
  'max_streams',
];

async function runCase(name: NegativeCase): Promise<void> {
  const server = await startNegativeServer(name);
  const agent = startDataPlane(plainMesh('negative', 'inbound', [server.port]));
  try {
    const port = await agent.port('negative');
    await runPeer('http2', ['--server_host=127.0.0.1', `--server_port=${port}`, `--test_case=${name}`], 20_000);
    const problems = server.problems();
    if (problems.length > 0) throw new Error(problems.join('; '));
  } finally {
    agent.stop();
    server.stop();
  }
}

async function judge(): Promise<readonly Verdict[]> {
  if (!existsSync(`${PEERS}http2`)) {
    return [{ kind: 'skipped', name: 'all', reason: 'not built (npm run peers, wants Go)' }];
  }
  const verdicts: Verdict[] = [];
  for (const name of cases) verdicts.push(await verdictOf(name, () => runCase(name)));
  return verdicts;
}

export const negative: Judge = { name: 'grpc-go negative HTTP/2 client', judge };
