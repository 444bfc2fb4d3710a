import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Starts the machine's Chromium without background network traffic. `ORRERY_CHROMIUM` names another browser. */
export async function startChromium(): Promise<Browser> {
  const executablePath = process.env.ORRERY_CHROMIUM ?? USUAL_PLACES.find((place) => existsSync(place));
  if (executablePath === undefined || !existsSync(executablePath)) {
    throw new Error(
      `expected Chromium at ${executablePath ?? USUAL_PLACES.join(', ')}, but it is not there. Install it with ` +
        '"apt-get install -y chromium", or set ORRERY_CHROMIUM to the browser’s executable.',
    );
  }
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  return chromium.launch({ executablePath, headless: true, args, timeout: 30_000 });
}
