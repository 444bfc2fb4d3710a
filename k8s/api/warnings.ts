import { type KubeEvent, type KubeObject, timeOf } from './objects.ts';

/** Warnings kept of one object: the newest say what is wrong. */
const KEPT = 10;
/** Number of objects whose warnings are kept: those with the latest warnings. */
const OBJECTS_KEPT = 5000;

/** The latest warnings (Events of type Warning) of the objects of a namespace. */
export class Warnings {
  /** By uid of the object that they are about. The object with the oldest warning comes first. */
  readonly #events = new Map<string, KubeEvent[]>();

  note(event: KubeEvent): void {
    const uid = event.involvedObject?.uid;
    if (uid === undefined) return;
    const others = (this.#events.get(uid) ?? []).filter((one) => one.metadata?.uid !== event.metadata?.uid);
    this.#events.delete(uid);
    this.#events.set(uid, [...others, event].slice(-KEPT));
    for (const oldest of this.#events.keys()) {
      if (this.#events.size <= OBJECTS_KEPT) break;
      this.#events.delete(oldest);
    }
  }

  /** Oldest first. */
  of(object: KubeObject): KubeEvent[] {
    const events = this.#events.get(object.metadata?.uid ?? '') ?? [];
    return events.toSorted((a, b) => timeOfEvent(a) - timeOfEvent(b));
  }
}

const timeOfEvent = ({ lastTimestamp, eventTime, firstTimestamp, metadata }: KubeEvent): number =>
  timeOf(lastTimestamp ?? eventTime ?? firstTimestamp ?? metadata?.creationTimestamp) ?? 0;
