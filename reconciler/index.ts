export { temporalOwners } from './owners.ts';
export { type Machine, type Reconciliation, reconcile, subjectOf } from './reconcile.ts';
export { type ReconcilerOptions, startReconciler } from './start.ts';
