import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { Complaint } from '../spec/complaint.ts';
import type { RewriteFault } from '../spec/curated-card.ts';
import { InvalidInputError, parseOrRefuse } from '../spec/errors.ts';
import { jsonFault } from '../spec/json-limits.ts';
import { DomainRef } from '../spec/policy.ts';
import { SPEC_LIMITS } from '../spec/spec-limits.ts';

/**
 * Fixed sentences of the reflections (paper, procedure cloning), in the words of the domain:
 * `domains/<name>/phrases.json`.
 */
export const Phrases = z.strictObject({
  reflection: z.string().describe('Pause to doubt; the verdict follows it.'),
  negative: z.string().describe('Verdict: not right.'),
  positive: z.string().describe('Verdict: right so far.'),
  goBack: z.string().includes('{place}').describe('Backtrack to an ancestor; {place} is its name.'),
  restart: z.string().describe('Backtrack to the root.'),
  finalAnswer: z.string().describe('Precedes the final answer.'),
});
export type Phrases = z.infer<typeof Phrases>;

/** One step to rewrite as prose, with everything that the rewriting may use. */
export interface StepToRewrite {
  readonly problem: string;
  /** Text of the solution so far, as rewritten. */
  readonly written: string;
  readonly step: string;
}

/** What is wrong with a rewritten step. `detail` completes the sentence "it was rejected: ". */
export interface FaultyRewrite {
  readonly reason: RewriteFault;
  readonly detail: string;
}

/**
 * The TypeScript side of a subject. To add a domain, add a folder to `domains/` with `domain.ts` (exports `domain`),
 * `domain.py` (problems, demonstrations, and the verifier, which gives the verdicts), `phrases.json` and
 * `canaries.jsonl`.
 */
export interface Domain {
  readonly name: string;
  /** Settings that a campaign may give as `domain.settings`. */
  readonly settings: z.ZodType<Record<string, unknown>>;
  /**
   * Whether the `domain.py` of the domain generates problems (`data.type: generated`) and demonstrations for a stand-in
   * policy (`policy.type: pretrain`). True by default.
   */
  readonly generates?: boolean;
  readonly prompts: {
    /** Text that the policy continues to solve the problem. */
    solve(problem: string): string;
    /**
     * Text for the steps of a search, whose policy was never taught the format: `solve` with examples. By default
     * `solve`.
     */
    steps?(problem: string): string;
    /** Text that the policy continues with a verdict on a finished solution; see {@link Domain.approves}. */
    selfEvaluate(problem: string, steps: readonly string[]): string;
    /** Text that the policy continues with one step as prose. `written` is the text of the solution so far. */
    rewrite(problem: string, written: string, step: string): string;
  };
  /** Strings that end a step. They belong to the step. */
  readonly stepStops: readonly string[];
  /** Strings with which a policy that does not stop begins another problem. The solution ends before them. */
  readonly solutionStops?: readonly string[];
  /** Strings that end a self-evaluation and a rewritten step. None: only the end of the text ends it. */
  readonly rewriteStops: readonly string[];
  /** Joins pieces of text (`prompt`, then steps) as the policy would have written them. */
  join(parts: readonly string[]): string;
  /** Splits a completion into steps, starting at any state. A malformed end is the last step, unchanged. */
  splitSteps(completion: string): string[];
  /** Whether the step has a final answer. */
  isTerminal(step: string): boolean;
  /** Name of the place that a step leads to, for "Let's go back to ...". */
  placeAfter(step: string): string;
  /** Whether the text of a self-evaluation says that the solution is right. */
  approves(selfEvaluation: string): boolean;
  /**
   * A completion whose final answer is this reference answer. `prepare` lets the verifier judge it against the
   * reference itself, which finds references that cannot be judged. Omitted when references are not answers.
   */
  answering?(reference: string): string;
  /**
   * Why a rewritten step must not replace the step (lost or invented numbers, a leaked verdict, ...); null if it may.
   */
  faultOfRewrite(asked: StepToRewrite, rewritten: string): FaultyRewrite | null;
}

/** Text that the policy continues in a search. */
export const searchPrompt = ({ prompts }: Pick<Domain, 'prompts'>, problem: string): string =>
  (prompts.steps ?? prompts.solve)(problem);

/** A completion up to where the policy begins another problem; what follows belongs to that problem. */
export function ownSolution({ solutionStops = [] }: Pick<Domain, 'solutionStops'>, completion: string): string {
  const ends = solutionStops.map((stop) => completion.indexOf(stop)).filter((at) => at !== -1);
  return completion.slice(0, Math.min(...ends, completion.length));
}

export interface LoadedDomain extends Domain {
  readonly phrases: Phrases;
  readonly folder: string;
}

