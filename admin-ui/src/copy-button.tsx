// Puts a line into the clipboard and says that it did. Not shown where the browser has no clipboard to offer.

import { useEffect, useState } from 'preact/hooks';

export function CopyButton({ text }: { readonly text: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [isCopied]);
  // Absent from pages that came over plain HTTP from another machine.
  if (navigator.clipboard === undefined) return null;
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <button type="button" class="copy" aria-label={`Copy: ${text}`} onClick={copy}>
      {isCopied ? 'copied' : 'copy'}
    </button>
  );
}
