import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, test } from 'vitest';
import { type WorkflowBundle, workflowBundle } from '../../worker/bundle.ts';

const histories = readdirSync('tests/histories').filter((name) => name.endsWith('.json'));
/** A stage looks whether its id is that of a stage of its campaign. */
interface RecordedHistory {
  readonly events: readonly [{ readonly workflowExecutionStartedEventAttributes: { readonly workflowId: string } }];
}
let bundle: WorkflowBundle;

beforeAll(async () => {
  bundle = await workflowBundle();
}, 60_000);

describe('the workflow code of today', () => {
  test.each(histories)('replays the recorded history %s', async (name) => {
    const history = JSON.parse(readFileSync(`tests/histories/${name}`, 'utf8')) as RecordedHistory;
    const { workflowId } = history.events[0].workflowExecutionStartedEventAttributes;
    await expect(Worker.runReplayHistory({ workflowBundle: bundle }, history, workflowId)).resolves.toBeUndefined();
  });

  test('is told from other code: a history that it cannot have made is refused', async () => {
    const text = readFileSync('tests/histories/two-arms.json', 'utf8').replaceAll('"admitCampaign"', '"letIn"');
    await expect(Worker.runReplayHistory({ workflowBundle: bundle }, JSON.parse(text), 'changed')).rejects.toThrow(
      /[Nn]ondeterminism/,
    );
  });

  test('refuses a campaign that an older version admitted, and says what to do', async () => {
    const history = JSON.parse(readFileSync('tests/histories/older/two-arms.json', 'utf8'));
    const replay = Worker.runReplayHistory({ workflowBundle: bundle }, history, 'two-arms');
    await expect(replay).rejects.toThrow(/let a worker of that version finish it/);
  });
});
