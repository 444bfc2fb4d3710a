import { expect, test } from 'vitest';
import { checkRound } from '../../../dev/soak/checker/check.ts';
import type { Verdict } from '../../../dev/soak/checker/violations.ts';
import { aChange, aRound, aSighting, at, EVALUATE, historyOf, journalLine, type Plan, SFT } from './a-round.ts';

const claim = (attempt: number, second: number, execution = `token-${attempt}`) => ({
  attempt,
  owner: 'micro/sft',
  execution,
  claimedAt: at(second),
});
const sftFile = (path: string) => `stages/${SFT}/${path}`;
const evaluateFile = (path: string) => `stages/${EVALUATE}/${path}`;

test('a round in which one kill was answered by one more attempt has no violations', async () => {
  const findings = await checkRound(await aRound());
  expect(findings.violations).toEqual([]);
  expect(findings).toMatchObject({ executions: 3, incidents: { Crashed: 1 }, filesVerified: 4 });
});

interface Planted {
  readonly name: string;
  readonly plant: (plan: Plan) => void;
  readonly verdict: Verdict;
  readonly says: RegExp;
}

const LOST: readonly Planted[] = [
  {
    name: 'an output that is not there',
    plant: ({ files }) => delete files[sftFile('data/policy/weights')],
    verdict: 'lost',
    says: /data\/policy\/weights does not exist/,
  },
  {
    name: 'an output whose bytes have changed',
    plant: ({ files }) => {
      files[sftFile('data/policy/weights')] = 'Weights';
    },
    verdict: 'lost',
    says: /its sha256 differs from the one in the manifest/,
  },
  {
    name: 'an output that is shorter than it was',
    plant: ({ files }) => {
      files[sftFile('data/policy/weights')] = 'weight';
    },
    verdict: 'lost',
    says: /expected 7 bytes, but it has 6/,
  },
  {
    name: 'a digest that the undisturbed run does not have',
    plant: ({ round, status }) => {
      const [sft] = status.stages;
      round.reference = { ...round.reference, sft: { key: SFT, digest: `${sft!.result!.digest.slice(1)}0` } };
    },
    verdict: 'lost',
    says: /in the undisturbed run/,
  },
  {
    name: 'a digest that its files do not make',
    plant: ({ files, status, round }) => {
      const digest = 'c'.repeat(64);
      files[sftFile('manifest.json')] = { ...(files[sftFile('manifest.json')] as object), digest };
      status.stages[0]!.result = { key: SFT, digest };
      round.reference = { ...round.reference, sft: { key: SFT, digest } };
    },
    verdict: 'lost',
    says: /its files and counts is/,
  },
  {
    name: 'a manifest whose counts were changed by hand',
    plant: ({ files }) => {
      files[sftFile('manifest.json')] = {
        ...(files[sftFile('manifest.json')] as object),
        counts: { optimizerSteps: 1 },
      };
    },
    verdict: 'lost',
    says: /the checksum of the manifest is [0-9a-f]+, which is not that of its content/,
  },
  {
    name: 'a manifest that says other things went in',
    plant: ({ files }) => {
      files[sftFile('manifest.json')] = { ...(files[sftFile('manifest.json')] as object), identity: { kind: 'sft' } };
    },
    verdict: 'lost',
    says: /the hash of the identity in the manifest is not its key/,
  },
  {
    name: 'a manifest that is cut',
    plant: ({ files }) => {
      files[sftFile('manifest.json')] = '{"kind":';
    },
    verdict: 'lost',
    says: /there is none/,
  },
  {
    name: 'a manifest that is not there',
    plant: ({ files }) => delete files[sftFile('manifest.json')],
    verdict: 'lost',
    says: /there is none/,
  },
  {
    name: 'a part that is not there',
    plant: ({ files }) => delete files[evaluateFile('parts/00001.json')],
    verdict: 'lost',
    says: /expected 2 parts, but there are 1/,
  },
  {
    name: 'a campaign that did not end',
    plant: ({ end }) => {
      end.workflow = 'RUNNING';
    },
    verdict: 'lost',
    says: /expected the workflow to be COMPLETED, but it is RUNNING/,
  },
  {
    name: 'a campaign of which nothing is known',
    plant: ({ round }) => {
      round.campaigns = ['micro', 'twin'];
    },
    verdict: 'lost',
    says: /the evidence has no end of this campaign/,
  },
  {
    name: 'a stage that never ended',
    plant: ({ status }) => {
      status.stages[1]!.state = 'pending';
    },
    verdict: 'lost',
    says: /expected the stage to be completed or reused, but it is pending/,
  },
  {
    name: 'more training steps than lie between two checkpoints',
    plant: ({ changes }) => {
      changes[0] = aChange(sftFile('progress/00000.json'), 15, { attempt: 0, done: 8, from: 0 });
    },
    verdict: 'lost',
    says: /continued at step 3, but attempt 0 had reached step 8: expected at most 3 steps lost/,
  },
  {
    name: 'a training step of an execution that was asked to stop',
    plant: ({ faults }) => {
      faults[0] = { ...faults[0]!, kind: 'pause', graceful: true };
    },
    verdict: 'lost',
    says: /expected at most 0 steps lost/,
  },
  {
    name: 'an attempt that a workflow started and the store does not know',
    plant: ({ histories }) => {
      histories['micro~sft'] = historyOf(SFT, 3);
    },
    verdict: 'lost',
    says: /the store has no claim/,
  },
];

