import type { Place, PlacedNode } from './places.ts';

/** A cubic Bézier curve. */
export interface Curve {
  readonly from: Place;
  readonly controls: readonly [Place, Place];
  readonly to: Place;
}

/** How far a correction keeps away from the outermost step that it passes. In pixels. */
const CLEARANCE = 34;
/** Where it leaves the top border of a step, from the corner. */
const INSET = 14;

/**
 * The way of a correction: from the top corner of a step outwards, past the steps that are given up, into the side of the step returned to.
 * It takes the side on which it gets past them sooner.
 * @param way - steps from the one left to the one returned to
 * @returns null when the way has no two ends
 */
export function correctionCurve(way: readonly PlacedNode[]): Curve | null {
  const [source] = way;
  const target = way.at(-1);
  if (source === undefined || target === undefined || source === target) return null;
  const outermost = (side: number) => Math.max(...way.map(({ at, width }) => side * at.x + width / 2));
  const detour = (side: number) => outermost(side) - side * source.at.x;
  const side = detour(1) < detour(-1) ? 1 : -1; // left when it is all the same: the reflections are on the right
  const outer = side * (outermost(side) + CLEARANCE);
  const from = { x: source.at.x + side * (source.width / 2 - INSET), y: source.at.y - source.height / 2 };
  const to = { x: target.at.x + (side * target.width) / 2, y: target.at.y };
  return {
    from,
    controls: [
      { x: outer, y: from.y - 8 },
      { x: outer, y: to.y },
    ],
    to,
  };
}

/** Points between which the curve lies. */
export const hullOf = ({ from, controls: [near, far], to }: Curve): Place[] => {
  // The curve comes no nearer to its controls than three quarters of the way.
  const reach = (control: Place, end: Place) => ({ x: end.x + 0.75 * (control.x - end.x), y: control.y });
  return [from, reach(near, from), reach(far, to), to];
};
