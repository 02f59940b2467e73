// Reads Prometheus text 0.0.4 as strictly as the format allows, so that what is written can be checked as read.

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: { readonly name: string; readonly labels: Record<string, string>; readonly value: number }[];
}

/** Throws, with the line, where the text is not valid. */
export function parsePrometheus(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let name = '';
  let help: string | null = null;
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  for (const line of text.slice(0, -1).split('\n')) {
    const helpLine = /^# HELP ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    if (helpLine) {
      if (families.has(helpLine[1] ?? '')) throw new Error(`metric twice: ${line}`);
      [, name = '', help = ''] = helpLine;
      continue;
    }
    const typeLine = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)$/.exec(line);
    if (typeLine) {
      if (typeLine[1] !== name || help === null) throw new Error(`TYPE without its HELP: ${line}`);
      families.set(name, { type: typeLine[2] ?? '', help, samples: [] });
      help = null;
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    const family = families.get(name);
    if (!sample || family === undefined) throw new Error(`not a sample: ${line}`);
    const [, sampleName = '', labelText = '', valueText = ''] = sample;
    const suffix = sampleName.slice(name.length);
    const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    if (!sampleName.startsWith(name) || !suffixes.includes(suffix))
      throw new Error(`sample of another metric: ${line}`);
    const value = valueText === '+Inf' ? Number.POSITIVE_INFINITY : Number(valueText);
    if (Number.isNaN(value)) throw new Error(`no number: ${line}`);
    const labels = parseLabels(labelText, line);
    const key = JSON.stringify([sampleName, Object.entries(labels).sort()]);
    if (seen.has(key)) throw new Error(`series twice: ${line}`);
    seen.add(key);
    family.samples.push({ name: sampleName, labels, value });
  }
  return families;
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  const pair = /([a-zA-Z_]\w*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/y;
  while (pair.lastIndex < text.length) {
    const found = pair.exec(text);
    if (!found) throw new Error(`unsound labels: ${line}`);
    const [, name = '', value = ''] = found;
    if (name in labels) throw new Error(`label twice: ${line}`);
    labels[name] = value.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character));
  }
  return labels;
}
