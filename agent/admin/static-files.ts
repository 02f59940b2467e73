// The files of the page, from the folder that Vite built.
import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import type { AdminAnswer } from './admin-http.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
};

/** The page may load and ask nothing but what it came from, and nobody may frame it. */
const HEADERS = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};

/** The file at a URL path (`/` is index.html), or `null` where there is none inside of `folder`. */
export async function readStaticFile(folder: string, path: string): Promise<AdminAnswer | null> {
  let name: string;
  try {
    name = decodeURIComponent(path === '/' ? '/index.html' : path);
  } catch {
    return null;
  }
  const file = normalize(join(folder, name));
  const type = TYPES[extname(file)];
  if (!file.startsWith(normalize(folder + sep)) || type === undefined || name.includes('\0')) return null;
  try {
    return { kind: 'whole', status: 200, type, body: await readFile(file), headers: HEADERS };
  } catch {
    return null;
  }
}
