import fc from 'fast-check';
import {
  grow,
  INITIAL_TREE,
  isExhausted,
  type NewNode,
  type SearchTree,
  type TreeEvent,
} from '../../stages/search/tree.ts';

/** A random log of a search. Every event is valid after the ones before it. */
export const anyEvents = (): fc.Arbitrary<TreeEvent[]> =>
  fc
    .array(fc.record({ pick: fc.nat(1000), children: fc.array(anyChild(), { minLength: 0, maxLength: 4 }) }), {
      maxLength: 14,
    })
    .map((moves) => {
      const events: TreeEvent[] = [];
      let tree: SearchTree = INITIAL_TREE;
      for (const { pick, children } of moves) {
        if (isExhausted(tree)) break;
        const leaves = tree.nodes.filter(({ id }) => tree.children[id]!.length === 0);
        const leaf = leaves[pick % leaves.length]!;
        const event: TreeEvent = leaf.terminal
          ? { type: 'revisited', leaf: leaf.id }
          : children.length === 0
            ? { type: 'closed', leaf: leaf.id }
            : {
                type: 'expanded',
                leaf: leaf.id,
                children: children.map((child, index) => named(child, `${tree.nodes.length + index}`)),
              };
        events.push(event);
        tree = grow(tree, event);
      }
      return events;
    });

export const anyTree = (): fc.Arbitrary<SearchTree> => anyEvents().map((events) => events.reduce(grow, INITIAL_TREE));

/**
 * In words of countdown: a terminal with or without reasoning before its answer, right, wrong in a few ways, or without
 * answer.
 */
const anyChild = (): fc.Arbitrary<NewNode> =>
  fc.oneof(
    fc.record({
      step: fc.constant(''),
      prior: fc.constantFrom(0.1, 0.4, 0.5),
      terminal: fc.constant(false),
      answer: fc.constant(null),
      reward: fraction(),
    }),
    fc
      .record({
        prior: fc.constantFrom(0.1, 0.4, 0.5),
        answer: fc.constantFrom('right', 'x', 'y', 'z', null),
        reasons: fc.boolean(),
      })
      .map(({ prior, answer, reasons }) => ({
        step: `${reasons ? 'so . ' : ''}Final answer: ${answer}`,
        prior,
        terminal: true,
        answer,
        reward: answer === 'right' ? 1 : 0,
      })),
  );

const fraction = () => fc.integer({ min: 0, max: 4 }).map((right) => right / 4);
const named = (child: NewNode, id: string): NewNode => ({
  ...child,
  step: child.terminal ? `${child.step} (${id})`.replace('so .', `so ${id} .`) : `= ${id} .`,
});
