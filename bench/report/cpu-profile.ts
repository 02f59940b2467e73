// A CPU profile as V8 writes it, cut to a part, without this machine's paths, and as tables: what each file and each
// function took of the time in which the thread was busy.

/** The format of `--cpu-prof`; times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly endTime: number;
  /** Ids of nodes, one for each sample. */
  readonly samples: readonly number[];
  /** Before each sample. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly scriptId: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
  readonly hitCount?: number;
  readonly children?: readonly number[];
}

/** The samples of the last `us`. */
export function lastPart(profile: CpuProfile, us: number): CpuProfile {
  const startTime = Math.max(profile.startTime, profile.endTime - us);
  let at = profile.startTime;
  const kept = profile.samples.flatMap((node, sample) => {
    at += profile.timeDeltas[sample] ?? 0;
    return at >= startTime ? [{ node, delta: profile.timeDeltas[sample] ?? 0 }] : [];
  });
  return {
    ...profile,
    nodes: profile.nodes.map(({ hitCount: _, ...node }) => node),
    startTime,
    samples: kept.map(({ node }) => node),
    timeDeltas: kept.map(({ delta }) => delta),
  };
}

/** `root`: the project's folder, with a slash at the end. */
export function withRelativePaths(profile: CpuProfile, root: string): CpuProfile {
  const nodes = profile.nodes.map((node) => {
    const url = node.callFrame.url.replace(`file://${root}`, '');
    return { ...node, callFrame: { ...node.callFrame, url } };
  });
  return { ...profile, nodes };
}

/** What belongs together, by path or, of native code, by name; the first that matches counts. */
const parts: readonly (readonly [what: ProfilePart, where: RegExp])[] = [
  ['header blocks', /^agent\/http2\/(?:header-|hpack-|shape|field-|huffman|read-head)/],
  ['reading and writing frames', /^agent\/http2\/(?:frame|read-buffer|write-|flusher)/],
  ['streams and connections', /^agent\/http2\//],
  ['the story of the call', /^agent\/(?:proxy|grpc)\//],
  ['directing, balancing, pools', /^agent\/(?:director|balancer|upstream|filters|listener)\//],
  ['counters and histograms', /^agent\/stats\//],
  ['the rest of the agent', /^(?:agent|xds|bin|node_modules)\//],
  ['garbage collector', /^\(garbage collector\)/],
  ['writing to sockets', /^write(?:v|Buffer)$/],
  ["Node's own JavaScript", /^node:/],
  ['other native code', /^/],
];

export type ProfilePart =
  | 'header blocks'
  | 'reading and writing frames'
  | 'streams and connections'
  | 'the story of the call'
  | 'directing, balancing, pools'
  | 'counters and histograms'
  | 'the rest of the agent'
  | 'garbage collector'
  | 'writing to sockets'
  | "Node's own JavaScript"
  | 'other native code';

const shownFunctions = 40;
const leastShare = 0.005;

/** Microseconds in which the thread was busy. */
export interface BusyTime {
  readonly byPart: ReadonlyMap<ProfilePart, number>;
  readonly byFile: ReadonlyMap<string, number>;
  readonly byFunction: ReadonlyMap<string, number>;
  readonly busyUs: number;
}

/** Paths are told from each other as `withRelativePaths` leaves them. */
export function busyTime(profile: CpuProfile): BusyTime {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byPart = new Map<ProfilePart, number>();
  const byFile = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let busyUs = 0;
  for (const [at, id] of profile.samples.entries()) {
    const us = profile.timeDeltas[at] ?? 0;
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === '(idle)') continue;
    busyUs += us;
    const file = frame.url === '' ? '(native)' : frame.url;
    const place = frame.url === '' ? '' : `  ${frame.url}:${frame.lineNumber + 1}`;
    const name = `${frame.functionName === '' ? '(anonymous)' : frame.functionName}${place}`;
    const subject = frame.url === '' ? frame.functionName : frame.url;
    const [part] = parts.find(([, where]) => where.test(subject))!;
    byPart.set(part, (byPart.get(part) ?? 0) + us);
    byFile.set(file, (byFile.get(file) ?? 0) + us);
    byFunction.set(name, (byFunction.get(name) ?? 0) + us);
  }
  return { byPart, byFile, byFunction, busyUs };
}

export function formatProfile(profile: CpuProfile, title: string): string {
  const { byPart, byFile, byFunction, busyUs } = busyTime(profile);
  const table = (rows: ReadonlyMap<string, number>, count: number): string[] =>
    [...rows]
      .sort(([, a], [, b]) => b - a)
      .slice(0, count)
      .filter(([, us]) => us >= leastShare * busyUs)
      .map(([name, us]) => `${((100 * us) / busyUs).toFixed(1).padStart(6)} %  ${name}`);
  return [
    `${title}.`,
    `The data plane's thread, busy for ${(busyUs / 1e6).toFixed(2)} s of ${((profile.endTime - profile.startTime) / 1e6).toFixed(2)} s. Self time, as a share of the busy time.`,
    'Made by npm run bench -- --profile; the .cpuprofile beside it opens in the developer tools of a browser.',
    '',
    'By part',
    ...table(byPart, Number.POSITIVE_INFINITY),
    '',
    'By file',
    ...table(byFile, Number.POSITIVE_INFINITY),
    '',
    'By function',
    ...table(byFunction, shownFunctions),
    '',
  ].join('\n');
}
