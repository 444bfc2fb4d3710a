import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { domainsFolder } from '../../domains/domain.ts';

/** Names of all domains of the project. A new domain needs no entry in a test. */
export const domainNames = (): string[] =>
  readdirSync(domainsFolder()).filter((name) => existsSync(join(domainsFolder(), name, 'domain.ts')));
