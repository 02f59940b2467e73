// The stories of http2jp/hpack-test-case: blocks as many encoders wrote them, with the fields that must come out. The
// project holds no copy and no registry has them, so they are read from a checkout that somebody put in place.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { HeaderShapes } from '../../agent/http2/index.ts';
import { type Judge, PEERS, type Verdict, verdictOf } from './judge.ts';

interface Story {
  readonly cases: readonly {
    readonly wire?: string;
    readonly header_table_size?: number | null;
    readonly headers: readonly Readonly<Record<string, string>>[];
  }[];
}

/** The folder of a checkout. */
const STORIES: string = process.env['HPACK_STORIES'] ?? `${PEERS}hpack-test-case`;

/** The fields of each block of a story, in order. */
function blocksOf({ cases }: Story): [name: string, value: string][][] {
  return cases.map(({ headers }) => headers.map((field) => Object.entries(field)[0]!));
}

async function readStory(path: string): Promise<Story> {
  return JSON.parse(await readFile(`${STORIES}/${path}`, 'utf8')) as Story;
}

/** Paths of all stories below the folder of the checkout. */
async function listStories(): Promise<string[]> {
  const paths = await readdir(STORIES, { recursive: true });
  return paths.filter((path) => /story_\d+\.json$/.test(path)).sort();
}

/** A shape may put fields of different names in an order of its own, never those of one name (RFC 9110, section 5.3). */
function byName(fields: readonly [name: string, value: string][]): [name: string, value: string][] {
  return fields.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function decodeStory(story: Story): void {
  const largest = story.cases.reduce((size, { header_table_size: own }) => Math.max(size, own ?? 0), 4096);
  const decoder = new HeaderShapes().createDecoder({
    maxTableBytes: largest,
    maxListBytes: 2 ** 24,
    maxFields: 10_000,
  });
  blocksOf(story).forEach((expected, i) => {
    const wire = Buffer.from(story.cases[i]!.wire ?? '', 'hex');
    const block = decoder.decode(wire, 0, wire.length);
    if (block === null) throw new Error(`block ${i}: ${decoder.error}`);
    const [decoded, wanted] = [block.entries(), expected].map((fields) => JSON.stringify(byName(fields)));
    if (decoded !== wanted) throw new Error(`block ${i} came out as ${decoded} instead of ${wanted}`);
  });
}

async function judge(): Promise<readonly Verdict[]> {
  if (!existsSync(STORIES)) {
    const reason =
      'no stories: check out http2jp/hpack-test-case to node_modules/.cache/peers/hpack-test-case, or name its folder in HPACK_STORIES';
    return [{ kind: 'skipped', name: 'all', reason }];
  }
  const verdicts: Verdict[] = [];
  for (const path of await listStories()) {
    const story = await readStory(path);
    // raw-data has fields to encode and nothing to decode.
    if (story.cases.some(({ wire }) => wire !== undefined)) {
      verdicts.push(await verdictOf(path, async () => decodeStory(story)));
    }
  }
  return verdicts;
}

export const hpackStories: Judge = { name: 'hpack-test-case, decoded by us', judge };
