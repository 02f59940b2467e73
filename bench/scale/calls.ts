// A few calls to one path, for the moment at which they begin to arrive where they should: so few that what is measured
// does not wait for a processor.
import http2, { type ClientHttp2Session } from 'node:http2';
import { AUTHORITY } from '../load/payload.ts';

/** Some at a time, so that each endpoint of a cluster has one soon. */
const callsPerMs = 5;

/** Calls until the end of it, which it answers. */
export function callSteadily(port: number, path: string): () => void {
  const session = connect(port);
  const timer = setInterval(() => {
    for (let call = 0; call < callsPerMs; call++) void isServed(session, path);
  }, 1);
  return () => {
    clearInterval(timer);
    session.destroy();
  };
}

/** Resolves once a call has been served. */
export async function untilServed(port: number, path: string): Promise<void> {
  const session = connect(port);
  while (!(await isServed(session, path))) await new Promise((resolve) => setTimeout(resolve, 20));
  session.destroy();
}

function connect(port: number): ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  // Its calls tell.
  session.on('error', () => {});
  return session;
}

/** Whether it came to an end with status OK. */
function isServed(session: ClientHttp2Session, path: string): Promise<boolean> {
  const head = { ':method': 'POST', ':path': path, ':authority': AUTHORITY };
  const call = session.request({ ...head, 'content-type': 'application/grpc', te: 'trailers' }, { endStream: true });
  call.resume();
  return new Promise((resolve) => {
    call.on('trailers', (trailers) => resolve(trailers['grpc-status'] === '0'));
    call.on('error', () => resolve(false));
    call.on('close', () => resolve(false));
  });
}
