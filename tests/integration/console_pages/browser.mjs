// Chromium and one page of the console in it, for the tests and the bench. Nothing of the network but the zone is reached.

import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';

const require = createRequire(`${process.env.PUPPETEER_DIR}/package.json`);
const puppeteer = (await import(pathToFileURL(require.resolve('puppeteer-core')).href)).default;

export const zone = process.env.ZONE;
export const LAPTOP = {width: 1366, height: 768};

export async function openBrowser() {
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    headless: true,
    // Root has no sandbox to use, and containers little shared memory; graphics by software, as on a machine without a card.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    defaultViewport: LAPTOP,
  });
}

/** A page of its own (no shared storage), with what went wrong in it. */
export async function openPage(browser, {theme = 'light'} = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(error.message));
  page.on('console', (message) => {
    // What the server refuses on purpose is told by Chromium as well.
    if (message.type() === 'error' && !/the server responded with a status of (400|401|403|404)/.test(message.text())) page.problems.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(zone)) page.problems.push(`asked elsewhere: ${request.url()}`);
  });
  await page.emulateMediaFeatures([
    {name: 'prefers-color-scheme', value: theme},
    {name: 'prefers-reduced-motion', value: 'reduce'},
  ]);
  return page;
}

export async function logIn(page, name, password, hash = '') {
  await page.goto(`${zone}/console/${hash}`);
  await page.waitForSelector('.login-card');
  await fillIn(page, 'input[name=username]', name);
  await fillIn(page, 'input[name=password]', password);
  await page.click('.login-card button[type=submit]');
}

export async function fillIn(page, selector, text) {
  await page.waitForSelector(selector);
  await page.$eval(selector, (input) => {
    input.value = '';
    input.focus();
  });
  await page.type(selector, text);
}

export const figures = (page) => page.evaluate(() => window.bluemarbleMap.figures());

export async function live(page) {
  await page.waitForFunction(() => window.bluemarbleMap?.figures().feed === 'open');
}

/** An operator's request beside the page. */
export async function ask(path, {method = 'GET', body, token = process.env.SECRET} = {}) {
  const response = await fetch(zone + path, {
    method,
    headers: {Authorization: `Bearer ${token}`, ...(body ? {'Content-Type': 'application/json'} : {})},
    body: body && JSON.stringify(body),
  });
  return {status: response.status, json: await response.json()};
}

export async function until(what, seconds, condition) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
