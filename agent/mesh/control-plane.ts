// The embedded control plane on a mesh.yaml: each agent is served what the file says of it, and a saved change goes out
// to all of them. A save that is broken changes nothing, and says so.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type ClientReport, createXdsServer, type XdsServer } from '../../xds/server/xds-server.ts';
import { watchFile } from '../config/file-watch.ts';
import type { Mesh } from '../config/mesh.ts';
import { parseMeshConfig } from '../config/mesh-config.ts';
import { meshResources, proxylessResources } from '../config/mesh-resources.ts';
import { type ConfigProblem, formatProblems } from '../config/yaml-reader.ts';
import type { Log } from '../observe/log.ts';
import { createLogger } from '../telemetry/log.ts';

export interface ControlPlaneOptions {
  readonly configFile: string;
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Default: a logger of its own on stderr. */
  readonly log?: Log;
  /** Told after a good save. */
  readonly onChange?: (config: ServedConfig) => void;
}

/** What is being served, and what is wrong with the last save, if anything. */
export interface ServedConfig {
  readonly mesh: Mesh;
  /** 8 hex digits made of the text; changes with every good save. */
  readonly version: string;
  readonly changedAtMs: number;
  readonly problems: readonly ConfigProblem[];
}

export interface ControlPlane {
  readonly port: number;
  config(): ServedConfig;
  /** From now on the instances with these names are unhealthy endpoints, and the others healthy ones. */
  setDown(instances: ReadonlySet<string>): void;
  clients(): readonly ClientReport[];
  close(): Promise<void>;
}

/** Rejects with what is wrong: the file is missing, has problems (each with its line), or the port is taken. */
export async function runControlPlane({
  configFile,
  host,
  port,
  log = createLogger({ level: 'info' }).log,
  onChange = () => {},
}: ControlPlaneOptions): Promise<ControlPlane> {
  const text = await readMeshFile(configFile);
  const parsed = parseMeshConfig(text);
  if ('problems' in parsed) throw new Error(`${configFile} is broken\n${formatProblems(configFile, parsed.problems)}`);

  const server = createXdsServer({ log });
  let config = served(parsed.mesh, text);
  let down: ReadonlySet<string> = new Set();
  applyMesh(server, parsed.mesh, down);
  const bound = await server.listen({ host, port });
  log('info', `the control plane serves ${configFile}`, { host, port: bound, version: config.version });

  function follow(saved: string): void {
    const next = parseMeshConfig(saved);
    if ('problems' in next) {
      config = { ...config, problems: next.problems };
      for (const problem of next.problems) log('error', formatProblems(configFile, [problem]));
      log('error', `${configFile} is broken; the mesh goes on with the last good one`);
      return;
    }
    for (const { name } of config.mesh.agents) {
      if (!next.mesh.agents.some((agent) => agent.name === name)) server.removeSnapshot(name);
    }
    config = served(next.mesh, saved);
    applyMesh(server, next.mesh, down);
    log('info', `${configFile} changed; every agent is told`, { version: config.version });
    onChange(config);
  }
  const watch = watchFile({
    path: configFile,
    text,
    onChange: follow,
    onProblem: (message) => log('warn', `${message}; the mesh goes on with the last good one`),
  });

  return {
    port: bound,
    config: () => config,
    setDown(instances) {
      down = instances;
      applyMesh(server, config.mesh, down);
    },
    clients: () => server.clients(),
    async close() {
      watch.close();
      await server.close();
    },
  };
}

async function readMeshFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    throw new Error(`cannot read ${path}: ${code === 'ENOENT' ? 'there is no such file' : String(error)}`);
  }
}

function served(mesh: Mesh, text: string): ServedConfig {
  const version = createHash('sha256').update(text).digest('hex').slice(0, 8);
  return { mesh, version, changedAtMs: Date.now(), problems: [] };
}

function applyMesh(server: XdsServer, mesh: Mesh, down: ReadonlySet<string>): void {
  const { resources, apiListeners } = proxylessResources(mesh, down);
  server.setDefaultSnapshot(resources, apiListeners);
  // Who takes calls hears first, so that a new inbound listener is there before callers are sent to it.
  const callersLast = mesh.agents.toSorted((a, b) => Number(a.outbound !== null) - Number(b.outbound !== null));
  for (const { name } of callersLast) server.setSnapshot(name, meshResources(mesh, name, down) ?? []);
}
