// Started by a test to be killed: it starts the parts whose command lines it gets as JSON, and says their process ids.
import { MeshProcesses } from '../../agent/mesh/mesh-processes.ts';

const processes = new MeshProcesses(() => {}, false);
await processes.start(JSON.parse(process.argv[2] ?? '[]'));
console.log(JSON.stringify(processes.list().map(({ pid }) => pid)));
