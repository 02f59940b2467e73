// The settings of an injection as flags: of `inject`, of `preflight` and of the webhook.
import { type SettingsLayer, settingNames, settings } from '../inject/settings.ts';
import { type Flag, type FlagValues, UsageError } from './command-line.ts';

export const SETTING_FLAGS: readonly Flag[] = settingNames.map((name) => {
  const { placeholder, help, fallback } = settings[name];
  return { name, value: placeholder, help: fallback === '' ? help : `${help} (${fallback})` };
});

/** Throws a `UsageError` that names the flag. */
export function settingsLayer(flags: FlagValues): SettingsLayer {
  const texts: Record<string, string> = {};
  for (const name of settingNames) {
    const text = flags.text(name);
    if (text === undefined) continue;
    const parsed = settings[name].parse(text);
    if ('problem' in parsed) throw new UsageError(`--${name} ${parsed.problem}, not '${text}'`);
    texts[name] = text;
  }
  return { texts, spell: (name) => `--${name}` };
}
