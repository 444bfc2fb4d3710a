import type { Command } from 'commander';
import { EXIT } from '../../config/command-errors.ts';
import { finishWith } from '../../config/exit.ts';
import { checkLines } from '../doctor/check.ts';
import { machineChecks } from '../doctor/machine.ts';
import { temporalChecks } from '../doctor/temporal.ts';

/** `doctor`: what is installed, reachable and missing, and the command that fixes each problem. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('show what is installed, reachable and missing, and the command that fixes each problem')
    .option('--json', 'answer as JSON')
    .action(
      finishWith(async (options: { json?: true }) => {
        const checks = [...(await machineChecks()), ...(await temporalChecks())];
        console.log(options.json ? JSON.stringify(checks, null, 2) : checkLines(checks).join('\n'));
        return checks.some(({ state }) => state === 'missing') ? EXIT.failed : EXIT.ok;
      }),
    );
}
