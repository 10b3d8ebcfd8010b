// How many frames a second the map reaches, for tests/bench/console_rate.py: one JSON line. With a folder as its argument it
// writes pictures of the pages there instead.

import {mkdirSync} from 'node:fs';
import {ask, figures, fillIn, live, openBrowser, openPage, until, zone} from './browser.mjs';

const SPAN_S = 5;
const pictures = process.argv[2];
const browser = await openBrowser();

async function enter(theme) {
  const page = await openPage(browser, {theme});
  const began = performance.now();
  await page.goto(`${zone}/console/`);
  await page.waitForSelector('.login-card');
  const form = performance.now() - began;
  await fillIn(page, 'input[name=username]', 'Ada');
  await fillIn(page, 'input[name=password]', 'operator-pass');
  const asked = performance.now();
  await page.click('.login-card button[type=submit]');
  await live(page);
  await page.waitForFunction(() => window.bluemarbleMap.figures().frames > 0);
  return {page, ready_ms: Math.round(form + performance.now() - asked)};
}

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const look = (page, lon, lat, across) => page.evaluate((...where) => window.bluemarbleMap.look(...where), lon, lat, across);

/** Frames a second while a hand moves the map all the time, and at rest. */
async function rate(page) {
  const drag = async (seconds) => {
    const end = performance.now() + seconds * 1000;
    await page.mouse.move(700, 400);
    await page.mouse.down();
    for (let i = 0; performance.now() < end; ++i) {
      await page.mouse.move(700 + 150 * Math.sin(i / 12), 400 + 60 * Math.cos(i / 9));
      await wait(0.015);
    }
    await page.mouse.up();
  };
  const measure = async (act) => {
    const before = await figures(page);
    const began = performance.now();
    await act(SPAN_S);
    const after = await figures(page);
    return Math.round(((after.frames - before.frames) * 10000) / (performance.now() - began)) / 10;
  };
  const at_rest = await measure(wait);
  const dragged = await measure(drag);
  const {singles, clusters, entities, mode, frameMs} = await figures(page);
  return {at_rest_fps: at_rest, dragged_fps: dragged, singles, clusters, entities, mode, frame_ms: Math.round(frameMs * 10) / 10};
}

async function measureAll() {
  const {page, ready_ms} = await enter('light');
  const {json} = await ask('/v1/console/players?limit=1');
  const {lon, lat} = json.players[0];
  const scenes = {};
  // The last two where the animals are: the first of game.spawn_centres.
  const herd = {lon: 2.3522, lat: 48.8566};
  for (const [name, across, at] of [
    ['globe', 25_000_000], ['country', 1_000_000], ['city', 12_000], ['street', 1000], ['herd', 700, herd], ['in the herd', 200, herd],
  ]) {
    await look(page, at?.lon ?? lon, at?.lat ?? lat, across);
    await wait(3);
    scenes[name] = await rate(page);
  }
  console.log(JSON.stringify({ready_ms, scenes, problems: page.problems}));
}

async function picture(page, name) {
  await page.screenshot({path: `${pictures}/console-${name}.png`, optimizeForSpeed: false});
}

async function takePictures() {
  mkdirSync(pictures, {recursive: true});
  for (const theme of ['light', 'dark']) {
    const {page} = await enter(theme);
    await page.evaluate(() => window.bluemarbleMap.look(35, 30, 22_000_000));
    await wait(3);
    await picture(page, `globe-${theme}`);
    const player = (await ask('/v1/console/players?search=bot-2-000007')).json.players[0];
    await page.goto(`${zone}/console/#/map?player=${player.player}`);
    await page.waitForSelector('.inspector .events li');
    await page.evaluate(({lon, lat}) => window.bluemarbleMap.look(lon, lat, 900), player);
    await page.keyboard.press('f');
    await page.keyboard.press('f');
    await page.keyboard.press('i');
    await until('interest', 10, async () => (await figures(page)).interestLeaves > 0);
    await wait(6);
    await picture(page, `near-${theme}`);
    await page.keyboard.press('Escape');
    await page.goto(`${zone}/console/#/players`);
    await page.waitForSelector('tbody tr');
    await picture(page, `players-${theme}`);
    await page.goto(`${zone}/console/#/plots`);
    await page.evaluate(() => document.querySelector('[data-span="60"]').click());
    await wait(45);
    await picture(page, `plots-${theme}`);
    for (const id of ['slow', 'operate', 'health']) {
      await page.goto(`${zone}/console/#/${id}`);
      await wait(1.5);
      await picture(page, `${id}-${theme}`);
    }
  }
}

try {
  await (pictures ? takePictures() : measureAll());
} finally {
  await browser.close();
}