const DOUBLED: readonly Planted[] = [
  {
    name: 'two processes that were alive together',
    plant: ({ sightings }) => {
      const [one, other] = sightings.processes;
      sightings.overlaps.push({ at: at(20), why: 'attempts 0 and 1 of one stage', one: one!, other: other! });
    },
    verdict: 'doubled',
    says: /both were alive/,
  },
  {
    name: 'an attempt that was seen while the one before was still there',
    plant: ({ sightings }) => {
      sightings.processes[0] = aSighting({ key: SFT, attempt: 0, firstSeen: at(11), lastSeen: at(24) });
    },
    verdict: 'doubled',
    says: /attempt 1 was alive at .*, and attempt 0 was still alive at/,
  },
  {
    name: 'a process without a claim',
    plant: ({ sightings }) =>
      sightings.processes.push(aSighting({ key: SFT, attempt: 2, firstSeen: at(50), lastSeen: at(51) })),
    verdict: 'doubled',
    says: /attempt 2 was alive, but has no claim/,
  },
  {
    name: 'a process that was there before its claim',
    plant: ({ sightings }) => {
      sightings.processes[0] = aSighting({ key: SFT, attempt: 0, firstSeen: at(9), lastSeen: at(20) });
    },
    verdict: 'doubled',
    says: /before its claim/,
  },
  {
    name: 'a gap in the claims',
    plant: ({ files }) => {
      delete files[sftFile('claims/00001.json')];
      files[sftFile('claims/00002.json')] = claim(2, 22);
    },
    verdict: 'doubled',
    says: /expected 00001.json, but found 00002.json/,
  },
  {
    name: 'a claim that was made before the one that it follows',
    plant: ({ files }) => {
      files[sftFile('claims/00001.json')] = claim(1, 5);
    },
    verdict: 'doubled',
    says: /before attempt 0/,
  },
  {
    name: 'a claim that was made before the one that it follows was released',
    plant: ({ files }) => {
      files[sftFile('claims/00000.json')] = { ...claim(0, 10), released: at(23) };
    },
    verdict: 'doubled',
    says: /was released later, at/,
  },
  {
    name: 'two claims of one token',
    plant: ({ files }) => {
      files[sftFile('claims/00001.json')] = claim(1, 22, 'token-0');
    },
    verdict: 'doubled',
    says: /has the token token-0 of an earlier attempt/,
  },
  {
    name: 'a claim that no workflow asked for',
    plant: ({ files, faults }) => {
      files[sftFile('claims/00002.json')] = claim(2, 90);
      faults.push({ ...faults[0]!, hits: [{ key: SFT, attempt: 1, part: 0 }] });
    },
    verdict: 'doubled',
    says: /attempt 2 was claimed, but no workflow started it/,
  },
  {
    name: 'an attempt that two workflows started',
    plant: ({ histories }) => {
      histories['twin~sft'] = historyOf(SFT, 1);
    },
    verdict: 'doubled',
    says: /one attempt was started 2 times/,
  },
  {
    name: 'a part that was written anew',
    plant: ({ changes }) => changes.push(aChange(sftFile('parts/00000.json'), 60, { attempt: 2 }, 7)),
    verdict: 'doubled',
    says: /the file was written again .*: attempt 1, then attempt 2/,
  },
  {
    name: 'a manifest that was written anew',
    plant: ({ changes }) => changes.push(aChange(sftFile('manifest.json'), 60, { attempt: 1 }, 7)),
    verdict: 'doubled',
    says: /the file was written again/,
  },
  {
    name: 'a part of an attempt that had been given up',
    plant: ({ files }) => {
      const part = files[sftFile('parts/00000.json')] as object;
      files[sftFile('parts/00000.json')] = { ...part, attempt: 0 };
    },
    verdict: 'doubled',
    says: /attempt 0 wrote part 0 at .*, when attempt 1 was current/,
  },
  {
    name: 'a checkpoint of an attempt that had been given up',
    plant: ({ files }) => {
      files[sftFile('checkpoints/step-00000006/complete.json')] = { step: 6, attempt: 0, savedAt: at(30) };
    },
    verdict: 'doubled',
    says: /attempt 0 wrote checkpoint 6/,
  },
  {
    name: 'journaled work that a later attempt did again',
    plant: ({ files }) => {
      files[evaluateFile('journal/00000-attempt-1.jsonl')] = journalLine({ id: 'problem-1' });
    },
    verdict: 'doubled',
    says: /1 entries were written by attempt 0 and again attempt 1/,
  },
  {
    name: 'a second campaign of one id',
    plant: ({ end }) => {
      end.runs = [...end.runs, { runId: 's', status: 'COMPLETED', continuedFrom: null }];
    },
    verdict: 'doubled',
    says: /expected one campaign with this id, but 2 were started/,
  },
];

