import { EXIT, type ExitCode } from '../../config/command-errors.ts';
import { withClient } from '../../config/connect.ts';
import { homePath, PROJECT, storePath, VENV_PYTHON } from '../../config/paths.ts';
import { describeSubject, type Reconciliation, reconcile, temporalOwners } from '../../reconciler/index.ts';
import { chooseExecutor } from '../../worker/executors.ts';

/** `gc`: runs now the clean-up that workers run every few minutes, and prints what it did and why. */
export async function gc({ dryRun = false, json }: { dryRun?: boolean; json?: true }): Promise<ExitCode> {
  const [store, home] = [storePath(), homePath()];
  const log = { info() {}, warn: (facts: object, message: string) => console.error(`orrery: ${message}`, facts) };
  const local = { home, store, projectRoot: PROJECT, python: VENV_PYTHON, log };
  const { executor, machine } = await chooseExecutor(process.env, local);
  const found = await withClient((client) =>
    reconcile({ store, executor, owners: () => temporalOwners(client, store), machine }, { dryRun }),
  );
  executor[Symbol.dispose]();
  console.log(json ? JSON.stringify(found, null, 2) : reconciliationLines(found).join('\n'));
  return found.cleaned.some(({ error }) => error !== null) ? EXIT.failed : EXIT.ok;
}

/** One finding as lines: what was done, to what, and why. Pure. */
export function reconciliationLines({ cleaned, doubts }: Reconciliation): string[] {
  const findings = cleaned.flatMap(({ finding, done, error }) => [
    `${error === null ? done : `not ${done}`}: ${finding.kind.replaceAll('-', ' ')} ${describeSubject(finding)}`,
    `  because ${finding.why}`,
    ...(error === null ? [] : [`  ${error}`]),
  ]);
  const unknown = doubts.map((doubt) => `unknown: ${doubt}`);
  return findings.length + unknown.length === 0 ? ['nothing to clean up'] : [...findings, ...unknown];
}