// @loads domains/{domain}/phrases.json
const DOMAINS = fileURLToPath(new URL('./', import.meta.url));

/** Folder that holds the domains. Tests set another one with `ORRERY_DOMAINS`. */
export const domainsFolder = (): string => process.env.ORRERY_DOMAINS ?? DOMAINS;

/**
 * Files of every domain. Without the verifier or its known cases, the first stage that judges would fail, perhaps days
 * later. `domain.ts` may import its phrases, and a missing import is no error that a person can read.
 */
const FILES_BESIDE = ['domain.py', 'phrases.json', 'canaries.jsonl'] as const;

/**
 * Loads `domains/<name>`.
 * @throws InvalidInputError when the domain does not exist or lacks a file, its phrases are malformed, or a server
 *   would refuse its stop strings
 */
export async function loadDomain(name: string): Promise<LoadedDomain> {
  const folder = join(domainsFolder(), name);
  const module = join(folder, 'domain.ts');
  if (!existsSync(module)) {
    const known = readdirSync(domainsFolder()).filter((entry) => existsSync(join(domainsFolder(), entry, 'domain.ts')));
    throw new InvalidInputError('the campaign', [
      { field: 'domain.name', message: `expected a folder of domains/ (${known.join(', ')}), but got "${name}"` },
    ]);
  }
  const absent = FILES_BESIDE.filter((file) => !existsSync(join(folder, file)));
  if (absent.length > 0) {
    throw new InvalidInputError(
      `domains/${name}`,
      absent.map((file) => ({
        field: 'domain.name',
        message: `expected the file ${file} beside ${name}/domain.ts, but it is missing`,
      })),
    );
  }
  const file = join(folder, 'phrases.json');
  // @loads domains/{domain}/domain.ts
  const { domain } = (await import(pathToFileURL(module).href)) as { domain: Domain };
  checkStops(domain, name);
  return { ...domain, folder, phrases: parseOrRefuse(Phrases, JSON.parse(readFileSync(file, 'utf8')), file) };
}

/** Most stop strings of one request. vLLM (VLLM_MAX_STOP_STRINGS) and OpenAI refuse more. */
const MOST_STOPS = 4;

/** @throws InvalidInputError when a policy server would refuse the stop strings of the domain */
function checkStops({ stepStops, solutionStops = [], rewriteStops }: Domain, name: string): void {
  const requests = { 'stepStops and solutionStops': [...stepStops, ...solutionStops], rewriteStops };
  const complaints = Object.entries(requests).flatMap(([field, stops]) =>
    stops.length <= MOST_STOPS && !stops.includes('')
      ? []
      : [
          {
            field: 'domain.name',
            message: `expected at most ${MOST_STOPS} stop strings in a request, none of them empty, but ${field} of ${name} has ${stops.length}`,
          },
        ],
  );
  if (complaints.length > 0) throw new InvalidInputError(`domains/${name}`, complaints);
}

/** The fields that decide whether a domain accepts a campaign. The rest of the campaign may be anything. */
const DomainFields = z.object({
  domain: DomainRef,
  data: z.object({ type: z.string() }).optional().catch(undefined),
  policy: z.object({ type: z.string() }).optional().catch(undefined),
});

/**
 * What the domain of a campaign refuses: wrong settings, and work that it cannot do. Other fields of the campaign may
 * be wrong.
 */
export async function domainComplaints(campaign: unknown): Promise<Complaint[]> {
  if (jsonFault(campaign, SPEC_LIMITS) !== null) return [];
  const parsed = DomainFields.safeParse(campaign);
  if (!parsed.success) return [];
  const { domain: ref, data, policy } = parsed.data;
  try {
    const domain = await loadDomain(ref.name);
    const cannot = (field: string, instead: string): Complaint => ({
      field,
      message: `expected ${instead}: domain ${ref.name} makes no problems and no demonstrations of its own`,
    });
    return [
      ...settingsComplaints(domain, ref.settings),
      ...(domain.generates === false && data?.type === 'generated' ? [cannot('data.type', 'files')] : []),
      ...(domain.generates === false && policy?.type === 'pretrain' ? [cannot('policy.type', 'pretrained')] : []),
    ];
  } catch (error) {
    if (error instanceof InvalidInputError) return [...error.complaints];
    throw error;
  }
}

function settingsComplaints(domain: Domain, settings: Record<string, unknown>): Complaint[] {
  try {
    parseOrRefuse(domain.settings, settings, 'domain.settings');
    return [];
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.complaints.map(({ field, message }) => ({
      field: ['domain.settings', field].filter(Boolean).join('.'),
      message,
    }));
  }
}