const FALSE_FAILURES: readonly Planted[] = [
  {
    name: 'a stage that gave up',
    plant: ({ status }) => {
      status.stages[1]!.state = 'held';
    },
    verdict: 'false failures',
    says: /the stage gave up/,
  },
  {
    name: 'a failure that nothing had caused',
    plant: ({ status }) =>
      status.stages[1]!.incidents.push({ class: 'Crashed', message: 'oh', attempt: 0, at: at(50) }),
    verdict: 'false failures',
    says: /faults that struck this attempt: none/,
  },
  {
    name: 'a failure by another name than its cause explains',
    plant: ({ status }) => {
      status.stages[0]!.incidents[0]!.class = 'Stalled';
    },
    verdict: 'false failures',
    says: /Stalled at .* has no cause; faults that struck this attempt: main-kill/,
  },
  {
    name: 'a failure that came before its cause',
    plant: ({ status }) => {
      status.stages[0]!.incidents[0]!.at = at(15);
    },
    verdict: 'false failures',
    says: /Crashed at/,
  },
  {
    name: 'an execution that was given up for no cause',
    plant: ({ faults, status }) => {
      faults.length = 0;
      status.stages[0]!.incidents = [];
    },
    verdict: 'false failures',
    says: /a later attempt replaced attempt 0, but no fault had struck it/,
  },
  {
    name: 'a workflow task that failed',
    plant: ({ histories }) =>
      histories['micro~sft']!.unshift({
        eventId: '3',
        workflowTaskFailedEventAttributes: { cause: 'WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR' },
      }),
    verdict: 'false failures',
    says: /a workflow task failed .*NON_DETERMINISTIC/,
  },
  {
    name: 'an activity that failed for good',
    plant: ({ histories }) =>
      histories['micro~sft']!.unshift({
        eventId: '4',
        activityTaskFailedEventAttributes: { failure: { message: 'no such stage' } },
      }),
    verdict: 'false failures',
    says: /an activity failed without a retry .*no such stage/,
  },
  {
    name: 'a fault that says by itself what was wrong',
    plant: ({ faults }) => {
      faults[0] = { ...faults[0]!, wrong: { verdict: 'false failures', what: 'not paused' } };
    },
    verdict: 'false failures',
    says: /not paused/,
  },
];

