// What the log looks like.
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createLogger, logLevelFromEnv } from '../../agent/telemetry/log.ts';

test('log lines are JSON for programs and one line for people, whatever a peer put into them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-log-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const write = async (human: boolean) => {
    const file = join(folder, String(human));
    const fd = openSync(file, 'w');
    const logger = createLogger({ level: 'info', fd, human, colours: false });
    logger.log('debug', 'not this');
    logger.log('info', 'listener bound', { port: 15001, host: '::1' });
    logger.log('warn', 'peer says\n\u001b[31mboo', { reason: 'two words\r\n', list: [1, 'a'] });
    logger.setLevel('debug');
    logger.log('debug', 'now this');
    closeSync(fd);
    return (await readFile(file, 'utf8')).split('\n');
  };
  const [first, second, third, end] = (await write(false)).map((line) => (line === '' ? null : JSON.parse(line)));
  t.like(first, { level: 'info', msg: 'listener bound', port: 15001, host: '::1' });
  t.regex(first.time, /^\d{4}-\d\d-\d\dT/);
  t.like(second, { level: 'warn', reason: 'two words\r\n' });
  t.is(third.msg, 'now this');
  t.is(end, null);
  const human = await write(true);
  t.is(human.length, 4);
  t.regex(human[0] ?? '', /^\d\d:\d\d:\d\d\.\d{3} info {2}listener bound port=15001 host=::1$/);
  t.regex(human[1] ?? '', /warn {2}peer says\\u000a\\u001b\[31mboo reason="two words\\r\\n" list=\[1,"a"\]$/);
});

test('OUTRIGGER_LOG_LEVEL names a level, in any case of letters', (t) => {
  t.is(logLevelFromEnv({ OUTRIGGER_LOG_LEVEL: 'Debug' }), 'debug');
  t.is(logLevelFromEnv({ OUTRIGGER_LOG_LEVEL: 'loud' }), null);
  t.is(logLevelFromEnv({}), null);
});
