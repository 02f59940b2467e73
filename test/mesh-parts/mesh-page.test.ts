// The page of a running mesh in a real browser: calls appear, and a changed split takes effect on it.
import test from 'ava';
import { runMesh } from '../../agent/mesh/mesh.ts';
import { findChromium, launchChromium } from '../admin-ui/chromium.ts';
import { demoMesh } from './demo-mesh.ts';

test('calls appear on the page, and a saved split moves them', async (t) => {
  const executable = findChromium();
  if (executable === undefined) {
    t.log('skipped: no Chromium was found; name one in CHROMIUM_PATH');
    t.pass();
    return;
  }
  const demo = await demoMesh();
  const mesh = await runMesh({
    configFile: demo.file,
    adminPort: 0,
    controlPlanePort: 0,
    log: () => {},
    print: () => {},
  });
  const browser = await launchChromium(executable);
  t.teardown(async () => {
    await browser.close();
    await mesh.close();
    demo.remove();
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(`http://127.0.0.1:${mesh.adminPort}/`);
  await page.getByText('Catalogue/GetProduct', { exact: false }).first().waitFor();
  await page.getByText('split 90%').waitFor();
  await page.getByText('catalogue-3').first().waitFor();
  demo.save('{ v1: 0, v2: 100 }');
  await page.getByText('split 100%').waitFor();
  // The share counts from the change on; a few calls are on their way to v1 when it is made.
  await page
    .locator('body')
    .filter({ hasText: /v2\s*split 100%\s*(?:[89]\d|100)%/ })
    .waitFor();
  t.deepEqual(complaints, []);
});
