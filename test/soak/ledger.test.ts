// When a soak counts a call as explained, and when the counts of three parties agree.
import test from 'ava';
import { breakerKind, type EndedCall, givenUp, Ledger, reconcile, refused } from './ledger.ts';

const ok: EndedCall = {
  plan: { kind: 'unary', code: 0, status: 0 },
  status: 0,
  message: '',
  isCorrupt: false,
  endedMs: 1000,
};
const asked: EndedCall = { ...ok, plan: { kind: 'status', code: 5, status: 5 }, status: 5 };
const lost: EndedCall = { ...ok, status: 14, message: 'blue: 127.0.0.1:4001 ended it: connection reset by the peer' };
const reset = {
  kind: 'connection reset',
  says: ['reset by the peer'],
  of: '127.0.0.1:4001',
  fromMs: 900,
  untilMs: 1100,
};

function ledgerOf(...calls: readonly EndedCall[]): Ledger {
  const ledger = new Ledger();
  ledger.fault(reset);
  for (const call of calls) ledger.end(call);
  return ledger;
}

test('a call is explained by its plan, by a fault of its endpoint at its time, or by its own client', (t) => {
  const ledger = ledgerOf();
  t.is(ledger.explain(ok), 'served');
  t.is(ledger.explain(asked), "the endpoint's status");
  t.is(ledger.explain(lost), 'connection reset');
  t.is(ledger.explain({ ...ok, status: -1, message: givenUp.cancel }), givenUp.cancel);
});

test('a call is not explained by a fault elsewhere or at another time, by another status, or when its bytes are wrong', (t) => {
  const ledger = ledgerOf(
    { ...lost, message: 'blue: 127.0.0.1:4002 ended it: connection reset by the peer' },
    { ...lost, message: 'blue: 127.0.0.1:4001 ended it: keepalive' },
    { ...lost, message: '' },
    { ...lost, message: refused },
    { ...lost, endedMs: 1101 },
    { ...lost, endedMs: 899 },
    { ...lost, status: 13 },
    { ...ok, isCorrupt: true },
    { ...asked, status: 0 },
    { ...ok, status: 5 },
    { ...ok, status: -1, message: 'the connection to the agent was lost' },
  );
  t.is(ledger.unexplainedCount, 11);
  t.is(ledger.unexplained.length, 11);
});

test('a call that was refused names nobody, and a GOAWAY that cut short what was on its way explains it', (t) => {
  const ledger = new Ledger();
  ledger.fault({
    kind: 'GOAWAY',
    says: ['GOAWAY NO_ERROR', refused],
    of: '127.0.0.1:4001',
    fromMs: 900,
    untilMs: 1100,
  });
  t.is(ledger.explain({ ...lost, message: refused }), 'GOAWAY');
});

test('counts agree where only what was given up is in doubt', (t) => {
  const cancelled = { ...ok, status: -1, message: givenUp.cancel };
  const ledger = ledgerOf(ok, ok, asked, lost, cancelled, { ...cancelled, message: givenUp.kill });
  t.deepEqual(reconcile(ledger, { 0: 2, 1: 2, 5: 1, 14: 1 }, { 0: 2, 5: 1 }, 0), []);
  t.deepEqual(reconcile(ledger, { 0: 3, 5: 1, 14: 1 }, { 0: 4, 5: 1 }, 0), [], 'a cut call may never have come');
});

test('a call that one party has not counted, or counted as something else, is a problem', (t) => {
  const ledger = ledgerOf(ok, ok, asked);
  t.is(reconcile(ledger, { 0: 2, 5: 1 }, { 0: 2 }, 0).length, 0);
  t.regex(
    reconcile(ledger, { 0: 2 }, { 0: 2 }, 0).join('; '),
    /made 3 calls .* saw 2; 1 calls ended with status 5 .* 0 for/,
  );
  t.regex(reconcile(ledger, { 0: 3 }, { 0: 3 }, 0).join('; '), /2 calls ended with status 0 .* 3 for the agent/);
  t.regex(
    reconcile(ledger, { 0: 2, 5: 1 }, { 0: 1 }, 0).join('; '),
    /endpoints answered 1 calls with OK, the agent passed on 2/,
  );
  t.regex(reconcile(ledger, { 0: 2, 5: 1 }, { 0: 4 }, 0).join('; '), /answered 4 .* 1 were lost/);
});

test('a call refused by max_requests is explained while the breaker of its cluster is tripped, and counted by both', (t) => {
  const message = 'blue: 9 calls are under way, of at most 4 (circuit_breakers.max_requests)';
  const refusal: EndedCall = { ...ok, status: 14, message };
  const ledger = new Ledger();
  ledger.fault({ kind: breakerKind, of: 'blue: ', says: ['of at most 4 ('], fromMs: 900, untilMs: 1100 });
  t.is(ledger.explain(refusal), breakerKind);
  t.is(ledger.explain({ ...refusal, endedMs: 1101 }), null);
  t.is(ledger.explain({ ...refusal, message: message.replace('blue', 'green') }), null);
  t.is(ledger.explain({ ...refusal, message: message.replace('4', '1024') }), null);
  ledger.end(refusal);
  t.deepEqual(reconcile(ledger, { 14: 1 }, {}, 1), []);
  for (const counted of [0, 2]) {
    t.deepEqual(reconcile(ledger, { 14: 1 }, {}, counted), [
      `1 calls were refused by max_requests for the clients, ${counted} for the agent`,
    ]);
  }
});
