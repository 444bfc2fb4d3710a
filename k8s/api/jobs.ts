import type { V1Job } from '@kubernetes/client-node';
import type { Connection } from './connection.ts';
import { type Job, nameOf, wire } from './objects.ts';
import { sendOrNull } from './request.ts';

/** A change of an existing Job. */
export interface JobChange {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: { readonly suspend: boolean };
}

/** Requests for Jobs. */
export const jobRequests = ({ batch, namespace }: Connection) => ({
  async getJob(name: string): Promise<Job | null> {
    const job = await sendOrNull(`get Job ${name}`, [404], () => batch.readNamespacedJob({ namespace, name }));
    return job === null ? null : wire(job);
  },

  /** Null if a Job of this name exists. */
  async createJob(job: Job): Promise<Job | null> {
    const body = job as unknown as V1Job;
    const create = () => batch.createNamespacedJob({ namespace, body });
    const created = await sendOrNull(`create Job ${nameOf(job)}`, [409], create);
    return created === null ? null : wire(created);
  },

  /** Null if the Job is gone. */
  async patchJob(name: string, change: JobChange): Promise<Job | null> {
    const patch = () => batch.patchNamespacedJob({ namespace, name, body: jsonPatch(change) });
    const job = await sendOrNull(`change Job ${name}`, [404], patch);
    return job === null ? null : wire(job);
  },

  /** Deletes a Job. Kubernetes removes it after its pods and its Service. */
  async deleteJob(name: string): Promise<void> {
    const body = { propagationPolicy: 'Foreground' };
    await sendOrNull(`delete Job ${name}`, [404], () => batch.deleteNamespacedJob({ namespace, name, body }));
  },
});

function jsonPatch({ annotations, spec }: JobChange): object[] {
  const set = (path: string, value: unknown) => ({ op: 'add', path, value });
  return [
    ...Object.entries(annotations).map(([key, value]) =>
      set(`/metadata/annotations/${key.replaceAll('/', '~1')}`, value),
    ),
    ...Object.entries(spec).map(([key, value]) => set(`/spec/${key}`, value)),
  ];
}
