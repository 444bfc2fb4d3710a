import { execa } from 'execa';
import { expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { loadDomain } from '../../domains/domain.ts';
import { domainNames } from '../support/domain-names.ts';

test.each(domainNames())('the domain %s says of itself what its Python does not make', async (name) => {
  const program =
    'import json, sys; from orrery_trainers.domains import load_domain; one = load_domain(sys.argv[1]); ' +
    'print(json.dumps(None not in (one.generate_problems, one.vocabulary, one.demonstrations)))';
  const { stdout } = await execa(inProject('.venv/bin/python'), ['-c', program, name], {
    env: { PYTHONPATH: inProject('trainers') },
  });
  expect((await loadDomain(name)).generates ?? true).toBe(JSON.parse(stdout));
});
