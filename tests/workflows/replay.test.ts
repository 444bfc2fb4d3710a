import { readdirSync, readFileSync } from 'node:fs';
import { DefaultLogger, Worker, type WorkflowBundle } from '@temporalio/worker';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleWorkflows } from '../../bundle.ts';

const histories = readdirSync('tests/histories').filter((name) => name.endsWith('.json'));
let workflowBundle: WorkflowBundle;

beforeAll(async () => {
  workflowBundle = await bundleWorkflows(new DefaultLogger('ERROR'));
}, 60_000);

describe('the workflow code of today', () => {
  test.each(histories)('replays the recorded history %s', async (name) => {
    const history: unknown = JSON.parse(readFileSync(`tests/histories/${name}`, 'utf8'));
    await expect(
      Worker.runReplayHistory({ workflowBundle }, history, name.replace('.json', '')),
    ).resolves.toBeUndefined();
  });

  test('is told from other code: a history that it cannot have made is refused', async () => {
    const text = readFileSync('tests/histories/two-arms.json', 'utf8').replaceAll('"admitCampaign"', '"letIn"');
    await expect(Worker.runReplayHistory({ workflowBundle }, JSON.parse(text), 'changed')).rejects.toThrow(
      /[Nn]ondeterminism/,
    );
  });
});
