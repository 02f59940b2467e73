// docker-compose.yml without Docker: each service that is built here runs by its own command in a network namespace of
// its own, an agent in that of its program, in the order of depends_on and until its own health check is content. Then
// a customer orders, and the order goes through both agents.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import test from 'ava';
import {
  type ComposeService,
  commandOf,
  healthcheckOf,
  projectFolder,
  readCompose,
  readDockerfile,
  volumesOf,
} from './compose-file.ts';
import { Pods, whyNoPods } from './pods.ts';

const stages = readDockerfile();
const services = Object.entries(readCompose()).filter(([, service]) => service.build !== undefined);
const reason = whyNoPods();

/** The command as it is run here: the Node at hand, and files of volumes where the project has them. */
function localCommand(words: readonly string[], service: ComposeService): string[] {
  return words.map((word) => {
    if (word === 'node') return process.execPath;
    const volume = volumesOf(service).find(([, target]) => word.startsWith(`${target}/`));
    return volume === undefined ? word : `${projectFolder}${volume[0]}${word.slice(volume[1].length)}`;
  });
}

/** The health check that is under way: one at a time, for they would take the cores from what they wait for. */
let lastCheck: Promise<unknown> = Promise.resolve();

/** Health checks in a row until one is content; the attempts are processes, so nothing sleeps. */
async function untilHealthy(run: () => ChildProcess, isOver: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 60; attempt++) {
    const check = lastCheck.then(() => once(run(), 'exit'));
    lastCheck = check;
    const [code] = await check;
    if (code === 0) return;
    if (isOver()) throw new Error('it has ended');
  }
  throw new Error('its health check is not content');
}

const pods =
  reason === null ? new Pods(services.filter(([, { network_mode }]) => !network_mode).map(([name]) => name)) : null;
test.after.always(() => pods?.remove());

test('an order goes through the mesh of docker-compose.yml, each container in a network namespace', async (t) => {
  if (pods === null) {
    t.log(`skipped: ${reason}`);
    t.pass();
    return;
  }
  const output: string[] = [];
  const healthy = new Map<string, Promise<void>>();

  function start(name: string): Promise<void> {
    const known = healthy.get(name);
    if (known !== undefined) return known;
    const started = startService(name);
    healthy.set(name, started);
    return started;
  }

  async function startService(name: string): Promise<void> {
    const service = services.find(([candidate]) => candidate === name)?.[1];
    // The collector and Jaeger are not ours to run.
    if (service === undefined || pods === null) return;
    await Promise.all(Object.keys(service.depends_on ?? {}).map(start));
    const network = service.network_mode?.replace('service:', '') ?? name;
    const child = pods.spawn(network, localCommand(commandOf(service, stages), service), projectFolder, {
      ...service.environment,
    });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => output.push(`${name} | ${line}`));
    }
    const check = name === 'traffic' ? null : healthcheckOf(service, stages);
    if (check === null) return;
    try {
      await untilHealthy(
        () => pods.spawn(network, localCommand(check, service), projectFolder, {}),
        () => child.exitCode !== null,
      );
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : error}\n${output.join('\n')}`);
    }
  }

  await Promise.all(services.map(([name]) => start(name)));
  const customer = pods.spawn(
    'traffic',
    [process.execPath, 'test/compose/one-order.ts', 'shop:15006'],
    projectFolder,
    {},
  );
  const answer: string[] = [];
  for (const stream of [customer.stdout, customer.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => answer.push(line));
  }
  const [code] = await once(customer, 'close');
  t.is(code, 0, [...answer, ...output].join('\n'));
  t.regex(answer.join('\n'), /^carved paddle, 9800, priced by catalogue-[123]$/);
});
