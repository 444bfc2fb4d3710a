import { describe, expect, test } from 'vitest';
import { loadDomain } from '../../domains/domain.ts';
import { drawText } from '../../report/graphs/draw.ts';
import { layOut } from '../../report/graphs/layout.ts';
import { segmentsOf } from '../../report/graphs/segments.ts';
import { graphOf } from '../../report/graphs/solution-graph.ts';
import { BACKTRACKING_TEXT, searchSolution } from '../support/campaign-data.ts';

const countdown = await loadDomain('countdown');
const graphOfText = (text: string) => graphOf('', text, segmentsOf(text, countdown));
const arrows = (edges: ReturnType<typeof graphOf>['edges'], kind: string) =>
  edges.filter((edge) => edge.kind === kind).map(({ from, to }) => `${from}>${to}`);

describe('reading a completion', () => {
  test('finds steps and phrases in order, and the step that a backtrack names', () => {
    const spans = segmentsOf(BACKTRACKING_TEXT, countdown);
    expect(spans.map(({ kind, node }) => `${kind} ${node}`)).toEqual([
      'step 1',
      'step 2',
      'reflection 2',
      'negative 2',
      'backtrack 1',
      'step 3',
      'reflection 3',
      'negative 3',
      'restart 0',
      'step 4',
      'step 5',
      'reflection 5',
      'positive 5',
      'answer 6',
    ]);
  });
  test('covers the text, except white space, without overlap', () => {
    const spans = segmentsOf(BACKTRACKING_TEXT, countdown);
    const between = [...spans, null].map((span, at) => BACKTRACKING_TEXT.slice(spans[at - 1]?.to ?? 0, span?.from));
    expect(between.join('').trim()).toBe('');
  });
  test('a place is not found inside a longer number', () => {
    const text = "3 * 7 = 21 . Let's go back to where we had 2 . 5 + 7 = 12 .";
    expect(segmentsOf(text, countdown).find(({ kind }) => kind === 'backtrack')?.node).toBeNull();
  });
  const goingBackTo = (steps: string, place: string) =>
    segmentsOf(`${steps} Let's go back to where we had ${place} . 5 + 7 = 12 .`, countdown).find(
      ({ kind }) => kind === 'backtrack',
    )?.node;
  test.each([
    { name: 'the step that ends with the place', steps: 'A 5 takes 8 to 3 . A 1 takes 3 to 2 .', place: '3', want: 1 },
    {
      name: 'the step that ends with it, although another one names it',
      steps: 'A 9 less 5 is 4 . 4 and 5 is 9 .',
      place: '9',
      want: 2,
    },
    {
      name: 'the first step that names it, because others continue from there',
      steps: 'We get 21 from 3 * 7 . 21 plus 7 gives 28 .',
      place: '21',
      want: 1,
    },
    { name: 'no step, when none names it', steps: 'We get 21 from 3 * 7 .', place: '22', want: null },
  ])('a place among reworded steps belongs to $name', ({ steps, place, want }) =>
    expect(goingBackTo(steps, place)).toBe(want),
  );
  test('of two steps that led to equal places, the one on the current path counts', () => {
    const text = `3 * 7 = 21 . ${countdown.phrases.restart} 7 * 3 = 21 . 21 - 5 = 16 .`;
    expect(goingBackTo(text, '21')).toBe(2);
  });
  test('a text without a step or phrase has no spans to draw', () => expect(segmentsOf('', countdown)).toEqual([]));
});

describe('the graph of a solution', () => {
  test('has transitions, reflections with their verdicts, and corrections to where it goes back', () => {
    const { text, spans } = searchSolution('s');
    const { nodes, edges } = graphOf('the problem', text, spans);
    expect(nodes.map(({ id }) => id)).toEqual([0, 1, 4, 6, 2, 9]);
    expect(arrows(edges, 'transition')).toEqual(['0>1', '1>4', '1>6', '0>2', '2>9']);
    expect(arrows(edges, 'correction')).toEqual(['4>1', '6>0']);
    expect(edges.filter(({ kind }) => kind === 'reflection').map(({ verdict }) => verdict)).toEqual([
      'negative',
      'negative',
      'positive',
    ]);
    expect(nodes.at(-1)).toMatchObject({ id: 9, kind: 'answer' });
  });
  test('a backtrack to an unknown place is not an edge', () => {
    const { edges } = graphOfText("3 * 7 = 21 . Let's go back to where we had 99 . 21 + 5 = 26 .");
    expect(arrows(edges, 'correction')).toEqual([]);
    expect(arrows(edges, 'transition')).toEqual(['0>1', '1>2']);
  });
});

describe('the drawing', () => {
  const { text, spans } = searchSolution('s');
  const graph = graphOf('the problem', text, spans);

  test('puts branches from left to right in the order in which they were tried, below their start', () => {
    const { nodes } = layOut(graph.nodes, graph.edges);
    const at = new Map(nodes.map((node) => [node.id, node.at]));
    expect(at.get(1)!.x).toBeLessThan(at.get(2)!.x);
    expect(at.get(4)!.x).toBeLessThan(at.get(6)!.x);
    for (const { from, to } of graph.edges.filter(({ kind }) => kind === 'transition')) {
      expect(at.get(from)!.y).toBeLessThan(at.get(to)!.y);
    }
  });
  test('keeps everything inside its box, and steps apart', () => {
    const { nodes, box, corrections } = layOut(graph.nodes, graph.edges);
    expect(corrections).toHaveLength(2);
    for (const { at, width, height } of nodes) {
      expect(at.x - width / 2).toBeGreaterThanOrEqual(box.x);
      expect(at.x + width / 2).toBeLessThanOrEqual(box.x + box.width);
      expect(at.y + height / 2).toBeLessThanOrEqual(box.y + box.height);
    }
    const overlapping = nodes.flatMap((a) =>
      nodes.filter(
        (b) =>
          a.id < b.id && Math.abs(a.at.x - b.at.x) < (a.width + b.width) / 2 && Math.abs(a.at.y - b.at.y) < a.height,
      ),
    );
    expect(overlapping).toEqual([]);
  });
  test('escapes text of the policy', () => {
    const page = drawText({ text: '<script>x</script>', spans: [{ from: 0, to: 8, kind: 'step', node: 1 }] }).text;
    expect(page).not.toContain('<script>');
  });
});