const LEAKED: readonly Planted[] = [
  {
    name: 'a process of an execution after the end',
    plant: ({ left }) => left.afterCampaigns.push({ pid: 7, command: 'python -m policy_server', job: 'micro-sft' }),
    verdict: 'leaked',
    says: /it was still running after the campaigns had ended/,
  },
  {
    name: 'a process without a job after the end',
    plant: ({ left }) => left.afterWorkers.push({ pid: 8, command: 'python verifier.py', job: null }),
    verdict: 'leaked',
    says: /it was still running after the workers had ended/,
  },
  {
    name: 'a temporary file that the reconciler has left',
    plant: ({ files }) => {
      files[sftFile('.manifest.json.1-2.tmp')] = '';
    },
    verdict: 'leaked',
    says: /\.manifest\.json\.1-2\.tmp the reconciler did not remove this temporary file/,
  },
];

test.each([...LOST, ...DOUBLED, ...FALSE_FAILURES, ...LEAKED])(
  '$verdict: $name is found',
  async ({ plant, verdict, says }) => {
    const { violations } = await checkRound(await aRound(plant));
    expect(violations.map(({ verdict, where, what }) => `${verdict} ${where} ${what}`).join('\n')).toMatch(says);
    expect(violations.map((violation) => violation.verdict)).toContain(verdict);
  },
);

test('a step lost beside a damaged checkpoint is allowed one interval more, a cut journal its cut lines', async () => {
  const { violations } = await checkRound(
    await aRound(({ changes, faults, files }) => {
      changes[0] = aChange(sftFile('progress/00000.json'), 15, { attempt: 0, done: 8, from: 0 });
      faults[0] = { ...faults[0]!, kind: 'checkpoint-damage', checkpointsDamaged: 1 };
      const line = journalLine({ id: 'problem-2' });
      files[evaluateFile('journal/00001-attempt-0.jsonl')] = line.slice(0, 12);
      files[evaluateFile('journal/00001-attempt-1.jsonl')] = line;
    }),
  );
  expect(violations).toEqual([]);
});

test('what Temporal asks for once more because a message came in between is no violation', async () => {
  const { violations } = await checkRound(
    await aRound(({ histories }) =>
      histories.micro!.unshift({
        eventId: '2',
        workflowTaskFailedEventAttributes: { cause: 'WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND' },
      }),
    ),
  );
  expect(violations).toEqual([]);
});

/** A fault that swapped the manifest of `sft` from second 60 to 62. */
const swap = ({ faults }: Plan) =>
  faults.push({
    ...faults[0]!,
    id: 2,
    kind: 'swapped-manifest',
    at: at(60),
    endedAt: at(62),
    swapped: SFT,
    hits: [{ key: EVALUATE, attempt: 0, part: 0 }],
    explains: ['DependencyDown'],
  });

test('a swapped manifest that was sealed again as it was is no violation; as anything else, or after the fault, it is', async () => {
  const again = async (second: number, content: unknown, inode = 7) =>
    await checkRound(
      await aRound((plan) => {
        swap(plan);
        plan.changes.push(aChange(sftFile('manifest.json'), second, content, inode));
      }),
    );
  expect((await again(80, { attempt: 1 })).violations).toEqual([]);
  expect((await again(61, { attempt: 1, counts: { forged: 1 } })).violations).toEqual([]);
  expect((await again(80, { attempt: 1, counts: { forged: 1 } })).violations).toHaveLength(1);
  expect((await again(50, { attempt: 1 })).violations).toHaveLength(1);
});

test('a swapped manifest that nobody has read since may stay; its parts have to make what the status said', async () => {
  const left = (spoil: (plan: Plan) => void) =>
    aRound((plan) => {
      swap(plan);
      plan.files[sftFile('manifest.json')] = '{"kind":';
      spoil(plan);
    });
  expect((await checkRound(await left(() => {}))).violations).toEqual([]);
  const other = await left(({ status }) => {
    status.stages[0]!.result = { key: SFT, digest: 'f'.repeat(64) };
  });
  expect((await checkRound(other)).violations.map(({ what }) => what).join()).toContain('but the status has');
  const damaged = await left(({ files }) => {
    files[sftFile('data/policy/weights')] = 'Weights';
  });
  expect((await checkRound(damaged)).violations.map(({ what }) => what).join()).toContain('its sha256 differs');
});

test('a program that met a swapped manifest may say that its dependency was down', async () => {
  const { violations } = await checkRound(
    await aRound((plan) => {
      swap(plan);
      const incident = { class: 'DependencyDown', message: 'does not hold', attempt: 0, at: at(61) };
      plan.status.stages[1]!.incidents.push(incident);
    }),
  );
  expect(violations).toEqual([]);
});
