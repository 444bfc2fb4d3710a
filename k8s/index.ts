export { createKubeClient, type KubeClient } from './client.ts';
export { KubeError } from './errors.ts';
export { createKubernetesExecutor, type KubernetesExecutor, type KubernetesExecutorOptions } from './executor.ts';
export { gangObjects } from './gang.ts';
export { jobManifest } from './job.ts';
export { ANNOTATIONS, LABELS } from './labels.ts';
export { kubernetesOutcome } from './outcome.ts';
export { readKubernetesSettings } from './settings.ts';
