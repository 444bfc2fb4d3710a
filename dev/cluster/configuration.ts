import { stringify } from 'yaml';
import { componentKubeconfig, containerdSocket } from './components.ts';
import { inCluster } from './paths.ts';
import { addressOf, bridgeOf, type ClusterSettings, serverOf, subnetOf } from './settings.ts';

/** The configuration files of a cluster, as text. */

/** Image of the pause container, which keeps a pod's namespaces open. */
export const PAUSE_IMAGE = 'orrery.local/pause:1';

export interface Snapshotter {
  /** `native` copies the image for every container and works on every file system. */
  readonly snapshotter: 'overlayfs' | 'native';
  /** Folder with the network plugins. */
  readonly cni: string;
}

/** Path within the cluster's folder -> text of the file. */
export const configurationOf = (settings: ClusterSettings, runtime: Snapshotter): Readonly<Record<string, string>> => ({
  'tokens.csv': `${settings.adminToken},admin,admin,system:masters\n`,
  'components.kubeconfig': kubeconfigOf({ server: serverOf(settings), token: settings.adminToken }),
  'containerd.toml': containerdConfig(runtime),
  'cni/10-orrery.conflist': JSON.stringify(cniConfig(settings)),
  'kubelet.yaml': stringify(kubeletConfig(settings)),
  Corefile: corefile(settings),
});

/**
 * A kubeconfig with one user. Without `certificateAuthority`, clients do not verify the server; only the components use
 * that.
 */
export function kubeconfigOf(access: {
  readonly server: string;
  readonly token: string;
  /** PEM. */
  readonly certificateAuthority?: string;
  readonly namespace?: string;
  readonly user?: string;
}): string {
  const { server, token, certificateAuthority, namespace, user = 'admin' } = access;
  const trust =
    certificateAuthority === undefined
      ? { 'insecure-skip-tls-verify': true }
      : { 'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64') };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'orrery', cluster: { server, ...trust } }],
    users: [{ name: user, user: { token } }],
    contexts: [
      { name: 'orrery', context: { cluster: 'orrery', user, ...(namespace === undefined ? {} : { namespace }) } },
    ],
    'current-context': 'orrery',
  });
}

const containerdConfig = ({ snapshotter, cni }: Snapshotter): string => `version = 3
root = "${inCluster('containerd', 'root')}"
state = "${inCluster('containerd', 'state')}"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
  address = "${containerdSocket()}"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "${snapshotter}"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "${PAUSE_IMAGE}"
[plugins.'io.containerd.cri.v1.runtime']
  # Some machines do not allow a lower oom_score_adj. Without this setting every sandbox would fail there.
  restrict_oom_score_adj = true
  # All mounts are in one folder, so that cluster:down finds them.
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["${cni}"]
  conf_dir = "${inCluster('cni')}"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = false
`;

const cniConfig = (settings: ClusterSettings) => ({
  cniVersion: '1.0.0',
  name: 'orrery',
  plugins: [
    {
      type: 'bridge',
      bridge: bridgeOf(settings),
      isGateway: true,
      ipMasq: false,
      ipam: { type: 'host-local', dataDir: inCluster('ipam'), ranges: [[{ subnet: subnetOf(settings) }]] },
    },
  ],
});

const kubeletConfig = (settings: ClusterSettings) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  // Nested containers and small virtual machines may have cgroup v1 and no systemd.
  failCgroupV1: false,
  cgroupDriver: 'cgroupfs',
  cgroupsPerQOS: false,
  enforceNodeAllocatable: [],
  failSwapOn: false,
  // The kubelet listens only on the bridge, which only this machine and its pods can reach.
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  address: addressOf(settings),
  port: settings.ports.kubelet,
  healthzBindAddress: '127.0.0.1',
  healthzPort: settings.ports.kubeletHealth,
  clusterDNS: [addressOf(settings)],
  clusterDomain: 'cluster.local',
  resolvConf: inCluster('resolv.conf'),
  containerRuntimeEndpoint: `unix://${containerdSocket()}`,
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  evictionHard: {},
  podLogsDir: inCluster('pod-logs'),
  // The default is one minute, and a test of evictions would wait that long.
  volumeStatsAggPeriod: '5s',
  nodeStatusUpdateFrequency: '2s',
  nodeLeaseDurationSeconds: 8,
  maxPods: 200,
  serializeImagePulls: false,
  registryPullQPS: 0,
  eventRecordQPS: 0,
  kubeAPIQPS: 200,
  kubeAPIBurst: 400,
});

const corefile = (settings: ClusterSettings): string => `cluster.local:53 {
  bind ${addressOf(settings)}
  errors
  kubernetes cluster.local {
    kubeconfig ${componentKubeconfig()} orrery
    pods insecure
    ttl 1
  }
}
`;
