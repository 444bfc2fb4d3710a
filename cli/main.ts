import { Command } from 'commander';
import { tell } from '../config/command-errors.ts';
import packageJson from '../package.json' with { type: 'json' };
import { addDoctorCommand } from './commands/doctor.ts';
import { addGcCommand } from './commands/gc.ts';
import { addLookCommands } from './commands/look.ts';
import { addPlaceCommands } from './commands/place.ts';
import { addPlanCommand } from './commands/plan.ts';
import { addRenderCommand } from './commands/render.ts';
import { addStartCommands } from './commands/start.ts';
import { addSteerCommands } from './commands/steer.ts';

/** The command line `orrery`; docs/cli.md tells what each command does and how it ends. */
export function orrery(): Command {
  const program = new Command('orrery')
    .description('Durable post-training campaigns on Temporal.')
    .version(packageJson.version)
    .exitOverride();
  addStartCommands(program);
  addPlanCommand(program);
  addRenderCommand(program);
  addLookCommands(program);
  addSteerCommands(program);
  addPlaceCommands(program);
  addDoctorCommand(program);
  addGcCommand(program);
  return program;
}

if (import.meta.main) {
  try {
    await orrery().parseAsync();
  } catch (error) {
    process.exitCode = tell(error);
  }
}
