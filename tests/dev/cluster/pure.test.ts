import { describe, expect, it, test } from 'vitest';
import { kubernetesLinkerFlags, requiredVersion } from '../../../dev/cluster/binaries.ts';
import { fakeNode } from '../../../dev/cluster/fake-nodes.ts';
import { foreignKubeconfig } from '../../../dev/cluster/foreign.ts';
import { librariesIn } from '../../../dev/cluster/images.ts';
import { mountsBelow } from '../../../dev/cluster/mounts.ts';
import { addressesIn } from '../../../dev/cluster/network.ts';
import { kubeconfigPath } from '../../../dev/cluster/paths.ts';
import { type MachineFacts, refusalOf } from '../../../dev/cluster/requirements.ts';
import { freeNumber } from '../../../dev/cluster/settings.ts';
import { volumesOf } from '../../../dev/cluster/volumes.ts';

const aMachine = (facts: Partial<MachineFacts> = {}): MachineFacts => ({
  platform: 'linux',
  arch: 'x64',
  isRoot: true,
  go: 'go1.26.8',
  built: false,
  apt: true,
  missingPackages: ['runc'],
  folder: '/home/a/orrery/.orrery/cluster',
  ...facts,
});

describe('a machine', () => {
  it('of the right kind is not refused', () => expect(refusalOf(aMachine())).toBeNull());

  it.each<{ name: string; facts: Partial<MachineFacts>; message: RegExp }>([
    { name: 'without Linux', facts: { platform: 'darwin' }, message: /needs Linux, and this is darwin/ },
    { name: 'of another architecture', facts: { arch: 's390x' }, message: /x64 or arm64, and this is s390x/ },
    { name: 'without root', facts: { isRoot: false }, message: /needs root .*sudo/ },
    { name: 'without Go', facts: { go: null }, message: /Go 1\.26 or newer/ },
    { name: 'without apt-get', facts: { apt: false }, message: /needed, by their names in Debian: runc/ },
    { name: 'with too long a path', facts: { folder: `/${'a'.repeat(80)}` }, message: /ORRERY_CLUSTER/ },
  ])('$name is refused with the reason', ({ facts, message }) => expect(refusalOf(aMachine(facts))).toMatch(message));

  it('needs no Go once everything is built', () => expect(refusalOf(aMachine({ go: null, built: true }))).toBeNull());
});

describe('the version of a module', () => {
  const goMod =
    'require sigs.k8s.io/kwok v0.8.0\nrequire (\n\tk8s.io/kubernetes v1.36.3\n\tk8s.io/kubectl v0.36.3 // indirect\n)';
  it('is read from a list and from a line of its own', () => {
    expect(requiredVersion(goMod, 'k8s.io/kubernetes')).toBe('v1.36.3');
    expect(requiredVersion(goMod, 'sigs.k8s.io/kwok')).toBe('v0.8.0');
  });
  it('is an error when no line requires it', () =>
    expect(() => requiredVersion(goMod, 'k8s.io/api')).toThrow(/k8s\.io\/api/));
  it('is set in the programs', () =>
    expect(kubernetesLinkerFlags('v1.36.3')).toMatch(/gitVersion=v1\.36\.3 .*gitMinor=36$/));
});

test('mounts below a folder are found, the deepest first, and no others', () => {
  const mountinfo = [
    '1 0 8:1 / / rw - ext4 /dev/a rw',
    '2 1 8:1 / /c/kubelet rw - tmpfs t rw',
    '3 2 8:1 / /c/kubelet/pods/a\\040b rw - tmpfs t rw',
    '4 1 8:1 / /cluster rw - tmpfs t rw',
  ].join('\n');
  expect(mountsBelow(mountinfo, '/c')).toEqual(['/c/kubelet/pods/a b', '/c/kubelet']);
});

test('a network that contains an address is not chosen again, with or without pods', () => {
  const printed =
    '[{"ifname":"lo","addr_info":[{"local":"127.0.0.1"}]},{"ifname":"orrery0","operstate":"DOWN","addr_info":[{"local":"10.244.0.1"}]},{"ifname":"e"}]';
  expect(freeNumber(addressesIn(printed))).toBe(1);
  expect(freeNumber(['127.0.0.1', '10.244.0.1', '10.244.1.7', '::1'])).toBe(2);
  expect(freeNumber(['192.168.0.4'])).toBe(0);
});

test('KUBECONFIG names another cluster unless it names ours', () => {
  expect(foreignKubeconfig({})).toBeNull();
  expect(foreignKubeconfig({ KUBECONFIG: '' })).toBeNull();
  expect(foreignKubeconfig({ KUBECONFIG: kubeconfigPath() })).toBeNull();
  expect(foreignKubeconfig({ KUBECONFIG: '/home/a/.kube/config' })).toBe('/home/a/.kube/config');
});

test('libraries are read from what ldd prints, each once, with the loader and without what is missing', () => {
  const printed = `/usr/bin/python3.11:
\tlinux-vdso.so.1 (0x00007ffc)
\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f1)
\tlibcudart.so.12 => not found
\t/lib64/ld-linux-x86-64.so.2 (0x00007f2)
b.so:
\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f3)`;
  expect(librariesIn(printed)).toEqual(['/lib/x86_64-linux-gnu/libm.so.6', '/lib64/ld-linux-x86-64.so.2']);
});

test('only the claim of its namespace can bind a volume, and the programs are read-only', () => {
  const [volume, claim, programs] = volumesOf({ namespace: 'a', store: '/s', programs: '/p' });
  expect(volume).toMatchObject({
    spec: { local: { path: '/s' }, claimRef: { namespace: 'a', name: claim?.metadata?.name } },
  });
  expect(claim).toMatchObject({ spec: { volumeName: volume?.metadata?.name, accessModes: ['ReadWriteMany'] } });
  expect(programs).toMatchObject({ spec: { local: { path: '/p' }, accessModes: ['ReadOnlyMany'] } });
});

test('a fake node has its resources and a taint against other pods', () => {
  const node = fakeNode({ prefix: 'h100', count: 16, resources: { 'rdma/hca': '8' } }, 9);
  expect(node).toMatchObject({
    metadata: {
      name: 'h100-9',
      labels: { 'nvidia.com/gpu.memory': '81559', 'topology.kubernetes.io/rack': 'h100-rack-1' },
    },
    spec: { taints: [{ effect: 'NoSchedule' }] },
    status: { allocatable: { 'nvidia.com/gpu': '8', 'rdma/hca': '8' } },
  });
});
