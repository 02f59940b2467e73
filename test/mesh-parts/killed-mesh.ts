// Started by a test to be killed: a whole mesh of the file that is given.
import { runMesh } from '../../agent/mesh/mesh.ts';

const [, , configFile = ''] = process.argv;
await runMesh({ configFile, adminPort: 0, controlPlanePort: 0, print: () => {}, log: () => {} });
console.log('up');
