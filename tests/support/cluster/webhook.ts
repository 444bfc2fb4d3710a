import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { AdmissionregistrationV1Api } from '@kubernetes/client-node';
import getPort from 'get-port';
import { inCluster } from '../../../dev/cluster/paths.ts';
import { addressOf, type ClusterSettings } from '../../../dev/cluster/settings.ts';
import { eventually } from './job-story.ts';
import type { TestNamespace } from './test-namespace.ts';

/**
 * A validating webhook of the cluster that refuses every pod of a namespace, with words. It shows the API server's own
 * certificate.
 */
export async function refusingWebhook(stage: TestNamespace & { readonly settings: ClusterSettings }, words: string) {
  const [cert, key] = ['apiserver.crt', 'apiserver.key'].map((file) => readFileSync(inCluster('certs', file), 'utf8'));
  let asked = 0;
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      asked += 1;
      const { uid } = JSON.parse(Buffer.concat(chunks).toString()).request as { uid: string };
      const review = { uid, allowed: false, status: { code: 403, message: words } };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: review }));
    });
  });
  const port = await getPort();
  await new Promise<void>((resolve) => server.listen(port, addressOf(stage.settings), resolve));

  const api = stage.admin.makeApiClient(AdmissionregistrationV1Api);
  const name = `${stage.name}-budget`;
  await api.createValidatingWebhookConfiguration({
    body: {
      metadata: { name },
      webhooks: [
        {
          name: 'budget.example.com',
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy: 'Fail',
          clientConfig: {
            url: `https://${addressOf(stage.settings)}:${port}/`,
            caBundle: Buffer.from(cert ?? '').toString('base64'),
          },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': stage.name } },
        },
      ],
    },
  });
  return {
    /** Waits until the API server has asked. */
    asked: () => eventually('the webhook is asked', () => asked > 0),
    async [Symbol.asyncDispose]() {
      await api.deleteValidatingWebhookConfiguration({ name });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
