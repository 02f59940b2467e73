// `npm run conformance`: asks judges who are not of this project what they think of the agent, and prints a table.
// `node test/conformance/run.ts NAME…` asks only those whose name contains one of the words. Exit code 1 where any case
// failed; what was skipped is told with its reason and fails nothing.
import { cCore } from './c-core.ts';
import { grpcGoEcho, grpcGoInterop } from './grpc-go.ts';
import { h2spec, h2specOverTls } from './h2spec.ts';
import { hold } from './hearing.ts';
import { hpackEncoder } from './hpack-encoder.ts';
import { hpackStories } from './hpack-stories.ts';
import type { Judge } from './judge.ts';
import { negative } from './negative.ts';

const judges: readonly Judge[] = [
  h2spec,
  h2specOverTls,
  hpackStories,
  hpackEncoder,
  grpcGoInterop,
  grpcGoEcho,
  negative,
  cCore,
];

process.exit(await hold(judges, process.argv.slice(2)));
