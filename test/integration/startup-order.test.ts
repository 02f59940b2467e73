// The application starts when its agent is ready: by the postStart hook of the classic form, by the startup probe of the
// native one (sidecars.md section 5, complaint 2), both as the injector writes them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { nearestName } from '../../agent/config/nearest-name.ts';
import { type JsonObject, listOf, objectOf, textOf } from '../../agent/inject/json.ts';
import { planPod } from '../../agent/inject/pod-plan.ts';
import { readSettings } from '../../agent/inject/settings.ts';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { plainMesh } from '../support/resources.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The agent's container as it is injected. */
function agentContainer(form: string): JsonObject {
  const found = readSettings([{ texts: { form }, spell: (name) => name }], nearestName);
  if ('problems' in found) throw new Error(found.problems.join());
  const { firstInitContainers, containers } = planPod({ spec: {} }, found.settings, '1.2.3');
  return (form === 'native' ? firstInitContainers : containers)[0]!;
}

/** An agent that has no configuration before `configure`. */
async function startWaiting(t: ExecutionContext, ...args: string[]) {
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  const agent = await startAgentProcess({ xdsPort, node: 'pod', args });
  t.teardown(async () => {
    agent.kill('SIGKILL');
    await controlPlane.close();
  });
  return { agent, configure: () => controlPlane.setSnapshot('pod', plainMesh('echo', 'inbound', [1])) };
}

/** Runs the hook of the injected container against that admin port. */
async function runHook(adminPort: number, wait?: string) {
  const hook = objectOf(objectOf(objectOf(agentContainer('classic')['lifecycle'])['postStart'])['exec']);
  const [program, ...args] = listOf(hook['command']).map(textOf);
  const given = wait === undefined ? args : args.with(-1, wait);
  const node = program === 'node' ? process.execPath : program!;
  const child = spawn(node, [...given, '--admin', `127.0.0.1:${adminPort}`], { cwd: ROOT });
  const err = text(child.stderr);
  const [code] = await once(child, 'exit');
  return { code: code as number, err: await err };
}

test('classic: the hook returns when the agent is ready, and not before', async (t) => {
  const { agent, configure } = await startWaiting(t);
  const hook = runHook(agent.adminPort);
  let isOver = false;
  void hook.then(() => {
    isOver = true;
  });
  // A hook with less patience has run from beginning to end meanwhile.
  const other = await runHook(agent.adminPort, '1');
  t.is(other.code, 1);
  t.regex(other.err, /^outrigger: the agent on 127\.0\.0\.1:\d+ is not ready after 1 s: the control plane .+\n$/);
  t.false(isOver);
  configure();
  await agent.listenerPort('echo');
  t.deepEqual(await hook, { code: 0, err: '' });
});

test('classic: where no agent answers in time, the hook says so and fails', async (t) => {
  const { code, err } = await runHook(9, '0');
  t.is(code, 1);
  t.regex(err, /^outrigger: the agent on 127\.0\.0\.1:9 is not ready after 0 s: .+\n$/);
});

test('native: the startup probe fails before the first configuration, and succeeds with it', async (t) => {
  const probe = objectOf(objectOf(agentContainer('native')['startupProbe'])['httpGet']);
  const { agent, configure } = await startWaiting(t, '--status-port', '0');
  const { port } = await agent.line(({ msg }) => msg === 'status listens');
  const ask = async () => (await fetch(`http://127.0.0.1:${port}${textOf(probe['path'])}`)).status;
  t.is(await ask(), 503);
  configure();
  await agent.listenerPort('echo');
  t.is(await ask(), 200);
});
