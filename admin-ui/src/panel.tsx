// A framed part of the page with a heading; `name` is its anchor and where the style sheet finds its place.

import type { ComponentChildren } from 'preact';

interface Properties {
  readonly name: string;
  readonly title: string;
  readonly note?: string;
  readonly children: ComponentChildren;
}

export function Panel({ name, title, note, children }: Properties) {
  return (
    <section class={`panel panel-${name}`} id={name} aria-labelledby={`${name}-title`}>
      <header class="panel-header">
        <h2 id={`${name}-title`}>{title}</h2>
        {note !== undefined && <p>{note}</p>}
      </header>
      {children}
    </section>
  );
}
