// `grpc-js-load.ts HOST:PORT,HOST:PORT AUTHORITY [wait]`: the client on grpc-js as a program of its own, which goes on until
// its standard input ends. Prints `calls N ENDPOINTS` as the clients of the other stacks do.
import { buffer } from 'node:stream/consumers';
import { LoadClient } from './load-clients.ts';

const [addresses = '', authority = '', wait] = process.argv.slice(2);
const client = LoadClient.onGrpcJs({ addresses: addresses.split(','), authority, waitForReady: wait === 'wait' });
client.onProgress = ({ calls, endpoints }) => void process.stdout.write(`calls ${calls} ${endpoints.join()}\n`);
await buffer(process.stdin);
process.stderr.write(await client.end());
