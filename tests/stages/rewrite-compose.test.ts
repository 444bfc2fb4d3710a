import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LoadedDomain, loadDomain } from '../../domains/domain.ts';
import type { TraceStep } from '../../spec/index.ts';
import { compose } from '../../stages/rewrite/compose.ts';
import { outline, type Part } from '../../stages/rewrite/outline.ts';

const countdown = await loadDomain('countdown');
const math = await loadDomain('math');
const { phrases } = countdown;

const continues = (node: number, step: string, q = 0): TraceStep => ({
  node,
  step,
  q,
  move: { type: 'continue' },
  backTo: null,
});
const backTo = (node: number, step: string, to: number, place: string | null): TraceStep => ({
  ...continues(node, step),
  move: { type: 'backtrack', to },
  backTo: place,
});

const ANSWER = 'Final answer: 3 * 7 = 21 , 21 + 5 = 26';
const WRONG = 'Final answer: 3 * 7 = 21 , 21 - 5 = 16';
const NEVER = { reflectAboveQ: 1.1, reflectProbability: 0 };
const ALWAYS = { reflectAboveQ: 0.75, reflectProbability: 1 };

function textOf(k: number, steps: TraceStep[], settings = NEVER): string {
  const parts = outline({ k, steps, terminalStep: steps.at(-1)!.step }, countdown, settings, () => 0);
  return compose('Use 3 5 7 to make 26 :', parts, countdown).text;
}

describe('the outline of a solution', () => {
  const direct = [continues(1, '3 * 7 = 21 .', 0.9), continues(4, '21 + 5 = 26 .', 1), continues(6, ANSWER, 1)];
  const searching = [
    continues(1, '3 * 7 = 21 .', 0.9),
    continues(3, '21 - 5 = 16 .', 0.9),
    continues(5, WRONG),
    backTo(4, '21 + 5 = 26 .', 1, '21'),
    continues(6, ANSWER, 1),
  ];

  test('of a direct trace has no reflections, whatever its values', () => {
    expect(textOf(0, direct, ALWAYS)).toBe(` 3 * 7 = 21 . 21 + 5 = 26 . ${ANSWER}`);
  });

  test('goes back with a reflection, a negative verdict and the name of the place, and ends with a positive reflection', () => {
    expect(textOf(1, searching)).toBe(
      ` 3 * 7 = 21 . 21 - 5 = 16 . ${phrases.reflection} ${phrases.negative} Let's go back to where we had 21 . ` +
        `21 + 5 = 26 . ${phrases.reflection} ${phrases.positive} ${ANSWER}`,
    );
  });

  test('restarts when the trace goes back to the root', () => {
    const steps = [
      continues(2, '3 + 5 = 8 .'),
      continues(3, '8 + 7 = 15 .'),
      continues(5, 'Final answer: 3 + 5 = 8 , 8 + 7 = 15'),
      backTo(1, '3 * 7 = 21 .', 0, null),
      ...direct.slice(1),
    ];
    expect(textOf(1, steps)).toBe(
      ` 3 + 5 = 8 . 8 + 7 = 15 . ${phrases.reflection} ${phrases.negative} ${phrases.restart} ` +
        `3 * 7 = 21 . 21 + 5 = 26 . ${phrases.reflection} ${phrases.positive} ${ANSWER}`,
    );
  });

  test('reflects after intermediate nodes of high Q, except directly before it goes back', () => {
    const parts = outline({ k: 1, steps: searching, terminalStep: ANSWER }, countdown, ALWAYS, () => 0);
    expect(parts.map(({ kind, node }) => `${kind} ${node}`)).toEqual([
      'step 1',
      'reflection 1',
      'positive 1',
      'step 3',
      'reflection 3',
      'negative 3',
      'backtrack 1',
      'step 4',
      'reflection 4',
      'positive 4',
      'answer 6',
    ]);
  });

  test('reflects at random, with one draw for each node of high Q', () => {
    let draws = 0;
    const random = () => {
      draws += 1;
      return 0.5;
    };
    const settings = { reflectAboveQ: 0.75, reflectProbability: 0.5 };
    const parts = outline({ k: 1, steps: searching, terminalStep: ANSWER }, countdown, settings, random);
    expect(draws).toBe(1);
    expect(parts.filter(({ kind }) => kind === 'positive')).toHaveLength(1);
  });

  test('has the reasoning of a terminal in its place, and the answer only at the end', () => {
    const steps = [
      continues(1, 'Half is \\$3\\$.\n\n'),
      continues(2, 'So we add. The answer is \\boxed{7}.'),
      backTo(3, 'So we double. The answer is \\boxed{6}.', 1, 'Half is 3'),
    ];
    const parts = outline({ k: 1, steps, terminalStep: steps.at(-1)!.step }, math, NEVER, () => 0);
    expect(parts.filter(({ kind }) => kind === 'step').map(({ text }) => text.trim())).toEqual([
      'Half is \\$3\\$.',
      'So we add.',
      'So we double.',
    ]);
    expect(parts.at(-1)).toMatchObject({ kind: 'answer', node: 3, text: 'The answer is \\boxed{6}.' });
  });

  test('copies a place that looks like a replacement pattern unchanged', () => {
    const steps = [continues(1, 'a .'), continues(2, WRONG), backTo(3, 'b .', 1, '$& {place}'), continues(4, ANSWER)];
    const parts = outline({ k: 1, steps, terminalStep: ANSWER }, countdown, NEVER, () => 0);
    expect(parts.find(({ kind }) => kind === 'backtrack')!.text).toBe("Let's go back to where we had $& {place} .");
  });
});

describe('a composed text', () => {
  const anyParts = (): fc.Arbitrary<Part[]> =>
    fc.array(
      fc.record({
        kind: fc.constantFrom('step', 'reflection', 'negative', 'positive', 'backtrack', 'restart', 'answer'),
        node: fc.nat(20),
        text: fc.string({ minLength: 1 }).map((text) => `x${text}x`),
        follows: fc.boolean(),
      }),
      { minLength: 1 },
    );

  const covers = (domain: LoadedDomain, prompt: string) =>
    fc.assert(
      fc.property(anyParts(), (parts) => {
        const { text, spans } = compose(prompt, parts, domain);
        let end = 0;
        spans.forEach(({ from, to, kind, node }, index) => {
          expect(text.slice(from, to)).toBe(parts[index]!.text.trim());
          expect({ kind, node }).toEqual({ kind: parts[index]!.kind, node: parts[index]!.node });
          expect(text.slice(end, from).trim()).toBe(''); // only joiners between spans
          end = to;
        });
        expect(end).toBe(text.length);
        const whole = prompt + text;
        expect(whole.startsWith(prompt)).toBe(true);
        if (parts.every(({ follows }) => !follows)) {
          expect(whole).toBe(domain.join([prompt, ...parts.map((part) => part.text)]));
        }
      }),
    );

  test('is covered by spans in order, in words of countdown', () => covers(countdown, 'Use 3 5 7 to make 26 :'));
  test('is covered by spans in order, in paragraphs of mathematics', () =>
    covers(math, math.prompts.solve('What is 2?')));

  test('begins with the joiner, so that prompt and text form the whole', () => {
    const parts: Part[] = [{ kind: 'step', node: 1, text: '3 + 5 = 8 .', follows: false }];
    expect(compose('Use 3 5 to make 8 :', parts, countdown).text).toBe(' 3 + 5 = 8 .');
    expect(compose(math.prompts.solve('What is 2?'), parts, math).text).toBe('3 + 5 = 8 .');
  });
});
