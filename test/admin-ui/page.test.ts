// The page in a real browser: snapshots go in as the mesh's admin port would send them, and what stands on the page is
// compared with them. Skipped, with a message, where no Chromium is found.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { findChromium, launchChromium } from './chromium.ts';
import { FakeMeshServer } from './fake-mesh-server.ts';
import { ScriptedMesh } from './scripted-mesh.ts';

const executable = findChromium();
// One after the other: pages that share two cores only wait for each other.
const inBrowser = executable === undefined ? test.skip : test.serial;
if (executable === undefined) {
  test('the page is shown by a browser', (t) => {
    t.log('skipped: no Chromium was found; name one in CHROMIUM_PATH');
    t.pass();
  });
}

let folder: string;
let browser: Browser;

test.before(async () => {
  if (executable === undefined) return;
  folder = await mkdtemp(join(tmpdir(), 'outrigger-page-'));
  // Of its own, so that the test judges the sources as they are and disturbs no build beside it.
  await build({
    root: fileURLToPath(new URL('../../admin-ui', import.meta.url)),
    build: { outDir: folder, emptyOutDir: true },
    logLevel: 'warn',
  });
  browser = await launchChromium(executable);
});

test.after.always(async () => {
  await browser?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

interface Scene {
  readonly page: Page;
  readonly server: FakeMeshServer;
  readonly mesh: ScriptedMesh;
  readonly url: string;
}

/** Plays a scene on a page of its own, and fails where the page complained or left its origin. */
async function play(
  t: ExecutionContext,
  scene: (parts: Scene) => Promise<void>,
  { mesh = new ScriptedMesh(), width = 1280, expectedErrors = /^$/ } = {},
): Promise<void> {
  const server = new FakeMeshServer(folder);
  const url = await server.listen();
  const page = await browser.newPage({ viewport: { width, height: 800 } });
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !expectedErrors.test(message.text())) {
      complaints.push(message.text());
    }
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) strangers.push(request.url());
  });
  try {
    await page.goto(url);
    await scene({ page, server, mesh, url });
    t.deepEqual(complaints, [], 'the console stays empty');
    t.deepEqual(strangers, [], 'nothing is asked of another origin');
  } finally {
    await page.close();
    await server.close();
  }
}

// As a reader sees it, where cells and blocks stand apart; `textContent` would run them together.
const text = async (page: Page, selector: string) => {
  // biome-ignore lint/performance/useDomNodeTextContent: what is wanted is the rendered text.
  const rendered = await page.locator(selector).innerText();
  return rendered.replace(/\s+/g, ' ');
};

/** Waits until the text of `selector` matches. */
async function seen(page: Page, selector: string, pattern: RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: pattern }).first().waitFor();
}

inBrowser('before the first snapshot the page says that it is connecting', (t) =>
  play(t, async ({ page, server, mesh }) => {
    await seen(page, '[role=status]', /^connecting$/);
    server.push(mesh.next());
    await seen(page, '[role=status]', /^live$/);
    t.true(await page.locator('#topology').isVisible());
  }),
);

inBrowser('the numbers of a snapshot stand on the page', (t) =>
  play(t, async ({ page, server, mesh }) => {
    const snapshot = mesh.advance(30);
    server.push(snapshot);
    await seen(page, '[role=status]', /^live$/);

    const entering = snapshot.edges.find(({ from }) => from === 'traffic');
    t.is(await text(page, '[data-total=calls]'), entering?.callsPerSecond.toFixed(1) ?? 'absent');
    t.regex(await text(page, '[data-total=config]'), /^7 /);
    for (const { method, callsPerSecond, p50Ms } of snapshot.methods) {
      const row = await text(page, `[data-method="${method}"]`);
      t.true(row.includes(` ${callsPerSecond.toFixed(1)} `), `${method}: ${row}`);
      t.true(row.includes(`${p50Ms?.toPrecision(3)} ms`), `${method}: ${row}`);
    }
    await page.locator('.topology-rate').first().waitFor();
    const drawn = await page.locator('.topology-rate').allTextContents();
    for (const { callsPerSecond } of snapshot.services.flatMap(({ endpoints }) => endpoints)) {
      t.true(drawn.includes(`${callsPerSecond.toFixed(1)}/s`), `${callsPerSecond} is drawn in ${drawn.join(' ')}`);
    }
    t.regex(await text(page, '#agents'), /shop-agent ready connected 7 catalogue-agent ready connected 7/);
    t.is(await page.locator('.chart canvas').count(), 2);
  }),
);

