// The table of docs/performance.md that says where the data plane's time goes: one row for each part, one column for
// each load that was profiled. It stands between two marks, so that no run leaves an older one behind.
import type { BusyTime, ProfilePart } from './cpu-profile.ts';

const BEGIN = '<!-- made by `npm run bench`: do not edit -->';
const END = '<!-- end -->';

const what: Readonly<Record<ProfilePart, string>> = {
  'header blocks': 'three in and three out: request, response head, trailers, each read, given a shape, written again',
  'streams and connections': 'the stream table, states, windows, what is told to whom',
  'reading and writing frames': 'frame headers, payload borders, slabs and slices',
  'the story of the call': '`agent/proxy`, `agent/grpc`',
  'directing, balancing, pools': 'mostly decided once a shape',
  'counters and histograms': '`agent/stats`',
  'the rest of the agent': 'deciding whether a call is recorded, and the like',
  'writing to sockets': 'the system call that writes what a connection is due',
  "Node's own JavaScript": '`net`, streams, ticks: around each read and write',
  'garbage collector': 'on this thread; what its helpers take is not in a profile',
  'other native code': 'reads from sockets, copies, the clock',
};

export interface ProfiledLoad {
  readonly title: string;
  readonly time: BusyTime;
}

/** The page with the table in its place. @throws Error where the page has no place for it. */
export function withProfileTable(page: string, loads: readonly ProfiledLoad[]): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`no place for the profile between '${BEGIN}' and '${END}'`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${formatTable(loads)}\n\n${page.slice(end)}`;
}

function formatTable(loads: readonly ProfiledLoad[]): string {
  const [first] = loads;
  const share = ({ byPart, busyUs }: BusyTime, part: ProfilePart): number => (100 * (byPart.get(part) ?? 0)) / busyUs;
  const parts = (Object.keys(what) as ProfilePart[]).sort((a, b) =>
    first === undefined ? 0 : share(first.time, b) - share(first.time, a),
  );
  const rows = parts.map((part) => {
    const shares = loads.map(({ time }) => share(time, part).toFixed(1));
    return `| ${[part, ...shares, what[part]].join(' | ')} |`;
  });
  const head = ['share of the busy time, %', ...loads.map(({ title }) => title), 'what it is'];
  return [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows].join('\n');
}
