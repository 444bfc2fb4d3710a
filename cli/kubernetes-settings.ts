import { KubernetesSettings } from '../spec/index.ts';

/**
 * The settings file of a command: the value of its option, else ORRERY_KUBERNETES, as for a worker; null when neither
 * is set.
 */
export const settingsFile = (option: string | undefined): string | null =>
  option ?? (process.env.ORRERY_KUBERNETES || null);

/** Settings for questions about nodes only. The image and the volume claim do not matter there. */
export const PLACEHOLDER_SETTINGS: KubernetesSettings = KubernetesSettings.parse({
  image: 'not-said',
  store: { claim: 'not-said' },
});