inBrowser('the bars stand at the configured split, and a changed split moves them at once', (t) =>
  play(t, async ({ page, server, mesh }) => {
    server.push(mesh.advance(30));
    await seen(page, '[data-version=v2] .bars-line', /split 10%\s*10%/);
    server.push(mesh.next());
    const filled = (version: string) =>
      page.locator(`[data-version=${version}] .bars-track .bars-fill`).getAttribute('style');
    t.regex((await filled('v1')) ?? '', /scaleX\(0\.9/);
    t.regex((await filled('v2')) ?? '', /scaleX\(0\.(?:1|09)/);

    mesh.split(50, 50);
    server.push(mesh.next());
    await seen(page, '[data-version=v2] .bars-line', /split 50%\s*50%/);
    await seen(page, '[data-endpoint=catalogue-3]', /50%/);
    await seen(page, '[data-endpoint=catalogue-1]', /25%/);
    t.regex((await filled('v1')) ?? '', /scaleX\(0\.(?:5|49)/);
  }),
);

inBrowser('a click on a trace opens its waterfall, each span beneath and within its parent', (t) =>
  play(t, async ({ page, server, mesh }) => {
    const snapshot = mesh.advance(20);
    server.push(snapshot);
    const wanted = snapshot.traces[7];
    if (wanted === undefined) return t.fail('the scripted mesh has no eighth trace');
    await page.locator(`[data-trace="${wanted.traceId}"]`).click();
    await seen(page, '.waterfall code', new RegExp(wanted.traceId));

    const rows = page.locator('.waterfall .span');
    const depths = await rows.evaluateAll((spans) => spans.map((span) => span.getAttribute('data-depth')));
    t.deepEqual(depths, ['0', '1', '2', '3', '4']);
    const ids = await rows.evaluateAll((spans) => spans.map((span) => span.getAttribute('data-span')));
    t.deepEqual(
      ids,
      wanted.spans.map(({ spanId }) => spanId),
    );
    const bars = await Promise.all((await page.locator('.span-bar').all()).map((bar) => bar.boundingBox()));
    for (const [index, bar] of bars.entries()) {
      const parent = bars[index - 1];
      if (bar === null || parent === null || parent === undefined) continue;
      t.true(bar.x >= parent.x - 1 && bar.x + bar.width <= parent.x + parent.width + 1, `span ${index} lies within`);
    }
  }),
);

inBrowser('a chosen span shows its attributes and events, by keyboard alone', (t) =>
  play(t, async ({ page, server, mesh }) => {
    server.push(mesh.advance(5));
    await page.locator('.waterfall .span').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await seen(page, '.span-details h4', /demo\.catalogue\.Catalogue\/GetProduct/);
    const details = await text(page, '.span-details');
    t.regex(details, /shop-agent · client/);
    t.regex(details, /rpc\.system\.name grpc/);
    t.regex(details, /outrigger\.attempt endpoint 127\.0\.0\.1:15061/);
  }),
);

inBrowser('the list of traces holds still under the pointer, and goes on when it leaves', (t) =>
  play(t, async ({ page, server, mesh }) => {
    server.push(mesh.advance(20));
    const first = page.locator('.trace').first();
    await first.hover();
    const before = await first.getAttribute('data-trace');
    server.push(mesh.next());
    await seen(page, '.trace-list-state', /2 newer/);
    t.is(await first.getAttribute('data-trace'), before);
    await page.mouse.move(5, 5);
    await seen(page, '.trace-list-state', /Newest first/);
    t.not(await first.getAttribute('data-trace'), before);
  }),
);

inBrowser('a lost stream says reconnecting and keeps the numbers, then goes on by itself', (t) =>
  play(
    t,
    async ({ page, server, mesh }) => {
      server.push(mesh.advance(10));
      await seen(page, '[role=status]', /^live$/);
      server.refuse();
      await seen(page, '[role=status]', /^reconnecting$/);
      t.true(await page.locator('[data-method]').first().isVisible());
      server.accept();
      await seen(page, '[role=status]', /^live$/);
    },
    // The browser itself reports the refused request.
    { expectedErrors: /503|ERR_/ },
  ),
);

inBrowser('a refused save is told with file, line and reason until a good one', (t) =>
  play(t, async ({ page, server, mesh }) => {
    mesh.saveBroken([{ line: 14, column: 7, message: 'unknown key "splitt"; did you mean "split"?' }]);
    server.push(mesh.next());
    await seen(page, '[role=alert]', /mesh\.yaml:14:7\s*unknown key "splitt"; did you mean "split"\?/);
    mesh.split(70, 30);
    server.push(mesh.next());
    await page.locator('[role=alert]').waitFor({ state: 'detached' });
    t.pass();
  }),
);

inBrowser('what is offered to be killed has another of its version to take its calls', (t) =>
  play(t, async ({ page, server, mesh }) => {
    server.push(mesh.next());
    await seen(page, '.try', /kill 41202[\s\S]* ends catalogue-2\. The others of v1 take its calls/);
    mesh.kill('catalogue-1');
    server.push(mesh.advance(2));
    await seen(page, '.try', /Stop one of several endpoints of a version/);
    t.pass();
  }),
);

inBrowser('a dead endpoint and a lost agent are named as such', (t) =>
  play(t, async ({ page, server, mesh }) => {
    mesh.kill('catalogue-3');
    mesh.loseAgent('catalogue-agent');
    server.push(mesh.advance(2));
    await seen(page, '[data-endpoint=catalogue-3]', /down/);
    t.is(await page.locator('#topology .is-down').count(), 1);
    t.is(await page.locator('#topology .is-troubled').count(), 1);
    t.regex(await text(page, '#agents'), /catalogue-agent not answering/);
    t.regex(await text(page, '.try'), /kill 41202/, 'what is offered to be killed is still alive');
  }),
);

inBrowser('a mesh without a call yet says so', (t) =>
  play(
    t,
    async ({ page, server, mesh }) => {
      server.push(mesh.next());
      await seen(page, '#traces', /No traces yet/);
      await seen(page, '.chart', /No calls yet/);
      mesh.wake();
      server.push(mesh.next());
      await page.locator('.trace').first().waitFor();
      t.is(await page.locator('.chart-empty').count(), 0);
    },
    { mesh: new ScriptedMesh().sleep() },
  ),
);

for (const width of [360, 700, 1280]) {
  inBrowser(`nothing reaches beyond a window of ${width} pixels`, (t) =>
    play(
      t,
      async ({ page, server, mesh }) => {
        mesh.kill('catalogue-3');
        mesh.loseAgent('catalogue-agent');
        server.push(mesh.advance(10));
        await page.locator('.waterfall').waitFor();
        t.is(await page.evaluate('document.documentElement.scrollWidth'), width);
      },
      { width },
    ),
  );
}
