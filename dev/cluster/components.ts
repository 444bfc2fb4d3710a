import { type Binary, binaryPath, kwokConfigs } from './binaries.ts';
import { inCluster } from './paths.ts';
import { addressOf, type ClusterSettings, NODE } from './settings.ts';

/** The processes of a cluster as data: command and arguments. Pure. */

/** Name of a process of the cluster. */
export type ComponentName =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'containerd'
  | 'kubelet'
  | 'coredns'
  | 'kwok';

export interface Component {
  readonly name: ComponentName;
  readonly command: string;
  readonly args: readonly string[];
}

/** In start order. They are stopped in reverse order. */
export const COMPONENTS: readonly ComponentName[] = [
  'etcd',
  'containerd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'coredns',
  'kwok',
];

/** Socket of containerd. */
export const containerdSocket = (): string => inCluster('containerd', 'containerd.sock');

/** The kubeconfig that the components use. */
export const componentKubeconfig = (): string => inCluster('components.kubeconfig');

/** The command line of a component. */
export function componentOf(name: ComponentName, settings: ClusterSettings): Component {
  return { name, command: binaryPath(name satisfies Binary), args: ARGUMENTS[name](settings) };
}

const ARGUMENTS: Readonly<Record<ComponentName, (settings: ClusterSettings) => string[]>> = {
  etcd: ({ ports }) => [
    `--data-dir=${inCluster('etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${ports.etcd}`,
    `--advertise-client-urls=http://127.0.0.1:${ports.etcd}`,
    `--listen-peer-urls=http://127.0.0.1:${ports.etcdPeer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${ports.etcdPeer}`,
    `--initial-cluster=default=http://127.0.0.1:${ports.etcdPeer}`,
    // A power cut may destroy this cluster, which is only for tests.
    '--unsafe-no-fsync',
  ],

  'kube-apiserver': (settings) => [
    `--etcd-servers=http://127.0.0.1:${settings.ports.etcd}`,
    `--cert-dir=${inCluster('certs')}`,
    `--secure-port=${settings.ports.apiServer}`,
    // Only this machine and its pods can reach this address.
    `--bind-address=${addressOf(settings)}`,
    `--advertise-address=${addressOf(settings)}`,
    `--service-account-key-file=${inCluster('certs', 'service-accounts.pub')}`,
    `--service-account-signing-key-file=${inCluster('certs', 'service-accounts.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--token-auth-file=${inCluster('tokens.csv')}`,
    '--authorization-mode=RBAC',
    // OpenShift enables this plugin too: setting blockOwnerDeletion requires a right.
    '--enable-admission-plugins=OwnerReferencesPermissionEnforcement',
    '--service-cluster-ip-range=10.96.0.0/16',
    '--kubelet-preferred-address-types=InternalIP',
    // Tests must notice a lost node within seconds. The default is five minutes.
    '--default-not-ready-toleration-seconds=15',
    '--default-unreachable-toleration-seconds=15',
    '--feature-gates=GenericWorkload=true,GangScheduling=true',
    '--runtime-config=scheduling.k8s.io/v1alpha2=true',
    '--event-ttl=4h',
  ],

  'kube-controller-manager': ({ ports }) => [
    `--kubeconfig=${componentKubeconfig()}`,
    '--leader-elect=false',
    `--service-account-private-key-file=${inCluster('certs', 'service-accounts.key')}`,
    `--root-ca-file=${inCluster('certs', 'apiserver.crt')}`,
    `--cert-dir=${inCluster('certs')}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${ports.controllerManager}`,
    '--node-monitor-period=2s',
    '--node-monitor-grace-period=12s',
    '--kube-api-qps=200',
    '--kube-api-burst=400',
  ],

  'kube-scheduler': ({ ports }) => [
    `--kubeconfig=${componentKubeconfig()}`,
    '--leader-elect=false',
    `--cert-dir=${inCluster('certs')}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${ports.scheduler}`,
    '--feature-gates=GenericWorkload=true,GangScheduling=true',
    '--kube-api-qps=200',
    '--kube-api-burst=400',
  ],

  containerd: () => [`--config=${inCluster('containerd.toml')}`],

  kubelet: (settings) => [
    `--kubeconfig=${componentKubeconfig()}`,
    `--config=${inCluster('kubelet.yaml')}`,
    `--root-dir=${inCluster('kubelet')}`,
    `--cert-dir=${inCluster('certs')}`,
    `--hostname-override=${NODE}`,
    `--node-ip=${addressOf(settings)}`,
  ],

  coredns: () => [`-conf=${inCluster('Corefile')}`],

  kwok: ({ ports }) => [
    `--kubeconfig=${componentKubeconfig()}`,
    '--manage-all-nodes=false',
    `--manage-nodes-with-annotation-selector=${FAKE_NODE}`,
    `--server-address=127.0.0.1:${ports.kwok}`,
    '--node-lease-duration-seconds=40',
    ...kwokConfigs().map((file) => `--config=${file}`),
  ],
};

/** Annotation (`key=value`) of nodes that exist only in the API server. KWOK simulates their kubelets. */
export const FAKE_NODE = 'kwok.x-k8s.io/node=fake';
