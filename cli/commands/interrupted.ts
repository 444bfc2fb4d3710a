import { CommandError, EXIT } from '../../config/command-errors.ts';
import { orreryCommand } from '../../config/printed-commands.ts';

/** What a person reads after Ctrl-C: the campaign continues, and how to stop it. */
export const stillRunningHint = (id: string): string =>
  `campaign ${id} continues\nstop it with \`${orreryCommand(`pause ${id}`)}\` or \`${orreryCommand(`cancel ${id}`)}\``;

/** The end of a command that Ctrl-C interrupted. */
export const interrupted = (id: string): CommandError => new CommandError(EXIT.interrupted, stillRunningHint(id));
