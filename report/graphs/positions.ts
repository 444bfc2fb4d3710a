import type { GraphNode } from '../report-schema.ts';

/** A point of a drawing, in pixels; y grows downwards. */
export interface Position {
  readonly x: number;
  readonly y: number;
}

export interface PlacedNode extends GraphNode {
  readonly label: string;
  /** Centre. */
  readonly at: Position;
  readonly width: number;
  readonly height: number;
}
