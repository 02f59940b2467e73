import test from 'ava';
import { parseH2load } from '../../bench/load/h2load.ts';

const output = `starting benchmark...
Warm-up phase is over for thread #0.

finished in 2.00s, 235611.50 req/s, 32.35MB/s
requests: 471223 total, 471723 started, 471223 done, 471221 succeeded, 1 failed, 1 errored, 0 timeout
status codes: 471223 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 64.71MB (67856712) total, 1.80MB (1885012) headers (space savings 95.00%), 47.19MB (49478415) data
                     min         max         mean         sd        +/- sd
time for request:      123us     12.34ms      1.92ms       456us    70.00%
time for connect:      100us       200us       150us        30us    60.00%
`;

test('what h2load prints is read: calls, rate, mean latency in ms, failures, bytes', (t) => {
  t.deepEqual(parseH2load(output), {
    units: 471_221,
    callsPerSecond: 235_611.5,
    latencyMs: { mean: 1.92, p50: null, p99: null, p999: null },
    failed: 2,
    dataBytes: 49_478_415,
  });
});

test('a mean latency in microseconds or seconds is told in ms', (t) => {
  t.is(parseH2load(output.replace('1.92ms', '85us'))?.latencyMs?.mean, 0.085);
  t.is(parseH2load(output.replace('1.92ms', '1.50s'))?.latencyMs?.mean, 1500);
});

test('what is not the output of a run that ended is nothing', (t) => {
  t.is(parseH2load('starting benchmark...\n'), null);
});
