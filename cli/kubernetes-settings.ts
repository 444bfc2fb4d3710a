import { KubernetesSettings } from '../spec/index.ts';

/** The settings file that a command is to use: what it is told, else what a worker of this environment uses; null where there is none. */
export const settingsFile = (told: string | undefined): string | null =>
  told ?? (process.env.ORRERY_KUBERNETES || null);

/** Where only machines are asked about: images and claims do not matter to them. */
export const SETTINGS_OF_NO_CLUSTER: KubernetesSettings = KubernetesSettings.parse({
  image: 'not-said',
  store: { claim: 'not-said' },
});
