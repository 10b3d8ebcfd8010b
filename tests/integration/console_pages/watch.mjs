// Watches a zone by a page until its standard input ends, for tests/bench/console_rate.py: on the globe, or at the place that its
// arguments name (longitude, latitude, metres across).

import {figures, live, logIn, openBrowser, openPage, until} from './browser.mjs';

const browser = await openBrowser();
try {
  const page = await openPage(browser);
  await logIn(page, 'Ada', 'operator-pass');
  await live(page);
  if (process.argv.length > 2) {
    await page.evaluate((...where) => window.bluemarbleMap.look(...where), ...process.argv.slice(2).map(Number));
    await until('somebody near', 20, async () => (await figures(page)).singles > 0);
  }
  console.log('watching');
  await new Promise((resolve) => process.stdin.once('data', resolve).once('end', resolve));
} finally {
  await browser.close();
}
