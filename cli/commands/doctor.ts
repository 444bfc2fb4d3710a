import type { Command } from 'commander';
import { EXIT } from '../../config/command-errors.ts';
import { finishWith } from '../../config/exit.ts';
import { checkLines } from '../doctor/check.ts';
import { examineMachine } from '../doctor/machine.ts';
import { examineTemporal } from '../doctor/temporal.ts';

/** `doctor`: what is installed, reachable and missing, and the command that mends it. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('tell what is installed, reachable and missing, and the command that mends it')
    .option('--json', 'answer as JSON')
    .action(
      finishWith(async (options: { json?: true }) => {
        const checks = [...(await examineMachine()), ...(await examineTemporal())];
        console.log(options.json ? JSON.stringify(checks, null, 2) : checkLines(checks).join('\n'));
        return checks.some(({ state }) => state === 'missing') ? EXIT.failed : EXIT.ok;
      }),
    );
}
