import { Command } from 'commander';
import { printError } from '../config/command-errors.ts';
import packageJson from '../package.json' with { type: 'json' };
import { addControlCommands } from './commands/control.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addGcCommand } from './commands/gc.ts';
import { addInspectCommands } from './commands/inspect.ts';
import { addInstallationCommands } from './commands/installation.ts';
import { addPlanCommand } from './commands/plan.ts';
import { addRenderCommand } from './commands/render.ts';
import { addStartCommands } from './commands/start.ts';

/** The command line `orrery`. docs/cli.md documents each command and its exit codes. */
export function orrery(): Command {
  const program = new Command('orrery')
    .description('Durable post-training campaigns on Temporal.')
    .version(packageJson.version)
    .exitOverride();
  addStartCommands(program);
  addPlanCommand(program);
  addRenderCommand(program);
  addInspectCommands(program);
  addControlCommands(program);
  addInstallationCommands(program);
  addDoctorCommand(program);
  addGcCommand(program);
  return program;
}

if (import.meta.main) {
  try {
    await orrery().parseAsync();
  } catch (error) {
    process.exitCode = printError(error);
  }
}
