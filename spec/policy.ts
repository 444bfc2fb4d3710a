import { z } from 'zod';
import { line, path } from './fields.ts';
import { withoutCredentials } from './location.ts';
import { ModelName, Name } from './names.ts';

/** The domain: a folder of `domains/` with prompts, step parser, phrases and verifier. */
export const DomainRef = z.strictObject({
  name: Name.meta({ description: 'Folder of domains/ with everything that belongs to the subject.' }),
  settings: z
    .record(z.string().max(64), z.json())
    .default({})
    .meta({ description: 'Settings of the domain, which its folder documents and checks.' }),
});
export type DomainRef = z.infer<typeof DomainRef>;

/** The model that searches, and that the training of every arm starts from. */
export const Policy = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('pretrain').meta({ description: 'Train a small stand-in from scratch (stage pretrain).' }),
    name: Name.default('tiny').meta({ description: 'Name of the model in the UI and the report.' }),
  }),
  z.strictObject({
    type: z.literal('pretrained').meta({ description: 'Start from existing weights.' }),
    name: ModelName.meta({ description: 'Name of the model, for example meta-llama/Llama-3.1-70B-Instruct.' }),
    uri: path()
      .superRefine((uri, check) => {
        if (withoutCredentials(uri) === uri) return;
        const message = 'expected a folder, or an address without user, password, query or fragment';
        check.addIssue({ code: 'custom', message, params: { valueIsSecret: true } });
      })
      .meta({ description: 'Folder with the weights in Hugging Face layout. The path must be valid in the pods.' }),
    revision: line(200).meta({ description: 'Revision of the weights; part of every key.' }),
    chat: z.enum(['model', 'none']).default('model').meta({
      description:
        'model: a prompt is a user message in the chat template of the model, if its folder has one. none: a prompt is plain text that the model continues.',
    }),
  }),
]);
export type Policy = z.infer<typeof Policy>;
