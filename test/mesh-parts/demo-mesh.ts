// The demo of mesh.yaml on ports that are free, in a folder of its own, so that tests can run it beside anything.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from './free-port.ts';

export interface DemoMesh {
  readonly file: string;
  /** Where customers call the shop. */
  readonly shopPort: number;
  /** Of every process of the mesh that listens: programs first, then the admin servers of the agents. */
  readonly ports: readonly number[];
  /** Saves the file with another split. */
  readonly save: (split: string) => void;
  readonly remove: () => void;
}

export async function demoMesh(): Promise<DemoMesh> {
  const folder = mkdtempSync(join(tmpdir(), 'demo-mesh-'));
  const ports = await freePorts(11);
  const [shop, one, two, three, shopIn, oneIn, twoIn, threeIn, outbound, shopAdmin, catalogueAdmin] = ports;
  const at = (port = 0) => `"127.0.0.1:${port}"`;
  const program = (name: string) => fileURLToPath(new URL(`../../examples/shop/${name}.ts`, import.meta.url));
  const file = join(folder, 'mesh.yaml');
  function save(split: string): void {
    writeFileSync(
      file,
      `services:
  shop:
    run: node ${program('shop')} --listen {app} --catalogue {outbound}
    instances:
      shop-1: { app: ${at(shop)}, agent: shop-agent, inbound: ${at(shopIn)} }
  catalogue:
    split: ${split}
    run: node ${program('catalogue')} --listen {app} --name {name} --version {version}
    instances:
      catalogue-1: { version: v1, app: ${at(one)}, agent: catalogue-agent, inbound: ${at(oneIn)} }
      catalogue-2: { version: v1, app: ${at(two)}, agent: catalogue-agent, inbound: ${at(twoIn)} }
      catalogue-3: { version: v2, app: ${at(three)}, agent: catalogue-agent, inbound: ${at(threeIn)} }
agents:
  shop-agent: { outbound: ${at(outbound)}, admin: ${at(shopAdmin)} }
  catalogue-agent: { admin: ${at(catalogueAdmin)} }
clients:
  traffic: { run: node ${program('traffic')} --rate 40 --shop 127.0.0.1:${shopIn} }
`,
    );
  }
  save('{ v1: 90, v2: 10 }');
  return {
    file,
    shopPort: shopIn ?? 0,
    ports: ports.filter((_, index) => index < 4 || index > 8),
    save,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
