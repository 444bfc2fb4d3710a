import type { V1Container, V1Probe } from '@kubernetes/client-node';
import type { JobRequest, Program } from '../../executor/index.ts';
import { type KubernetesSettings, POD_ENV } from '../../spec/index.ts';
import { container } from './container.ts';
import { POLICY_PORT, POLICY_SERVER } from './labels.ts';
import { serverResources } from './resources.ts';

const STARTUP_PERIOD_SECONDS = 2;
/** A decoding server may be slow to answer. One that is silent for two minutes hangs. *Ours*. */
const LIVENESS = { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 12 } as const;

/**
 * The policy server as a native sidecar: it starts before the main program, is ready when `GET /health` answers 200,
 * and ends after it. The kubelet restarts a server that dies or hangs; the main program waits for it within its own
 * limits.
 */
export function policyServerContainer(
  program: Program,
  request: JobRequest,
  settings: KubernetesSettings,
): V1Container {
  const health: V1Probe = { httpGet: { path: '/health', port: POLICY_PORT } };
  return {
    ...container(POLICY_SERVER, program, request, settings, {
      env: [
        { name: POD_ENV.policyPort, value: String(POLICY_PORT) },
        // Probes come from outside of the pod, so the loopback address does not reach.
        { name: POD_ENV.policyHost, value: '0.0.0.0' },
      ],
      resources: serverResources(request, settings),
    }),
    restartPolicy: 'Always',
    ports: [{ name: 'policy', containerPort: POLICY_PORT }],
    startupProbe: {
      ...health,
      periodSeconds: STARTUP_PERIOD_SECONDS,
      timeoutSeconds: LIVENESS.timeoutSeconds,
      failureThreshold: Math.ceil(settings.limits.policyStartSeconds / STARTUP_PERIOD_SECONDS),
    },
    livenessProbe: { ...health, ...LIVENESS },
  };
}
