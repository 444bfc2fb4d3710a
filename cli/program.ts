import { Command } from 'commander';
import { type ExitCode, runMain } from '../config/command-errors.ts';
import packageJson from '../package.json' with { type: 'json' };
import { UNTIL } from '../spec/until.ts';

/**
 * The command line `orrery`: every command with its options. docs/cli.md documents each command and its exit codes.
 *
 * Only the command that runs loads its code: the code of all commands takes many times as long to load as Node takes to
 * start. So this file imports no schema, no client and no command.
 */
export function orrery(): Command {
  const program = new Command('orrery')
    .description('Durable post-training campaigns on Temporal.')
    .version(packageJson.version)
    .exitOverride();
  addFileCommands(program);
  addReadingCommands(program);
  addControlCommands(program);
  addInstallationCommands(program);
  return program;
}

/**
 * Wraps an action whose code is loaded when it runs. Its result becomes the exit code of the process, and its errors
 * are printed.
 */
const lazily =
  <A extends unknown[]>(load: () => Promise<(...args: A) => Promise<ExitCode>>) =>
  (...args: A): Promise<void> =>
    runMain(async () => (await load())(...args));

/** Commands that take a campaign file. */
function addFileCommands(program: Command): void {
  program
    .command('submit <file>')
    .description('start a campaign from a YAML or JSON file')
    .option('--id <id>', 'workflow id (default: the name in the file)')
    .option('--until <stage>', `end every arm after this stage: ${UNTIL.join(', ')} (default: what the file says)`)
    .option('--wait', 'watch the campaign until it ends')
    .option('--print', 'start nothing; print the temporal and tctl commands that start the campaign')
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/submit.ts')).submit));
  program
    .command('validate <file>')
    .description('check a campaign file, and list every bad field with its line')
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/validate.ts')).validate));
  program
    .command('schema')
    .description('print the JSON Schema of campaign files, for editors')
    .action(lazily(async () => (await import('./commands/validate.ts')).schema));
  program
    .command('plan <file>')
    .description(
      'forecast pods, GPUs, memory and time of every stage; exits with 0 when every stage fits and can run, else with 1',
    )
    .option('--cluster', 'show which nodes of the cluster in KUBECONFIG qualify, and why the others do not')
    .option('--settings <file>', 'settings of the cluster (default: ORRERY_KUBERNETES)')
    .option('--forecast', 'print only the forecast, even for what the trainers of this version cannot run')
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/plan.ts')).plan));
  program
    .command('render <file>')
    .description('print the Kubernetes objects of every stage as YAML; nothing is sent')
    .option('--stage <name>', 'only the objects of this stage')
    .option('--settings <file>', 'settings of the cluster (default: ORRERY_KUBERNETES)')
    .action(lazily(async () => (await import('./commands/render.ts')).render));
}

/** Commands that only read. */
function addReadingCommands(program: Command): void {
  program
    .command('status <id>')
    .description('show the state of a campaign and its stages')
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/status.ts')).status));
  program
    .command('watch <id>')
    .description('show a campaign until it has ended; Ctrl-C stops the watch, and the campaign continues')
    .action(lazily(async () => (await import('./commands/watch.ts')).watch));
  program
    .command('logs <id> [stage]')
    .description('print the log of the current or last execution of a stage (default: the stages that run)')
    .option('-f, --follow', 'print new lines until the stage has ended')
    .action(lazily(async () => (await import('./commands/logs.ts')).logs));
  program
    .command('report <id>')
    .description('print the results table and the path of the report')
    .option('--open', 'open the report in the browser')
    .option('--json', 'print report.json')
    .action(lazily(async () => (await import('./commands/report.ts')).report));
}

/** Commands that change a running campaign. Each returns when its effect is complete. */
function addControlCommands(program: Command): void {
  program
    .command('pause <id>')
    .description('save the work and free every machine; returns when no process of the campaign is left')
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/control.ts')).pause));
  program
    .command('resume <id>')
    .description('continue a paused campaign')
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/control.ts')).resume));
  program
    .command('retry <id> <stage>')
    .description('start a held stage again with full retry budgets')
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/control.ts')).retry));
  program
    .command('approve <id> [arm]')
    .description('approve the RL stage of an arm; of every arm when none is named')
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/control.ts')).approve));
  program
    .command('cancel <id>')
    .description('end the campaign; returns when its machines are free')
    .action(lazily(async () => (await import('./commands/control.ts')).cancel));
}

/** Commands about this installation: its task queue on Temporal, its machine, its store. */
function addInstallationCommands(program: Command): void {
  program
    .command('list')
    .description("list the open campaigns on this installation's task queue")
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/installation.ts')).list));
  const queue = program.command('queue').description("show which store owns this installation's task queue");
  queue
    .command('show', { isDefault: true })
    .description('show which store owns the queue, since when, and what uses it')
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/installation.ts')).showQueue));
  queue
    .command('release')
    .description('release the queue, so that a worker of another store can take it')
    .option('--force', 'release it even when a worker polls it or campaigns are open on it; the next store gets them')
    .action(lazily(async () => (await import('./commands/installation.ts')).releaseOwnQueue));
  program
    .command('env')
    .description('print the variables that point temporal, tctl and orrery at this Temporal: `eval "$(orrery env)"`')
    .action(lazily(async () => (await import('./commands/installation.ts')).printEnvironment));
  program
    .command('doctor')
    .description('show what is installed, reachable and missing, and the command that fixes each problem')
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/doctor.ts')).doctor));
  program
    .command('gc')
    .description('remove what killed processes left: temporary files, stale claims, orphaned jobs and processes')
    .option('-n, --dry-run', 'print what would be done, and do nothing')
    .option('--json', 'answer as JSON')
    .action(lazily(async () => (await import('./commands/gc.ts')).gc));
}
