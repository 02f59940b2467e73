// Calls that are tried again because their director says so (gRFC A6).
import { once } from 'node:events';
import type http2 from 'node:http2';
import type * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { type CallObserver, type ObservedCall, type Retry, status } from '../../agent/index.ts';
import { answerOk, failureOf, metadata, startProxy, startRawEndpoint } from './proxies.ts';

const hello = Buffer.from('hello');
const soon: Retry = { maxAttempts: 3, initialBackoffMs: 1, maxBackoffMs: 2 };

type Answer = (stream: http2.ServerHttp2Stream) => void;

/** Trailers-only. */
function failWith(code: number, fields: http2.OutgoingHttpHeaders = {}): Answer {
  return (stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(code), ...fields },
      {
        endStream: true,
      },
    );
  };
}

/** An endpoint that answers as told, one call after the other, and then well; and a proxy whose director retries. */
async function startRetrying(t: ExecutionContext, answers: readonly Answer[], retry: Retry = soon) {
  const ended: ObservedCall[] = [];
  const bodies: Buffer[] = [];
  const queue = [...answers];
  const endpoint = await startRawEndpoint(t, (stream) => {
    const answer = queue.shift() ?? answerOk;
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => bodies.push(Buffer.concat(chunks)));
    answer(stream);
  });
  const observer: CallObserver = { callStarted: () => {}, callRouted: () => {}, callEnded: (call) => ended.push(call) };
  const proxy = await startProxy(t, {
    observers: [observer],
    director: () => ({ target: `127.0.0.1:${endpoint.port}`, retry }),
  });
  return { proxy, endpoint, ended, bodies };
}

test('a call that fails is tried again, whole, and the endpoint is told how often', async (t) => {
  const { proxy, endpoint, ended, bodies } = await startRetrying(t, [failWith(14), failWith(14)]);
  await proxy.client().unary(hello, metadata({ 'x-key': 'v' }));
  t.deepEqual(
    endpoint.heads.map((head) => head['grpc-previous-rpc-attempts']),
    [undefined, '1', '2'],
  );
  t.deepEqual(
    endpoint.heads.map((head) => head['x-key']),
    ['v', 'v', 'v'],
  );
  t.is(bodies.at(-1)?.subarray(5).toString(), 'hello');
  t.is(ended[0]?.attempts.length, 3);
  t.true(ended[0]?.attempts.every(({ sentMs, firstByteMs }) => firstByteMs >= sentMs));
  t.is(ended[0]?.status, 0);
  t.is(ended[0]?.flag, '-');
});

test('attempts of a client that retries itself are counted along', async (t) => {
  const { proxy, endpoint } = await startRetrying(t, [failWith(14)]);
  await proxy.client().unary(hello, metadata({ 'grpc-previous-rpc-attempts': '2' }));
  t.deepEqual(
    endpoint.heads.map((head) => head['grpc-previous-rpc-attempts']),
    ['2', '3'],
  );
});

test('the last failure passes as it came, once all attempts are used up', async (t) => {
  const last = failWith(14, { 'grpc-message': 'the last one', 'x-why': 'because' });
  const { proxy, endpoint, ended } = await startRetrying(t, [failWith(14), failWith(14), last]);
  t.deepEqual(await failureOf(proxy.client().unary(hello)), { code: 14, details: 'the last one' });
  t.is(endpoint.heads.length, 3);
  t.is(ended[0]?.flag, 'URX');
});

test('another code is not tried again, nor is anything once the answer has begun', async (t) => {
  const begun: Answer = (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '14' }));
    stream.end();
  };
  const { proxy, endpoint } = await startRetrying(t, [failWith(13), begun]);
  t.is((await failureOf(proxy.client().unary(hello))).code, status.INTERNAL);
  t.is((await failureOf(proxy.client().unary(hello))).code, status.UNAVAILABLE);
  t.is(endpoint.heads.length, 2);
});

test('a lost connection is tried again, and so is an endpoint that speaks no gRPC for a moment', async (t) => {
  const lost: Answer = (stream) => stream.session?.destroy();
  const gateway: Answer = (stream) => {
    stream.respond({ ':status': 503, 'content-type': 'text/html' });
    stream.end('<html>');
  };
  const { proxy, endpoint } = await startRetrying(t, [lost, gateway]);
  await proxy.client().unary(hello);
  t.is(endpoint.heads.length, 3);
});

test('what the endpoint says of the wait goes before the policy: at once, or never', async (t) => {
  const slow: Retry = { maxAttempts: 5, initialBackoffMs: 1_000_000, maxBackoffMs: 1_000_000 };
  const now = failWith(14, { 'grpc-retry-pushback-ms': '1' });
  const never = failWith(14, { 'grpc-retry-pushback-ms': '-1' });
  const { proxy, endpoint } = await startRetrying(t, [now, never], slow);
  t.is((await failureOf(proxy.client().unary(hello))).code, status.UNAVAILABLE);
  t.is(endpoint.heads.length, 2);
});

