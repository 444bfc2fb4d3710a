import type { CoreV1Event, V1Job, V1Node, V1Pod, V1Service } from '@kubernetes/client-node';

/** An object as JSON: times are text. The types of the client library have `Date`, but watches give text. */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer E)[]
    ? Wire<E>[]
    : T extends object
      ? { [K in keyof T]: Wire<T[K]> }
      : T;

export type Job = Wire<V1Job>;
export type Pod = Wire<V1Pod>;
export type Service = Wire<V1Service>;
export type KubeEvent = Wire<CoreV1Event>;
export type KubeNode = Wire<V1Node>;

export interface KubeObject {
  readonly metadata?: {
    readonly name?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
  };
}

/** Turns an object of the client library into its JSON form. */
export const wire = <T>(object: T): Wire<T> => JSON.parse(JSON.stringify(object)) as Wire<T>;

export const nameOf = ({ metadata }: KubeObject): string => metadata?.name ?? '';

/** ms since the epoch; null without a time. */
export const timeOf = (text: string | undefined): number | null => (text === undefined ? null : Date.parse(text));

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

/** The condition of this type, if it is true. */
export const trueCondition = (conditions: readonly Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find((one) => one.type === type && one.status === 'True');

/** The condition of this type, if it is false. */
export const falseCondition = (conditions: readonly Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find((one) => one.type === type && one.status === 'False');

export const annotationOf = (
  { metadata }: { readonly metadata?: { readonly annotations?: { [key: string]: string } } },
  name: string,
): string | null => metadata?.annotations?.[name] ?? null;
