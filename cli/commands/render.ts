import { stringify } from 'yaml';
import { CommandError, EXIT, type ExitCode } from '../../config/command-errors.ts';
import { readCampaignFile } from '../campaign-file.ts';
import { draftJobs } from '../drafts.ts';
import { settingsFile } from '../kubernetes-settings.ts';

interface RenderOptions {
  readonly stage?: string;
  readonly settings?: string;
}

/** Placeholder for the UID of the Job, which only the API server knows. */
const UNKNOWN_UID = '00000000-0000-0000-0000-000000000000';

/** `render`: the objects that the executor would send to Kubernetes. */
export async function render(file: string, options: RenderOptions): Promise<ExitCode> {
  const { spec } = await readCampaignFile(file, { dataFiles: 'optional', engines: 'optional' });
  const path = settingsFile(options.settings);
  if (path === null) {
    throw new CommandError(
      EXIT.usage,
      'the images and volume claims of the cluster are unknown',
      'name its settings file: --settings deploy/kubernetes.example.yaml, or ORRERY_KUBERNETES',
    );
  }
  // This import includes the client library, which loads slowly.
  const { gangObjects, jobManifest, readKubernetesSettings } = await import('../../k8s/index.ts');
  const settings = readKubernetesSettings(path);
  const drafts = draftJobs(spec);
  const wanted = drafts.filter(({ slot }) => options.stage === undefined || slot.name === options.stage);
  if (wanted.length === 0) {
    const names = drafts.map(({ slot }) => slot.name).join(', ');
    throw new CommandError(EXIT.missing, `there is no stage ${options.stage}`, `the stages are ${names}`);
  }
  const documents = wanted.flatMap(({ request }) => {
    const job = jobManifest(request, settings, 'draft');
    if (!request.gang) return [job];
    const { service, podGroup } = gangObjects(request, settings, 'draft', UNKNOWN_UID);
    return [job, service, ...(podGroup === null ? [] : [podGroup.body])];
  });
  console.log(documents.map((document) => stringify(document, { aliasDuplicateObjects: false })).join('---\n'));
  return EXIT.ok;
}
