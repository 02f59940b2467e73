// docker-compose.yml and the Dockerfile as the tests read them: what a container would run, where, with what.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const projectFolder = fileURLToPath(new URL('../..', import.meta.url));

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly target: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly network_mode?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
}

export interface DockerStage {
  readonly name: string;
  readonly image: string;
  readonly entrypoint: readonly string[];
  /** Sources of `COPY` from the project, not from other stages. */
  readonly copies: readonly string[];
  readonly healthcheck: readonly string[] | null;
  readonly user: string | null;
}

export function readCompose(): Readonly<Record<string, ComposeService>> {
  const text = readFileSync(`${projectFolder}docker-compose.yml`, 'utf8');
  return parse(text, { merge: true }).services;
}

export function readDockerfile(): DockerStage[] {
  const text = readFileSync(`${projectFolder}Dockerfile`, 'utf8');
  return text.split(/^(?=FROM )/m).flatMap((stage): DockerStage[] => {
    const from = /^FROM (\S+) AS (\S+)$/m.exec(stage);
    if (from === null) return [];
    const [, image = '', name = ''] = from;
    const copies = [...stage.matchAll(/^COPY (?!--from)(.*)$/gm)].flatMap(([, words = '']) =>
      words.split(' ').slice(0, -1),
    );
    const healthcheck = /^HEALTHCHECK .*CMD (\[.*\])$/m.exec(stage)?.[1];
    return [
      {
        name,
        image,
        entrypoint: JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(stage)?.[1] ?? '[]'),
        copies,
        healthcheck: healthcheck === undefined ? null : JSON.parse(healthcheck),
        user: /^USER (\S+)$/m.exec(stage)?.[1] ?? null,
      },
    ];
  });
}

/** The whole command line of a service that is built here: its stage's entry point, then its command. */
export function commandOf(service: ComposeService, stages: readonly DockerStage[]): string[] {
  const stage = stages.find(({ name }) => name === service.build?.target);
  return [...(stage?.entrypoint ?? []), ...(service.command ?? [])];
}

/** `test` of a health check without its leading CMD; the stage's own where the service has none; null where neither has. */
export function healthcheckOf(service: ComposeService, stages: readonly DockerStage[]): readonly string[] | null {
  if (service.healthcheck !== undefined) return service.healthcheck.test.slice(1);
  return stages.find(({ name }) => name === service.build?.target)?.healthcheck ?? null;
}

/** Volumes as [path in the project, path in the container]. */
export function volumesOf(service: ComposeService): (readonly [string, string])[] {
  return (service.volumes ?? []).map((volume) => {
    const [source = '', target = ''] = volume.split(':');
    return [source, target];
  });
}
