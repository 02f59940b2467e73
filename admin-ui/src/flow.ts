// Moves the dots along the ways of the picture. Each path keeps its own offset, so that a change of speed never makes
// the dots jump, as restarting a CSS animation would.

import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/** Dots need no more than this; the machine that shows the page also runs the mesh. */
const frameMs = 1000 / 30;
/** A whole number of dash periods (14 px in the style sheet), so that wrapping round is not seen. */
const dashPeriods = 14 * 1000;
const slowest = 14;
const fastest = 110;

/** Pixels a second for a rate of calls: the logarithm, so that one call a second is seen beside a thousand. */
export function flowSpeed(callsPerSecond: number): number {
  if (callsPerSecond <= 0) return 0;
  return Math.min(fastest, slowest + 22 * Math.log2(1 + callsPerSecond));
}

/** Animates every `[data-flow]` path under `root` at that speed, unless the reader prefers no motion. */
export function useFlow(root: RefObject<SVGSVGElement | null>): void {
  useEffect(() => {
    const stillness = matchMedia('(prefers-reduced-motion: reduce)');
    const offsets = new WeakMap<Element, number>();
    let last = performance.now();
    let request = 0;
    const step = (now: number) => {
      request = requestAnimationFrame(step);
      if (now - last < frameMs || stillness.matches) return;
      // After a pause (a hidden tab) the dots go on from where they were.
      const seconds = Math.min(now - last, 100) / 1000;
      last = now;
      for (const path of root.current?.querySelectorAll<SVGPathElement>('[data-flow]') ?? []) {
        const offset = (offsets.get(path) ?? 0) - Number(path.dataset['flow']) * seconds;
        offsets.set(path, offset % dashPeriods);
        path.style.strokeDashoffset = offset.toFixed(1);
      }
    };
    request = requestAnimationFrame(step);
    return () => cancelAnimationFrame(request);
  }, [root]);
}
