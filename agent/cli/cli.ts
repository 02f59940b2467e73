// The command line: finds the command, reads its flags, runs it, and turns what went wrong into one sentence and a code.

import { askCommands } from './ask.ts';
import { type Command, didYouMean, parseFlags, UsageError } from './command-line.ts';
import { controlPlaneCommand } from './control-plane.ts';
import { explainCommand } from './explain.ts';
import { commandHelp, programHelp } from './help.ts';
import { injectCommand, preflightCommand, uninjectCommand } from './inject.ts';
import { iptablesCommand } from './iptables.ts';
import { meshCommand } from './mesh.ts';
import { runCommand } from './run.ts';
import { schemaCommand } from './schema.ts';
import { validateCommand } from './validate.ts';
import { webhookCommand } from './webhook.ts';

/** What a command runs is loaded when it runs, so that help and mistakes are answered at once. */
export const COMMANDS: readonly Command[] = [
  runCommand,
  meshCommand,
  controlPlaneCommand,
  validateCommand,
  schemaCommand,
  explainCommand,
  injectCommand,
  uninjectCommand,
  preflightCommand,
  webhookCommand,
  iptablesCommand,
  ...askCommands,
];

const EXIT_DONE = 0;
const EXIT_FAILED = 1;
/** EX_USAGE of sysexits.h. */
const EXIT_USAGE = 64;

/** Runs `args` (without node and the script) to the end; answers the exit code. */
export async function runCli(args: readonly string[], version: string): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(programHelp(COMMANDS));
    return name === undefined ? EXIT_USAGE : EXIT_DONE;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`outrigger ${version}\n`);
    return EXIT_DONE;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  try {
    if (command === undefined) {
      const names = COMMANDS.map((candidate) => candidate.name);
      throw new UsageError(`there is no command '${name}'${didYouMean(name, names)}`);
    }
    if (rest.includes('--help') || rest.includes('-h')) {
      process.stdout.write(commandHelp(command));
      return EXIT_DONE;
    }
    return await command.run(parseFlags(command, rest), version);
  } catch (error) {
    process.stderr.write(`outrigger: ${error instanceof Error ? error.message : String(error)}\n`);
    if (!(error instanceof UsageError)) return EXIT_FAILED;
    process.stderr.write(`Try: outrigger ${command === undefined ? '' : `${command.name} `}--help\n`);
    return EXIT_USAGE;
  }
}
