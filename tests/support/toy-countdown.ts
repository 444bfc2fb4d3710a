import type { Problem } from '../../spec/index.ts';
import type { Completion, CompletionRequest, PolicyDriver } from '../../stages/policy/policy.ts';
import { random, seedFor } from '../../stages/runtime/random.ts';
import type { Verifier } from '../../stages/verifier/verifier.ts';

/**
 * Countdown in memory: a policy that plays random legal steps and judges well, and a verifier. Deterministic by seed,
 * and independent of the code under test.
 */

export const PROBLEM: Problem = {
  id: 'countdown-3-5-7-26',
  problem: 'Use 3 5 7 to make 26 :',
  reference: '26',
  source: 'countdown',
};
export const PROBLEMS: readonly Problem[] = [
  PROBLEM,
  { id: 'countdown-2-4-6-14', problem: 'Use 2 4 6 to make 14 :', reference: '14', source: 'countdown' },
  { id: 'countdown-1-8-9-1', problem: 'Use 1 8 9 to make 1 :', reference: '1', source: 'countdown' },
];

/** @param delay - awaited before every answer. A test can change the order of answers with it, or block them */
export function toyPolicy(delay: (request: CompletionRequest) => Promise<void> = async () => {}): PolicyDriver {
  const usage = { promptTokens: 0, completionTokens: 0, requests: 0, cutToRoom: 0, withoutRoom: 0 };
  async function ask(request: CompletionRequest) {
    await delay(request);
    const completions = Array.from({ length: request.n }, (_, index) => answer(request, index));
    const promptTokens = request.prompt.split(' ').length;
    const completionTokens = completions.reduce((sum, { tokens }) => sum + tokens, 0);
    usage.requests += 1;
    usage.promptTokens += promptTokens;
    usage.completionTokens += completionTokens;
    return { completions, promptTokens, completionTokens, isCut: false };
  }
  return { usage, ask, complete: async (request) => (await ask(request)).completions };
}

export const toyVerifier = (): Verifier => ({
  async verify(problem, completion) {
    const declared = completion.split('Final answer:').at(-1)!.trim();
    if (!completion.includes('Final answer:') || declared === '') return { verdict: 'wrong', answer: null };
    const right = declared.endsWith(`= ${problem.reference}`);
    return { verdict: right ? 'right' : 'wrong', answer: declared };
  },
  async close() {},
});

/** Completion `index` of a request. */
export function answer(
  { prompt, stop, seed }: Pick<CompletionRequest, 'prompt' | 'stop' | 'seed'>,
  index: number,
): Completion {
  const next = random(seedFor(seed, index));
  const { text, logprob } = prompt.startsWith('Notes')
    ? { text: judge(prompt), logprob: 0 }
    : prompt.startsWith('Rewrite')
      ? { text: prose(prompt, next), logprob: 0 }
      : play(prompt, stop !== undefined, next);
  return { text, logprob, tokens: text.split(' ').length, finishReason: 'stop' };
}

/** Random legal steps from the state of the prompt: one step, or all to the end. */
function play(prompt: string, oneStep: boolean, next: () => number): { text: string; logprob: number } {
  const [problem, said = ''] = prompt.split(' :');
  const left = problem!.split(' to make ')[0]!.split(' ').slice(1).map(Number);
  const equations = [...said.matchAll(/(\d+) ([-+*]) (\d+) = (\d+)/g)].map((found) => found[0]);
  for (const equation of equations) apply(left, equation);
  const words: string[] = [];
  let logprob = 0;
  for (;;) {
    if (left.length <= 1) {
      words.push(`Final answer: ${equations.join(' , ')}`);
      return { text: words.join(' '), logprob };
    }
    const legal = left.flatMap((a, i) =>
      left.flatMap((b, j) =>
        i >= j
          ? []
          : [
              `${a} + ${b} = ${a + b}`,
              `${a} * ${b} = ${a * b}`,
              `${Math.max(a, b)} - ${Math.min(a, b)} = ${Math.abs(a - b)}`,
            ],
      ),
    );
    const equation = legal[Math.floor(next() * legal.length)]!;
    logprob -= Math.log(legal.length);
    equations.push(equation);
    apply(left, equation);
    words.push(`${equation} .`);
    if (oneStep) return { text: words.join(' '), logprob };
  }
}

function apply(left: number[], equation: string): void {
  const [a, , b, , result] = equation.split(' ').map(Number);
  for (const used of [a!, b!]) left.splice(left.indexOf(used), 1);
  left.push(result!);
}

function judge(prompt: string): string {
  const target = /to make (\d+)/.exec(prompt)![1];
  const reached = [...prompt.matchAll(/= (\d+) \./g)].at(-1)?.[1];
  return reached === target ? 'Our solution seems to be correct so far.' : 'Our solution does not reach the target.';
}

/** Sometimes loses a number, which is a fault. */
function prose(prompt: string, next: () => number): string {
  const [, a, sign, b, result] = /(\d+) ([-+*]) (\d+) = (\d+)/.exec(prompt)!;
  return next() < 0.25 ? `We get ${result} .` : `We get ${result} from ${a} ${sign} ${b} .`;
}
