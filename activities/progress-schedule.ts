/**
 * Longest time between two progress reports to a campaign: 4 a day, about 16 history events for each stage that runs.
 * The heartbeat, which `orrery status` reads, is newer. *Ours*.
 */
const LONGEST_MS = 6 * 60 * 60_000;
const FIRST_MS = 2_000;

/**
 * When a running job reports its progress to the campaign: at once, then after 2 s, 4 s, 8 s and so on, at last every
 * six hours. So a short stage shows progress, and a stage of ten days adds about 200 events instead of 200,000
 * (bench/history.ts). Whoever takes over a campaign replays them within the time-out of a workflow task.
 * @returns a function of the time in ms that says whether a report is due now
 */
export function progressSchedule(): (now: number) => boolean {
  let next = 0;
  let interval = FIRST_MS;
  return (now) => {
    if (now < next) return false;
    next = now + interval;
    interval = Math.min(LONGEST_MS, interval * 2);
    return true;
  };
}
