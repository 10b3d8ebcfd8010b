// Watches a zone by a page on the globe until its standard input ends, for tests/bench/console_rate.py.

import {live, logIn, openBrowser, openPage} from './browser.mjs';

const browser = await openBrowser();
try {
  const page = await openPage(browser);
  await logIn(page, 'Ada', 'operator-pass');
  await live(page);
  console.log('watching');
  await new Promise((resolve) => process.stdin.once('data', resolve).once('end', resolve));
} finally {
  await browser.close();
}
