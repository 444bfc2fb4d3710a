/** The few functions of jstat that are used. The package has no types. */
declare module 'jstat' {
  export const jStat: {
    normal: {
      /** Quantile of the normal distribution. */
      inv(probability: number, mean: number, deviation: number): number;
    };
    /** ln C(n, k). */
    combinationln(n: number, k: number): number;
  };
  const jstat: { jStat: typeof jStat };
  export default jstat;
}
