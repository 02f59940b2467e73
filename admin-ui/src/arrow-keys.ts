// Up and down within a list of buttons. Tab then passes the whole list in one step, which matters when it has forty.

/** For the list's `onKeyDown`: moves the focus to the next or previous button, first or last with Home and End. */
export function moveByArrow(event: KeyboardEvent): void {
  const list = event.currentTarget;
  if (!(list instanceof HTMLElement) || !(event.target instanceof HTMLElement)) return;
  const buttons = [...list.querySelectorAll('button')];
  const index = buttons.indexOf(event.target as HTMLButtonElement);
  const next = destination(event.key, index, buttons.length);
  if (index < 0 || next === null) return;
  event.preventDefault();
  buttons[next]?.focus();
}

function destination(key: string, index: number, count: number): number | null {
  switch (key) {
    case 'ArrowDown':
      return Math.min(index + 1, count - 1);
    case 'ArrowUp':
      return Math.max(index - 1, 0);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return null;
  }
}
