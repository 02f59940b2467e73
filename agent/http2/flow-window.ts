// The arithmetic of flow control (RFC 9113 sections 5.2 and 6.9). Pure: windows are plain numbers on their owners.
//
// A stream's window for sending is kept as its credit: what WINDOW_UPDATEs have granted less what was sent. Its window
// is that plus the peer's SETTINGS_INITIAL_WINDOW_SIZE of the moment. So a changed setting changes every stream's window
// at the cost of one assignment, and a window becomes negative by itself (section 6.9.2).
//
//   initial 65535, 60000 sent: credit -60000, window  5535
//   SETTINGS: initial 16384:   credit -60000, window -43616
//   WINDOW_UPDATE +50000:      credit -10000, window  6384
import { max31 } from './frame.ts';

/** RFC 9113 section 6.9.2: what every window is before SETTINGS and WINDOW_UPDATE say otherwise. */
export const initialWindowBytes = 65_535;

/** How many bytes a stream may send now; may be negative. */
export function streamSendWindow(credit: number, peerInitialWindow: number): number {
  return credit + peerInitialWindow;
}

/** True when a WINDOW_UPDATE, or a larger initial window, takes a window beyond 2^31 - 1 (RFC 9113 section 6.9.1). */
export function isWindowOverflow(window: number): boolean {
  return window > max31;
}

/**
 * What is to be given back of `unreturned` bytes of a window of `limit`: all of it once that is half of the window,
 * else 0. Fewer, larger updates: a peer may count them as a flood, and half a window is left to send in the meantime.
 */
export function dueIncrement(unreturned: number, limit: number): number {
  return unreturned * 2 >= limit ? unreturned : 0;
}

/**
 * By how much a peer may still exceed our window because it has not seen our SETTINGS (RFC 9113 section 6.9.3): until
 * it acknowledges them, it may hold each stream's window to be 65535.
 */
export function unacknowledgedSlack(settingsAcknowledged: boolean, limit: number): number {
  return settingsAcknowledged ? 0 : Math.max(0, initialWindowBytes - limit);
}
