// What `--help` prints.
import { type Command, type Flag, HELP_FLAG } from './command-line.ts';

export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'outrigger: a gRPC service-mesh sidecar',
    '',
    'Usage: outrigger COMMAND [FLAGS]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'outrigger COMMAND --help says more. Exit codes: 0 done, 1 failed, 64 wrong usage.',
    '',
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const flags = [...command.flags, HELP_FLAG];
  const { operand } = command;
  const width = Math.max(...flags.map((flag) => spelling(flag).length));
  return [
    `outrigger ${command.name}: ${command.summary}`,
    '',
    ...command.details,
    ...(command.details.length > 0 ? [''] : []),
    ...(operand === undefined ? [] : [`  ${operand.name.padEnd(width)}  ${operand.help}`, '']),
    'Flags:',
    ...flags.map((flag) => `  ${spelling(flag).padEnd(width)}  ${flag.help}`),
    '',
  ].join('\n');
}

function spelling({ name, short, value }: Flag): string {
  const dashes = short === undefined ? `    --${name}` : `-${short}, --${name}`;
  return value === undefined ? dashes : `${dashes} ${value}`;
}
