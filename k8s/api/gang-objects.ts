import type { V1Service } from '@kubernetes/client-node';
import type { Connection } from './connection.ts';
import { nameOf, type Service } from './objects.ts';
import { sendOrNull } from './request.ts';

/** Requests for the objects of a gang beside its Job, and for objects of other controllers. */
export const gangRequests = ({ core, custom, namespace }: Connection) => ({
  /** Creates a Service. An existing one of this name is left unchanged. */
  async createService(service: Service): Promise<void> {
    const body = service as unknown as V1Service;
    const create = () => core.createNamespacedService({ namespace, body });
    await sendOrNull(`create Service ${nameOf(service)}`, [409], create);
  },

  /**
   * Creates an object of a resource that some clusters do not serve. An existing one of this name is left unchanged.
   * @returns false if the cluster does not serve the resource
   */
  async createCustom(group: string, version: string, plural: string, body: object): Promise<boolean> {
    const create = () => custom.createNamespacedCustomObject({ group, version, plural, namespace, body });
    const created = await sendOrNull(`create ${plural}`, [404], async () => {
      return (await sendOrNull(`create ${plural}`, [409], create)) ?? {};
    });
    return created !== null;
  },

  /** Empty if the cluster does not serve the resource, or the worker may not read it. */
  async listCustom(group: string, version: string, plural: string, labelSelector: string): Promise<unknown[]> {
    const request = () => custom.listNamespacedCustomObject({ group, version, plural, namespace, labelSelector });
    const list = await sendOrNull(`list ${plural}`, [403, 404], request);
    return (list as { items?: unknown[] } | null)?.items ?? [];
  },
});
