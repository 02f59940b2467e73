// A canvas knows no custom properties, so colours of the style sheet are resolved for it, again whenever the reader's
// system turns dark or light.

import { useEffect, useState } from 'preact/hooks';

/** Answers what the browser makes of a CSS colour right now. */
export type ColourResolver = (colour: string) => string;

/** A resolver that changes its identity when the colour scheme does, so that what depends on it is drawn anew. */
export function useColourResolver(): ColourResolver {
  const [resolver, setResolver] = useState<ColourResolver>(createResolver);
  useEffect(() => {
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const renew = () => setResolver(createResolver);
    scheme.addEventListener('change', renew);
    return () => scheme.removeEventListener('change', renew);
  }, []);
  return resolver;
}

function createResolver(): ColourResolver {
  const resolved = new Map<string, string>();
  return (colour) => {
    const known = resolved.get(colour);
    if (known !== undefined) return known;
    const probe = document.createElement('span');
    probe.style.color = colour;
    document.body.append(probe);
    const answer = getComputedStyle(probe).color;
    probe.remove();
    resolved.set(colour, answer);
    return answer;
  };
}
