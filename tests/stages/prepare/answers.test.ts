import { describe, expect, test } from 'vitest';
import { ProblemFile } from '../../../spec/index.ts';
import { answerOfField, answerOfSolution, lastBox } from '../../../stages/prepare/answers.ts';
import { fieldsOf, readRecord } from '../../../stages/prepare/read-record.ts';

describe('the last box', () => {
  test.each([
    ['\\boxed{42}', '42'],
    ['first \\boxed{1}, then $\\boxed{\\frac{1}{\\sqrt{2}}}$.', '\\frac{1}{\\sqrt{2}}'],
    ['\\boxed{\\left\\{ x \\mid x > 0 \\right\\}}', '\\left\\{ x \\mid x > 0 \\right\\}'],
    ['\\boxed 7.', '7'],
    ['\\boxed\\pi', '\\pi'],
    ['\\fbox{\\textbf{(A)}}', '\\textbf{(A)}'],
  ])('of %s holds %s', (text, answer) => expect(lastBox(text)).toEqual({ answer }));

  test('that is not closed is a fault, whatever the boxes before contain', () => {
    expect(lastBox('\\boxed{1} and \\boxed{\\frac{1}{2}')).toEqual({ fault: 'its last \\boxed{ is not closed' });
  });
  test('is not the command in \boxedsomething', () => expect(lastBox('\\boxedset{1}')).toBeNull());
});

describe('an answer field', () => {
  test.each([
    ['42', '42'],
    [' $\\frac{1}{2}$. ', '\\frac{1}{2}'],
    ['\\(x = 3\\)', 'x = 3'],
    ['$$x^2$$', 'x^2'],
    ['\\$36', '\\$36'],
    ['$36', '$36'],
    ['5 + 13 = 18\n#### 18', '18'],
    ['so it is \\boxed{18}', '18'],
  ])('%j gives the answer %j', (text, answer) => expect(answerOfField(text)).toEqual({ answer }));

  test.each([
    ['proof', '"proof" is no answer'],
    ['#### ', 'the answer is empty'],
    ['9'.repeat(1001), 'the answer is 1001 characters long, more than 1000'],
  ])('%j gives no answer', (text, fault) => expect(answerOfField(text)).toEqual({ fault }));
});

test('prose without a mark gives no answer', () => {
  expect(answerOfSolution('Clearly it is 4.')).toEqual({ fault: 'the solution has neither \\boxed{} nor ####' });
});

describe('a record', () => {
  const read = (value: unknown, file: Partial<ProblemFile> = {}) =>
    readRecord(value, fieldsOf(ProblemFile.parse({ name: 'set', path: 'set.jsonl', ...file })));

  test('of MATH has level and subject, and its answer is in the box of its solution', () => {
    const value = { problem: 'p', level: 'Level 5', type: 'Algebra', solution: 'So \\boxed{7}.' };
    expect(read(value, { layout: 'math' })).toMatchObject({
      origin: 'Algebra',
      level: '5',
      outcome: { kind: 'problem', problem: 'p', reference: '7' },
    });
  });

  test('of NuminaMath has its source, and its answer field comes before the solution', () => {
    const value = {
      problem: 'p',
      source: 'amc_aime',
      solution: '\\boxed{1}',
      messages: [{ role: 'user', content: 'p' }],
    };
    expect(read(value, { layout: 'numina' })).toMatchObject({ origin: 'amc_aime', outcome: { reference: '1' } });
    expect(read({ ...value, answer: '2' }, { layout: 'numina' })).toMatchObject({ outcome: { reference: '2' } });
    expect(read({ ...value, answer: 'proof' }, { layout: 'numina' })).toMatchObject({
      outcome: { kind: 'unanswered' },
    });
  });

  test('of GSM8K has its answer after ####', () => {
    const value = { question: 'p', answer: 'Half of 36 is <<36/2=18>>18.\n#### 18' };
    expect(read(value, { layout: 'gsm8k' })).toMatchObject({ outcome: { problem: 'p', reference: '18' } });
  });

  test('of a forum has several solutions: those without a box are skipped, other answers are kept for comparison', () => {
    const solutions = ['I agree.', 'Thus \\boxed{0.5}', 'Thus \\boxed{\\frac12}', '\\boxed{0.5}'];
    expect(read({ problem: 'p', solutions }, { layout: 'aops' })).toMatchObject({
      outcome: { kind: 'problem', reference: '0.5', others: ['\\frac12'] },
    });
    expect(read({ problem: 'p', solutions: ['I agree.'] }, { layout: 'aops' })).toMatchObject({
      outcome: { kind: 'unanswered', fault: 'the solution has neither \\boxed{} nor ####' },
    });
  });

  test('may have its parts anywhere: dots lead into objects and lists', () => {
    const fields = { problem: 'messages.0.content', answer: 'meta.answers.1', level: 'meta.level', id: 'meta.id' };
    const value = { messages: [{ content: 'p' }], meta: { answers: [1, 2.5], level: 3, id: 17 } };
    expect(read(value, { fields })).toMatchObject({
      level: '3',
      outcome: { id: '17', problem: 'p', reference: '2.5' },
    });
  });

  test.each([
    [{ answer: '1' }, 'there is no "problem"'],
    [{ problem: ' ', answer: '1' }, 'there is no "problem"'],
    [{ problem: 'p', answer: null }, 'there is no "answer" and no "solution"'],
    [['p', '1'], 'there is no "problem"'],
    [null, 'there is no "problem"'],
  ])('%j is not a problem', (value, fault) => expect(read(value).outcome).toEqual({ kind: 'bad', fault }));
});
