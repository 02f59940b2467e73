// The local mesh of `npm start`: the control plane, the page and the receiver of spans live in this process; every agent,
// service and client is a process of its own. Whatever dies is reported and stays dead; when the mesh ends, all do.
import { fileURLToPath } from 'node:url';
import { formatAddress } from '../../xds/model/address.ts';
import { createMeshPage } from '../admin/mesh-page.ts';
import type { Mesh } from '../config/mesh.ts';
import type { Log } from '../observe/log.ts';
import { createLogger } from '../telemetry/log.ts';
import { OtlpReceiver } from '../telemetry/otlp-receiver.ts';
import { type ControlPlane, runControlPlane } from './control-plane.ts';
import { createMeshDescriber } from './describe-mesh.ts';
import { greeting } from './greeting.ts';
import { InstanceHealth } from './instance-health.ts';
import { planParts } from './mesh-parts.ts';
import { findBusyPorts, wantedPorts } from './mesh-ports.ts';
import { MeshProcesses } from './mesh-processes.ts';

export interface MeshOptions {
  readonly configFile: string;
  /** Of the page; 0 takes any free one. */
  readonly adminPort: number;
  /** Default 18000; 0 takes any free one. */
  readonly controlPlanePort?: number;
  /** What people read, a line at a time. Default: stdout. */
  readonly print?: (line: string) => void;
  /** Default: a logger of its own on stderr. */
  readonly log?: Log;
}

export interface RunningMesh {
  readonly adminPort: number;
  readonly controlPlanePort: number;
  /** Everything that was started; `pid` is null once it has ended. */
  parts(): readonly { readonly name: string; readonly pid: number | null }[];
  /** Ends all parts, within two seconds. */
  close(): Promise<void>;
}

const host = '127.0.0.1';
const staticDir = fileURLToPath(new URL('../../admin-ui/dist', import.meta.url));

/** Resolves when every part can be used. Rejects with what is wrong, and leaves nothing running. */
export async function runMesh({
  configFile,
  adminPort,
  controlPlanePort = 18_000,
  print = (line) => process.stdout.write(`${line}\n`),
  log = createLogger({ level: 'info' }).log,
}: MeshOptions): Promise<RunningMesh> {
  const processes = new MeshProcesses(print, process.stdout.isTTY === true && !process.env['NO_COLOR']);
  /** How to close what has been opened. */
  const opened: (() => Promise<void>)[] = [];
  async function close(): Promise<void> {
    await processes.end();
    await Promise.all(opened.map((closeOne) => closeOne()));
  }
  try {
    let plannedNames: readonly string[] = [];
    const controlPlane = await runControlPlane({
      configFile,
      host,
      port: controlPlanePort,
      log,
      onChange: ({ mesh }) => {
        for (const line of processChanges(plannedNames, mesh)) print(line);
      },
    });
    opened.push(() => controlPlane.close());
    const { mesh } = controlPlane.config();
    const busy = await findBusyPorts(wantedPorts(mesh));
    if (busy.length > 0) throw new Error(`${configFile} cannot be run as it stands:\n${busy.join('\n')}`);

    const receiver = new OtlpReceiver({ log, host });
    const { httpPort } = await receiver.listen();
    opened.push(() => receiver.close());
    const tracesUrl = `http://${host}:${httpPort}`;
    const plan = planParts({ mesh, configFile, controlPlanePort: controlPlane.port, tracesUrl });
    const page = openPage({ configFile, controlPlane, processes, receiver, port: adminPort, log });
    const boundPort = await page.listen();
    opened.push(() => page.close());

    plannedNames = plan.map(({ name }) => name);
    await processes.start(plan);
    const health = new InstanceHealth({
      instances: () => controlPlane.config().mesh.services.flatMap(({ instances }) => instances),
      onChange: (down) => controlPlane.setDown(down),
    });
    const pageUrl = `http://${host}:${boundPort}`;
    const facts = { mesh, configFile, pageUrl, controlPlanePort: controlPlane.port, parts: processes.list() };
    for (const line of greeting(facts)) print(line);
    return {
      adminPort: boundPort,
      controlPlanePort: controlPlane.port,
      parts: () => processes.list(),
      close: () => {
        // That programs are gone now is no news for the agents.
        health.close();
        return close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Agents follow the file; which processes there are is settled when the mesh starts. */
function processChanges(planned: readonly string[], mesh: Mesh): string[] {
  const instances = mesh.services.flatMap((service) => service.instances.filter(({ run }) => run !== null));
  const wanted = [...mesh.agents, ...instances, ...mesh.clients].map(({ name }) => name);
  return [
    ...wanted
      .filter((name) => !planned.includes(name))
      .map((name) => `${name} is new; it starts with the next start of the mesh.`),
    ...planned
      .filter((name) => !wanted.includes(name))
      .map((name) => `${name} is no longer in the mesh; it runs until the mesh ends.`),
  ];
}

interface PageParts {
  readonly configFile: string;
  readonly controlPlane: ControlPlane;
  readonly processes: MeshProcesses;
  readonly receiver: OtlpReceiver;
  readonly port: number;
  readonly log: Log;
}

function openPage({ configFile, controlPlane, processes, receiver, port, log }: PageParts) {
  const describe = createMeshDescriber();
  return createMeshPage({
    agents: controlPlane
      .config()
      .mesh.agents.flatMap(({ name, admin }) =>
        admin === null ? [] : [{ name, adminUrl: `http://${formatAddress(admin)}` }],
      ),
    receiver,
    describe: () =>
      describe({
        configFile,
        config: controlPlane.config(),
        clients: controlPlane.clients(),
        parts: processes.list(),
      }),
    staticDir,
    host,
    port,
    log,
  });
}