test('a wait that would outlast the deadline is not begun', async (t) => {
  const slow: Retry = { maxAttempts: 5, initialBackoffMs: 60_000, maxBackoffMs: 60_000 };
  const { proxy, endpoint } = await startRetrying(t, [failWith(14, { 'grpc-message': 'first' })], slow);
  const failed = await failureOf(proxy.client().unary(hello, undefined, { deadline: Date.now() + 10_000 }));
  t.deepEqual(failed, { code: 14, details: 'first' });
  t.is(endpoint.heads.length, 1);
});

test('a request that is larger than what is kept is not tried again', async (t) => {
  const whole: Answer = (stream) => {
    stream.on('end', () => failWith(14)(stream));
  };
  const { proxy, endpoint } = await startRetrying(t, [answerOk, whole]);
  const client = proxy.client();
  await client.unary(hello);
  t.is((await failureOf(client.unary(Buffer.alloc(200_000)))).code, status.UNAVAILABLE);
  t.is(endpoint.heads.length, 2);
});

test('a stream that fails before its answer begins goes on where it was, with what its client sends meanwhile', async (t) => {
  const { proxy, endpoint, bodies } = await startRetrying(t, [failWith(14)], {
    maxAttempts: 2,
    initialBackoffMs: 50,
    maxBackoffMs: 50,
  });
  const client = proxy.client();
  const messages = ['a', 'b', 'c'].map((text) => Buffer.from(text));
  await client.clientStream(messages);
  t.is(endpoint.heads.length, 2);
  t.deepEqual(
    bodies.at(-1),
    Buffer.concat(messages.flatMap((message) => [Buffer.from([0, 0, 0, 0, message.length]), message])),
  );
});

test('what a client sends while its call waits goes out with the next attempt, however much it is', async (t) => {
  let onFailed: () => void = () => {};
  const failed = new Promise<void>((resolve) => {
    onFailed = resolve;
  });
  const failing: Answer = (stream) => {
    failWith(14, { 'grpc-retry-pushback-ms': '300' })(stream);
    onFailed();
  };
  const whole: Answer = (stream) => {
    stream.on('end', () => answerOk(stream));
  };
  const { proxy, endpoint, bodies } = await startRetrying(t, [failing, answerOk, whole]);
  const client = proxy.client();
  const call = client.bidi();
  const over = once(call.resume(), 'end');
  call.write(hello);
  await failed;
  // Behind the failure on the same connection: once this one is answered, the failure has been read.
  await client.unary(hello);
  call.write(Buffer.alloc(150_000, 1));
  call.end();
  await over;
  t.is(endpoint.heads.length, 3);
  t.is(bodies.at(-1)?.length, 5 + hello.length + 5 + 150_000);
});

test('a client that cancels while its call waits is the end of it', async (t) => {
  let onFailed: () => void = () => {};
  const failed = new Promise<void>((resolve) => {
    onFailed = resolve;
  });
  const failing: Answer = (stream) => {
    failWith(14)(stream);
    onFailed();
  };
  const slow: Retry = { maxAttempts: 2, initialBackoffMs: 60_000, maxBackoffMs: 60_000 };
  const { proxy, endpoint, ended } = await startRetrying(t, [failing], slow);
  const call = proxy.client().bidi();
  const ending = new Promise<grpc.StatusObject>((resolve) => {
    call.on('error', () => {});
    call.on('status', resolve);
  });
  call.write(hello);
  await failed;
  // Behind the answer that is waited for no other comes: a call of the same connection shows that it has been read.
  await proxy.client().unary(hello);
  call.cancel();
  t.is((await ending).code, status.CANCELLED);
  t.is(endpoint.heads.length, 2);
  await proxy.proxy.drain();
  t.deepEqual(new Set(ended.map((one) => one.status)), new Set([status.OK, status.CANCELLED]));
});

test('a policy that makes no sense is the fault of its director', async (t) => {
  const wrong: Retry[] = [
    { maxAttempts: 1 },
    { maxAttempts: 6 },
    { maxAttempts: 2, statuses: [0] },
    { maxAttempts: 2, initialBackoffMs: 0 },
    { maxAttempts: 2, initialBackoffMs: 10, maxBackoffMs: 5 },
    { maxAttempts: 2, backoffMultiplier: 0.5 },
  ];
  const proxy = await startProxy(t, {
    director: ({ authority }) => ({ target: '127.0.0.1:1', retry: wrong[Number(authority)]! }),
  });
  for (const at of wrong.keys()) t.is((await failureOf(proxy.client(String(at)).unary(hello))).code, status.INTERNAL);
  t.true(proxy.logged.every(({ fields }) => /retry\./.test(String(fields['error']))));
});
