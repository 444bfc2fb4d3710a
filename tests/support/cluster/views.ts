import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { inProject } from '../../../config/paths.ts';
import { binaryPath } from '../../../dev/cluster/binaries.ts';
import { kubeconfigPath } from '../../../dev/cluster/paths.ts';
import { LABELS } from '../../../k8s/manifests/labels.ts';

/**
 * What a person sees of a campaign elsewhere than in `orrery status`: in the columns of kubectl, in the Temporal UI,
 * and in `orrery watch`.
 */

/** A line of `kubectl get jobs -L campaign,stage,attempt`, as kubectl prints it. */
export interface JobLine {
  /** `astro/rewrite`. */
  readonly stage: string;
  readonly attempt: number;
  /** kubectl's own word: `Running`, `Complete`, `Failed`, `FailureTarget`, `Suspended`, ... */
  readonly status: string;
}

export async function kubectlJobs(namespace: string): Promise<JobLine[]> {
  const columns = [LABELS.campaign, LABELS.stage, LABELS.attempt].join(',');
  const args = ['get', 'jobs', '--namespace', namespace, '--label-columns', columns];
  const { stdout } = await execa(binaryPath('kubectl'), args, { env: { KUBECONFIG: kubeconfigPath() } });
  return jobLines(stdout);
}

/** Columns are found by their headings: an empty cell has no width of its own. */
export function jobLines(printed: string): JobLine[] {
  const [head = '', ...rows] = printed.split('\n').filter(Boolean);
  const headings = [...head.matchAll(/\S+/g)];
  const cell = (row: string, name: string): string => {
    const at = headings.findIndex(([heading]) => heading === name);
    return row.slice(headings[at]?.index, headings[at + 1]?.index).trim();
  };
  return rows.map((row) => ({
    stage: cell(row, 'STAGE').replace('.', '/'),
    attempt: Number(cell(row, 'ATTEMPT')),
    status: cell(row, 'STATUS'),
  }));
}

/** What the Temporal UI shows of a campaign. */
export interface UiSight {
  /** `**name**: running` above the table. */
  readonly phase: string;
  /** The table of stages in the campaign's current details. */
  readonly rows: ReadonlyMap<string, { readonly state: string; readonly executions: number }>;
  /** Search attribute `OrreryPhase` in the list of workflows. */
  readonly tag: string;
  /** Stages whose workflow the list shows as running. */
  readonly open: ReadonlySet<string>;
}

/** Asks what the page asks, at the UI's own port and with its cookie. */
export async function temporalUi(address: string, campaign: string): Promise<UiSight> {
  const workflows = `${address}/api/v1/namespaces/default/workflows`;
  const listed = await fetch(`${workflows}?query=${encodeURIComponent(`WorkflowId STARTS_WITH "${campaign}"`)}`);
  const { executions = [] } = (await listed.json()) as { executions?: UiExecution[] };
  const token = /_csrf=([^;]+)/.exec(listed.headers.get('set-cookie') ?? '')?.[1] ?? '';
  const queryType = '__temporal_workflow_metadata';
  const asked = await fetch(`${workflows}/${campaign}/query/${queryType}`, {
    method: 'POST',
    body: JSON.stringify({ query: { queryType } }),
    headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': token, Cookie: `_csrf=${token}` },
  });
  if (!asked.ok) throw new Error(`the Temporal UI says ${asked.status}: ${await asked.text()}`);
  const { queryResult } = (await asked.json()) as { queryResult: { payloads: UiPayload[] } };
  const { currentDetails } = decoded(queryResult.payloads[0]) as { currentDetails: string };
  const own = executions.find(({ execution }) => execution.workflowId === campaign);
  return {
    phase: /^\*\*.*\*\*: (\S+)$/m.exec(currentDetails)?.[1] ?? '',
    rows: tableRows(currentDetails),
    tag: String(decoded(own?.searchAttributes?.indexedFields?.OrreryPhase) ?? ''),
    open: new Set(
      executions
        .filter(({ status, type }) => status === 'WORKFLOW_EXECUTION_STATUS_RUNNING' && type.name === 'stage')
        .map(({ execution }) => execution.workflowId.slice(campaign.length + 1)),
    ),
  };
}

interface UiPayload {
  readonly data: string;
}
interface UiExecution {
  readonly execution: { readonly workflowId: string };
  readonly type: { readonly name: string };
  readonly status: string;
  readonly searchAttributes?: { readonly indexedFields?: Readonly<Record<string, UiPayload>> };
}

const decoded = (payload: UiPayload | undefined): unknown =>
  payload === undefined ? undefined : JSON.parse(Buffer.from(payload.data, 'base64').toString());

function tableRows(markdown: string): UiSight['rows'] {
  const rows = markdown.split('\n').filter((line) => line.startsWith('|'));
  return new Map(
    rows.slice(2).map((line) => {
      const [, stage = '', state = '', , , executions = ''] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
      return [stage, { state: state.replace(/:.*/s, ''), executions: Number(executions) }] as const;
    }),
  );
}

/** `orrery watch` in a process of its own, and the state that it told last of each stage. */
export interface Watch {
  readonly states: ReadonlyMap<string, string>;
  /** All that it printed. */
  readonly lines: readonly string[];
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  readonly process: ChildProcess;
}

/** @param env - of the CLI beside the worker */
export function orreryWatch(campaign: string, env: Readonly<Record<string, string>>): Watch {
  const child = spawn(process.execPath, [inProject('cli/main.ts'), 'watch', campaign], {
    env: { ...process.env, ...env, NO_COLOR: '1', FORCE_COLOR: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const states = new Map<string, string>();
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line);
    const told = /^(\S+)\s+\S ([a-z-]+)/.exec(line);
    if (told !== null) states.set(told[1] ?? '', told[2] ?? '');
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { states, lines, ended, process: child };
}
