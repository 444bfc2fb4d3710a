import { stringify } from 'yaml';
import { POD_USER } from './images.ts';
import { CLAIMS } from './volumes.ts';

/** The settings of a worker on this cluster: the file that `ORRERY_KUBERNETES` names (docs/kubernetes.md). */

/** Path of the project in pods. */
const PROGRAMS = '/opt/orrery';

/** @param image - image of the stages' containers */
export const workerSettings = (namespace: string, image: string) => ({
  namespace,
  image,
  programs: { root: PROGRAMS, node: `${PROGRAMS}/node_modules/node/bin/node`, python: `${PROGRAMS}/.venv/bin/python` },
  store: { claim: CLAIMS.store },
  volumes: [{ claim: CLAIMS.programs, mountPath: PROGRAMS, readOnly: true }],
  user: { uid: POD_USER, gid: POD_USER },
});

export const workerSettingsText = (namespace: string, image: string): string =>
  `# Written by \`npm run cluster:up\`.\n${stringify(workerSettings(namespace, image))}`;
