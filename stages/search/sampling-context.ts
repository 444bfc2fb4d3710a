import type { Domain } from '../../domains/domain.ts';
import type { Problem } from '../../spec/records.ts';
import type { PolicyDriver } from '../policy/policy.ts';
import type { Verifier } from '../verifier/verifier.ts';

/** What sampling for one problem needs. */
export interface SamplingContext {
  readonly problem: Problem;
  readonly domain: Domain;
  readonly policy: Pick<PolicyDriver, 'ask'>;
  readonly verifier: Verifier;
}
