// `outrigger explain`: which route takes a call, asked of a running agent, or of a file.
import { imagineCall } from '../grpc/imagined-call.ts';
import { ADMIN_FLAG, request } from './ask.ts';
import { type Command, type FlagValues, UsageError } from './command-line.ts';
import { readConfigFile, readStaticConfig } from './config-file.ts';

export const explainCommand: Command = {
  name: 'explain',
  summary: 'which route takes a call, and why the ones before it did not: of a running agent, or of a file',
  details: [
    'Of a file: outrigger explain -c agent.yaml /shop.Cart/Add --authority api.example.com -H x-canary:1',
    'Of an agent: outrigger explain --listener outbound --authority catalogue /demo.Catalogue/GetProduct',
  ],
  operand: { name: 'PATH', help: 'the :path of the call, /package.Service/Method' },
  flags: [
    { name: 'config', short: 'c', value: 'FILE', help: 'ask this file in place of a running agent' },
    ADMIN_FLAG,
    { name: 'listener', value: 'NAME', help: 'the listener that the call arrives at (of a file: each, if not given)' },
    { name: 'authority', value: 'NAME', help: 'its :authority' },
    { name: 'path', value: 'PATH', help: 'its :path, in place of PATH' },
    { name: 'header', short: 'H', value: 'NAME:VALUE', help: 'a header that it carries; as often as there are' },
  ],
  run: async (flags) => {
    const file = flags.text('config');
    return file === undefined ? askAgent(flags) : explainFile(flags, file);
  },
};

function askAgent(flags: FlagValues): Promise<number> {
  const query = new URLSearchParams();
  const path = flags.operand ?? flags.text('path');
  if (path !== undefined) query.set('path', path);
  for (const name of ['listener', 'authority']) {
    const value = flags.text(name);
    if (value !== undefined) query.set(name, value);
  }
  for (const header of flags.texts('header')) query.append('header', header);
  return request(flags, 'GET', `/explain?${query}`);
}

async function explainFile(flags: FlagValues, file: string): Promise<number> {
  const path = flags.operand ?? flags.text('path');
  if (path === undefined) throw new UsageError('explain wants the path of a call: /package.Service/Method');
  const fields = imagineCall(path, flags.text('authority') ?? 'localhost', flags.texts('header'));
  if (typeof fields === 'string') throw new UsageError(`--header takes NAME:VALUE, not '${fields}'`);
  const { resources, problems } = readStaticConfig(await readConfigFile(file), file, process.env);
  if (problems.length > 0) throw new Error(`${file} is not sound:\n${problems.join('\n')}`);
  const { explainResources } = await import('./explain-resources.ts');
  for (const line of explainResources(resources, flags.text('listener'), fields)) process.stdout.write(`${line}\n`);
  return 0;
}
