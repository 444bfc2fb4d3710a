import type { PlacedNode, Position } from './positions.ts';

/** A cubic Bézier curve. */
export interface Curve {
  readonly from: Position;
  readonly controls: readonly [Position, Position];
  readonly to: Position;
}

/** Distance of a correction from the outermost step that it passes, in pixels. */
const CLEARANCE = 34;
/** Distance from the corner of a step to where a correction leaves its top border. */
const INSET = 14;

/**
 * The curve of a correction: from the top corner of a step outwards, past the abandoned steps, into the side of the
 * step that it returns to. It takes the side with the shorter way.
 * @param way - steps from the one that is left to the one returned to
 * @returns null when both ends are the same step, or one is missing
 */
export function correctionCurve(way: readonly PlacedNode[]): Curve | null {
  const [source] = way;
  const target = way.at(-1);
  if (source === undefined || target === undefined || source === target) return null;
  const outermost = (side: number) => Math.max(...way.map(({ at, width }) => side * at.x + width / 2));
  const detour = (side: number) => outermost(side) - side * source.at.x;
  const side = detour(1) < detour(-1) ? 1 : -1; // left when both are equal, because reflections are on the right
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

/** Points that enclose the curve. */
export const hullOf = ({ from, controls: [near, far], to }: Curve): Position[] => {
  // The curve reaches at most three quarters of the way to its control points.
  const reach = (control: Position, end: Position) => ({ x: end.x + 0.75 * (control.x - end.x), y: control.y });
  return [from, reach(near, from), reach(far, to), to];
};
