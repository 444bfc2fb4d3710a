import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDomain } from '../../domains/domain.ts';
import { buildReport } from '../../report/build-report.ts';
import type { CampaignData } from '../../report/campaign-data.ts';
import { CAMPAIGN_SECTIONS, publishedPage, renderPage, SECTIONS } from '../../report/page.ts';
import { publishedReport } from '../../report/provenance.ts';
import { referTo } from '../../store/index.ts';
import { aCampaignStatus, anIncident, aStage } from '../support/builders.ts';
import { aCampaign } from '../support/campaign-data.ts';
import { startChromium } from '../support/chromium.ts';

/** Every stage has its result; the first also has a failure. */
const statusOf = ({ manifests }: CampaignData) =>
  aCampaignStatus({
    campaignId: 'tiny-7',
    stages: [
      aStage({ executions: 2, incidents: [anIncident({ class: 'Crashed', costSeconds: 12 })] }),
      ...[...manifests].map(([name, manifest]) => aStage({ name, kind: manifest.kind, result: referTo(manifest) })),
    ],
  });

interface Opened {
  readonly page: Page;
  /** Errors of the page and its requests; none if all is well. */
  readonly trouble: readonly string[];
}

async function open(campaign: CampaignData): Promise<Opened> {
  const url = pathToFileURL(join(folder, `${randomUUID()}.html`));
  const analysis = buildReport(campaign, await loadDomain('countdown'));
  const published = publishedReport(analysis, statusOf(campaign), '2026-02-03T04:05:06.000Z', ({ key }) => {
    return [...campaign.manifests.values()].find((manifest) => manifest.key === key) ?? null;
  });
  await writeFile(url, publishedPage(await renderPage(analysis), published));
  const page = await browser.newPage();
  const trouble: string[] = [];
  page.on('console', (message) => trouble.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => trouble.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (request.url() !== url.href && !request.url().startsWith('data:')) trouble.push(`request: ${request.url()}`);
  });
  await page.goto(url.href);
  return { page, trouble };
}

const CAMPAIGN = aCampaign({ problems: 60, resamples: 200, rlSteps: 40 });
let folder: string;
let browser: Browser;
/** The report of {@link CAMPAIGN}, which the tests inspect one after the other. */
let report: Opened;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orrery-test-'));
  browser = await startChromium();
  report = await open(CAMPAIGN);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

describe('the report in a browser', { timeout: 30_000 }, () => {
  test('has every section, logs no error and sends no request', async () => {
    const { page, trouble } = report;
    expect(trouble).toEqual([]);
    for (const id of ['headline', ...Object.keys(SECTIONS), ...Object.keys(CAMPAIGN_SECTIONS)]) {
      expect(await page.locator(`#${id}`).isVisible(), id).toBe(true);
    }
    // Accuracies 2, RL 3, losses 3, curriculum 2, and the scatter of the arm that backtracks.
    expect(await page.locator('figure svg').count()).toBe(11);
    expect(await page.locator('svg.graph').count()).toBe(4);
  });

  test('shows what was left of the data after every step, by source', async () => {
    const rows = await report.page.locator('#data table').first().locator('tr').allInnerTexts();
    expect(rows.map((row) => row.split(/\s*\t\s*/))).toEqual([
      ['', 'Records', 'Whole', 'Without equals', 'Kept'],
      ['train/algebra', '10', '9', '8', '7'],
      ['train/geometry', '2', '2', '2', '2'],
      ['all', '12', '11', '10', '9'],
    ]);
  });

  test('shows what was curated and what was dropped, with solutions to read', async () => {
    const curated = report.page.locator('#curated');
    const rows = await curated.locator('table').first().locator('tr').allInnerTexts();
    expect(rows.map((row) => row.split(/\s*\t\s*/))).toEqual([
      ['', 'Curated', 'Dropped'],
      ['0', '40', '0'],
      ['1', '60', '3'],
    ]);
    expect(await curated.locator('.solution').first().textContent()).toContain('3 times 7 gives 21');
  });

  test.each([1280, 390])('fits a window %d pixels wide', async (width) => {
    await report.page.setViewportSize({ width, height: 900 });
    expect(await report.page.evaluate('document.documentElement.scrollWidth')).toBe(width);
  });

  test('names every picture and table for readers who cannot see them', async () => {
    const names = await report.page.evaluate<string[]>(
      `[...document.querySelectorAll('svg[role=img]')].map((picture) => picture.getAttribute('aria-label') ?? '')`,
    );
    for (const name of names) expect(name.length).toBeGreaterThan(20);
    expect(await report.page.locator('svg:not([role=img]):not([aria-hidden])').count()).toBe(0);
    expect(await report.page.locator('table:not(:has(> caption))').count()).toBe(0);
  });

  test('draws the charts in the colours of the reader’s scheme', async () => {
    const colours = async (colorScheme: 'light' | 'dark') => {
      await report.page.emulateMedia({ colorScheme });
      return report.page.evaluate<string[]>(`[getComputedStyle(document.body).backgroundColor,
        getComputedStyle(document.querySelector('#results figure svg text')).fill,
        getComputedStyle(document.querySelector('#training path[stroke*="arm-0"]')).stroke]`);
    };
    const [light, dark] = [await colours('light'), await colours('dark')];
    for (const [at, colour] of light.entries()) expect(colour).not.toBe(dark[at]);
  });

  test('keeps every label inside its step', async () => {
    const wide = await report.page.evaluate<string[]>(`[...document.querySelectorAll('.node')].filter((node) =>
      node.querySelector('text').getBoundingClientRect().width > node.querySelector('rect').getBoundingClientRect().width)
      .map((node) => node.textContent)`);
    expect(wide).toEqual([]);
  });

  test('says what is missing when it gets no input', async () => {
    const nothing = {
      ...CAMPAIGN,
      manifests: new Map(),
      evaluations: [],
      trainings: [],
      curricula: [],
      rewrites: [],
      drops: new Map(),
    };
    const { page, trouble } = await open(nothing);
    expect(trouble).toEqual([]);
    expect(await page.locator('main').textContent()).not.toMatch(/NaN|undefined|Infinity|\bnull\b/);
  });

  test('writes no NaN, undefined or null when one problem was sampled once', async () => {
    const { page } = await open(aCampaign({ problems: 1, samples: 1, rlSteps: 1, resamples: 100 }));
    expect(await page.locator('main').textContent()).not.toMatch(/NaN|undefined|Infinity|\bnull\b/);
  });
});
