import { EXIT, type ExitCode } from '../../config/command-errors.ts';
import { checkLines } from '../doctor/check.ts';
import { machineChecks } from '../doctor/machine.ts';
import { temporalChecks } from '../doctor/temporal.ts';

/** `doctor`: what is installed, reachable and missing, and the command that fixes each problem. */
export async function doctor({ json }: { json?: true }): Promise<ExitCode> {
  const checks = [...(await machineChecks()), ...(await temporalChecks())];
  console.log(json ? JSON.stringify(checks, null, 2) : checkLines(checks).join('\n'));
  return checks.some(({ state }) => state === 'missing') ? EXIT.failed : EXIT.ok;
}
