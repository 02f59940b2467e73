// What is known of one named resource: pure, one step at a time.
//
//                     sent                 received
//   started ----------------> requested ---------------> received
//      ^  ^                     |  |  |                   |    ^
//      |  |   stream-broken     |  |  | timed-out removed |    |
//      |  +---------------------+  |  v                   v    |
//      |                  late     | does-not-exist <-----+    |
//      +--------------- overdue <--+     |     received        |
//        stream-broken     |             |                     |
//                          +-------------+---------------------+
//
// The resource timer runs in `requested` only, so it runs on a connected stream only, and only for a resource without
// data (gRFC A57, xds.md cases 46 to 49). What it means is the server's to say (`lateResource`, gRFC A88).

export type SubscriptionState =
  /** Wanted, and not asked for on the present stream. */
  | 'started'
  /** Asked for; the timer runs. */
  | 'requested'
  /** A response had it, valid or not. */
  | 'received'
  /** The server removed it, or did not send it in time; it may still come. */
  | 'does-not-exist'
  /** The server did not send it in time, and is one that says so when there is none. */
  | 'overdue';

export type SubscriptionEvent = 'sent' | 'received' | 'timed-out' | 'late' | 'removed' | 'stream-broken';

export function nextSubscriptionState(state: SubscriptionState, event: SubscriptionEvent): SubscriptionState {
  switch (event) {
    case 'sent':
      return state === 'started' ? 'requested' : state;
    case 'received':
      return 'received';
    case 'timed-out':
      return state === 'requested' ? 'does-not-exist' : state;
    case 'late':
      return state === 'requested' ? 'overdue' : state;
    case 'removed':
      return 'does-not-exist';
    case 'stream-broken':
      return state === 'requested' || state === 'overdue' ? 'started' : state;
  }
}

/** How long a server may take to send a resource before it counts as not existing, where its features say nothing else. */
export const doesNotExistMs = 15_000;
