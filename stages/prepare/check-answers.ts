import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { SetAside } from '../../spec/data-card.ts';
import { Verdict } from '../../spec/records.ts';
import { openJournal } from '../io/journal.ts';
import type { StageContext } from '../runtime/context.ts';
import { forEachProblem } from '../runtime/each-problem.ts';
import { startVerifier, type Verifier } from '../verifier/verifier.ts';
import type { Candidate } from './read-files.ts';
import type { SetName } from './sets.ts';

/** Answers at the verifier at the same time. *Ours*. */
const IN_FLIGHT = 256;

/**
 * An answer to compare with a reference. When both are equal, the verdict shows whether the reference can be judged at
 * all.
 */
interface Pair {
  readonly reference: string;
  readonly answer: string;
  /** A problem that both are answers to. */
  readonly candidate: Candidate;
}

/** Journal entry of one pair. */
const CheckedPair = z.object({
  pair: z.string(),
  verdict: Verdict.shape.verdict,
  canonical: z.string().nullable(),
  reason: z.string().nullable(),
});
type CheckedPair = z.infer<typeof CheckedPair>;

export interface CheckedCandidates {
  /** With their answers in canonical form, so that equal answers are equal strings. */
  readonly judgeable: readonly (Candidate & { readonly canonical: string })[];
  readonly setAside: readonly SetAside[];
}

export type Judge = Pick<Verifier, 'verify'>;

/**
 * Lets the verifier judge every reference against itself, and every further answer of a record against its reference. A
 * problem is set aside when the verifier cannot judge one of these, or finds it wrong. Each pair of answers is judged
 * once, however many problems have it, and journalled.
 */
export async function checkAnswers(
  context: StageContext<'prepare'>,
  answering: (reference: string) => string,
  sets: ReadonlyMap<SetName, readonly Candidate[]>,
): Promise<Map<SetName, CheckedCandidates>> {
  const verifier = await startVerifier(context);
  const journal = await openJournal(context, CheckedPair);
  try {
    const pairs = new Map(
      [...sets.values()]
        .flat()
        .flatMap(pairsOf)
        .map((pair) => [nameOf(pair), pair]),
    );
    const checked = await forEachProblem<[string, Pair], CheckedPair>({
      context,
      journal,
      unit: 'answer',
      concurrency: IN_FLIGHT,
      items: [...pairs],
      idOf: ([name]) => name,
      idOfEntry: ({ pair }) => pair,
      work: ([name, pair]) => check(name, pair, answering, verifier),
    });
    const byName = new Map(checked.map((one) => [one.pair, one]));
    return new Map([...sets].map(([set, candidates]) => [set, divided(set, candidates, byName)]));
  } finally {
    await Promise.all([verifier.close(), journal.close()]);
  }
}

async function check(
  name: string,
  { reference, answer, candidate }: Pair,
  answering: (reference: string) => string,
  judge: Judge,
): Promise<CheckedPair> {
  const { problem, id, source } = candidate;
  const judged = await judge.verify({ problem, id, source, reference }, answering(answer));
  return { pair: name, verdict: judged.verdict, canonical: judged.answer, reason: judged.reason ?? null };
}

function pairsOf(candidate: Candidate): Pair[] {
  const { reference, others } = candidate;
  return [reference, ...others].map((answer) => ({ reference, answer, candidate }));
}

const nameOf = ({ reference, answer }: Pick<Pair, 'reference' | 'answer'>): string =>
  createHash('sha256')
    .update(JSON.stringify([reference, answer]))
    .digest('hex')
    .slice(0, 24);

function divided(
  set: string,
  candidates: readonly Candidate[],
  checked: ReadonlyMap<string, CheckedPair>,
): CheckedCandidates {
  const judgeable: (Candidate & { canonical: string })[] = [];
  const setAside: SetAside[] = [];
  for (const candidate of candidates) {
    const { file, at, problem, reference } = candidate;
    const faults = pairsOf(candidate).flatMap((pair) => faultOf(pair, checked.get(nameOf(pair))));
    const [fault] = faults;
    if (fault !== undefined) setAside.push({ set, file, at, ...fault, problem });
    else {
      const { canonical } = checked.get(nameOf({ reference, answer: reference })) as CheckedPair;
      judgeable.push({ ...candidate, canonical: canonical ?? reference });
    }
  }
  return { judgeable, setAside };
}

function faultOf({ reference, answer }: Pair, checked?: CheckedPair): Pick<SetAside, 'reason' | 'detail'>[] {
  if (checked?.verdict === 'right') return [];
  const shown = JSON.stringify(answer);
  if (checked?.reason === 'timeout') return [{ reason: 'timed-out', detail: `judging ${shown} took too long` }];
  if (checked?.verdict === 'unjudged')
    return [{ reason: 'cannot-be-judged', detail: `${shown}: ${checked.reason ?? 'no reason'}` }];
  if (answer !== reference) {
    return [{ reason: 'answers-disagree', detail: `its record answers ${JSON.stringify(reference)} and ${shown}` }];
  }
  return [{ reason: 'cannot-be-judged', detail: `the verifier does not find ${shown} equal to itself` }];
}
