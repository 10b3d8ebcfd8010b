// The console's pages in Chromium on a real zone with bots; console_pages_test.py starts both and says where they are.

import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {ask, figures, fillIn, live, logIn, openBrowser, openPage, until, zone} from './browser.mjs';

const OPERATOR = ['Ada', 'operator-pass'];
const PLAYER = ['Bob', 'player-pass'];
const BOTS = Number(process.env.BOTS);
/** What zonebot calls its players, with seed 1. */
const nameOf = (number) => `bot-1-${String(number).padStart(6, '0')}`;

let browser;
let page;

before(async () => {
  browser = await openBrowser();
  page = await openPage(browser);
});

after(async () => {
  await browser?.close();
});

const text = (selector, on = page) => on.$eval(selector, (element) => element.textContent);
const route = () => page.evaluate(() => location.hash);

function metresApart(a, b) {
  const radians = Math.PI / 180;
  const north = (a.lat - b.lat) * 111_200;
  const east = (a.lon - b.lon) * 111_320 * Math.cos(a.lat * radians);
  return Math.hypot(north, east);
}

async function bot(search) {
  const {json} = await ask(`/v1/console/players?search=${search}&limit=500`);
  return json.players[0];
}

test('a wrong password is told, and nothing is shown', async () => {
  await logIn(page, OPERATOR[0], 'wrong-password');
  await page.waitForSelector('.login-card .error:not([hidden])');
  assert.match(await text('.login-card .error'), /password/i);
  assert.equal(await page.$('.map-page'), null);
});

test('a player who is no operator is told so', async () => {
  await logIn(page, ...PLAYER);
  await page.waitForFunction(() => /player.s account/.test(document.querySelector('.login-card .error')?.textContent ?? ''));
  assert.equal(await page.$('.map-page'), null);
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

test('an operator is in, and the page is live in less than two seconds', async () => {
  await page.goto(`${zone}/console/`);
  await fillIn(page, 'input[name=username]', OPERATOR[0]);
  await fillIn(page, 'input[name=password]', OPERATOR[1]);
  await page.click('.login-card button[type=submit]');
  await live(page);
  // The files are cached and the login is kept: what is left is this page's own work.
  const began = performance.now();
  await page.reload();
  await live(page);
  await page.waitForFunction(() => window.bluemarbleMap.figures().frames > 0);
  const ready = performance.now() - began;
  assert.ok(ready < 2000, `ready after ${ready} ms`);
  console.log(`ready after ${ready.toFixed(0)} ms`);
});

test('the map shows the bots where the zone says that they are', async () => {
  const player = await bot('bot-');
  const entity = Number(player.entity);
  await page.evaluate(({lon, lat}) => window.bluemarbleMap.look(lon, lat, 3000), player);
  await page.waitForFunction((id) => window.bluemarbleMap.place(id) !== null, {}, entity);
  assert.equal((await figures(page)).malformed, 0);
  const {state} = (await ask(`/v1/state/player?name=${encodeURIComponent(player.name)}`)).json;
  const shown = await page.evaluate((id) => window.bluemarbleMap.place(id), entity);
  assert.equal(shown.kind, 1);
  const apart = metresApart(shown, {lat: state.lat_deg, lon: state.lon_deg});
  // A second's walk, and what the state's level may be behind.
  assert.ok(apart < 25, `${apart} m apart`);
});

test('what the map shows is painted there, in the players’ colour', async () => {
  const player = await bot('bot-');
  await page.evaluate(({lon, lat}) => window.bluemarbleMap.look(lon, lat, 400), player);
  await page.waitForFunction((id) => window.bluemarbleMap.place(id) !== null, {}, Number(player.entity));
  await until('a pixel of a player', 5, () =>
    page.evaluate((id) => {
      const place = window.bluemarbleMap.place(id);
      const at = place && window.bluemarbleMap.screen(place.lon, place.lat);
      if (!at) return false;
      const canvas = document.querySelectorAll('.map-canvas')[1];
      const wanted = getComputedStyle(document.documentElement).getPropertyValue('--player').trim();
      const [r, g, b] = [1, 3, 5].map((i) => parseInt(wanted.slice(i, i + 2), 16));
      // It walks between its last two places: look around.
      const size = 120;
      const {data} = canvas.getContext('2d').getImageData(at.x - size / 2, at.y - size / 2, size, size);
      for (let i = 0; i < data.length; i += 4) {
        if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 12 && data[i + 3] > 200) return true;
      }
      return false;
    }, Number(player.entity)),
  );
});

test('from afar everybody is in a cluster or single, and the count is the zone’s', async () => {
  await page.evaluate(() => window.bluemarbleMap.look(0, 20, 30_000_000));
  const {json} = await ask('/v1/console/status');
  await until('all entities', 10, async () => Math.abs((await figures(page)).entities - json.sample.entities) <= 2);
  assert.equal((await figures(page)).players, BOTS);
});

test('search finds a player, and Enter shows it on the map and follows it', async () => {
  await page.keyboard.press('3');
  await page.waitForSelector('tbody tr');
  await page.keyboard.press('/');
  await page.waitForFunction(() => document.activeElement?.type === 'search');
  const player = await bot(nameOf(BOTS - 1));
  await page.keyboard.type(player.name);
  await page.waitForFunction((name) => {
    const rows = document.querySelectorAll('section[aria-label=Players] tbody tr');
    return rows.length === 1 && rows[0].cells[0].textContent === name;
  }, {}, player.name);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await page.waitForFunction((name) => document.querySelector('.inspector h2')?.textContent === name, {}, player.name);
  assert.match(await route(), /^#\/map\?player=/);
});

test('the inspector tells of the player live, with its events', async () => {
  await page.waitForSelector('.inspector .facts dd');
  const facts = () =>
    page.$$eval('.inspector .facts dt', (names) => Object.fromEntries(names.map((name) => [name.textContent, name.nextElementSibling.textContent])));
  const first = await facts();
  assert.match(first.Place, /°/);
  assert.match(first.Leaf, /level (1[6-9]|2[01])/);
  await page.waitForFunction((tick) => [...document.querySelectorAll('.inspector .facts dt')].find((name) => name.textContent === 'Tick').nextElementSibling.textContent !== tick, {}, first.Tick);
  await page.waitForSelector('.inspector .events li');
});

test('leaves of the octree and the classes of interest appear on demand', async () => {
  await page.keyboard.press('i');
  await page.keyboard.press('l');
  await until('leaves and interest', 8, async () => {
    const {shownLeaves, interestLeaves} = await figures(page);
    return shownLeaves > 0 && interestLeaves > 0;
  });
  // Off and on again, and away and back: still one request a second.
  let asked = 0;
  const count = (request) => (asked += request.url().includes('/v1/console/interest') ? 1 : 0);
  for (let i = 0; i < 6; ++i) await page.keyboard.press('i');
  await page.keyboard.press('3');
  await page.keyboard.press('1');
  page.on('request', count);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  page.off('request', count);
  assert.ok(asked >= 1 && asked <= 3, `${asked} requests in 1.5 s`);
  await page.keyboard.press('l');
  await page.keyboard.press('Escape');
  assert.ok(await page.$eval('.inspector', (element) => element.hidden));
});

test('Enter on the map inspects what is in the middle: a thing has its number and its history', async () => {
  await page.evaluate(() => window.bluemarbleMap.look(0, 20, 30_000_000));
  await page.focus('.map-canvas[tabindex]');
  // Looked at anew each time: a thing may be taken meanwhile, and a player who was picked before it
  // was drawn is followed.
  await until('a thing is inspected', 10, async () => {
    const looked = await page.evaluate(async () => {
      const [thing] = window.bluemarbleMap.ofKind(4);
      if (thing === undefined) return false;
      const {lon, lat} = window.bluemarbleMap.place(thing);
      window.bluemarbleMap.look(lon, lat, 20);
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      await frame();
      await frame();
      return true;
    });
    if (looked) await page.keyboard.press('Enter');
    return /^Item/.test(await text('.inspector h2'));
  });
  await page.waitForSelector('.inspector .events li');
  const facts = await page.$$eval('.inspector .facts dt', (names) => Object.fromEntries(names.map((name) => [name.textContent, name.nextElementSibling.textContent])));
  assert.match(facts.Item, /^\d+$/);
  assert.match(facts.Definition, /^\d+ \(.+\)$/);
  await page.keyboard.press('Escape');
});

test('a button that has the focus keeps it while the list is renewed and put in another order', async () => {
  await page.goto(`${zone}/console/#/players?search=bot-`);
  const players = 'section[aria-label=Players]';
  await page.waitForFunction((selector, count) => document.querySelectorAll(`${selector} tbody tr`).length === count, {}, players, BOTS);
  const label = `Kick ${nameOf(3)}`;
  await page.focus(`button[aria-label="${label}"]`);
  const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  const before = await text(`${players} tbody tr td:nth-child(5)`);
  await page.waitForFunction((selector, old) => document.querySelector(`${selector} tbody tr td:nth-child(5)`).textContent !== old, {}, players, before);
  assert.equal(await focused(), label);
  const first = await text(`${players} tbody tr td`);
  // Twice: the other way round.
  await page.$eval(`${players} th .sort`, (button) => button.click());
  await page.waitForFunction((selector, old) => document.querySelector(`${selector} tbody tr td`).textContent !== old, {}, players, first);
  assert.equal(await focused(), label);
  await page.$eval(`${players} th .sort`, (button) => button.click());
});

test('a kick asks for a reason, takes effect, and is in the audit', async () => {
  const victim = await bot(nameOf(0));
  await page.goto(`${zone}/console/#/players?search=${victim.player}`);
  await page.waitForFunction((name) => document.querySelector('section[aria-label=Players] tbody tr')?.cells[0].textContent === name, {}, victim.name);
  await page.click(`button[aria-label="Kick ${victim.name}"]`);
  await page.waitForSelector('dialog[open] input[name=reason]');
  await page.type('dialog[open] input[name=reason]', 'tested "well" <b>');
  await page.click('dialog[open] button[type=submit]');
  await page.waitForSelector('.notice.good');
  await until('gone', 5, async () => {
    const {json} = await ask(`/v1/console/players?search=${victim.player}`);
    const now = json.players.find((player) => player.player === victim.player);
    return !now || now.state === 'lingering' || now.session_s < victim.session_s;
  });
  await page.goto(`${zone}/console/#/operate`);
  await page.waitForFunction((name) => [...document.querySelectorAll('.audit tr')].some((row) => row.textContent.includes('kick') && row.textContent.includes('Ada') && row.textContent.includes(name) && row.textContent.includes('tested "well" <b>')), {}, victim.name);
});

test('Escape leaves everything as it was', async () => {
  const player = await bot(nameOf(1));
  await page.goto(`${zone}/console/#/players?search=${player.player}`);
  await page.waitForSelector(`button[aria-label="Ban ${player.name}"]`);
  await page.click(`button[aria-label="Ban ${player.name}"]`);
  await page.waitForSelector('dialog[open] select');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !document.querySelector('dialog[open]'));
  const {json} = await ask(`/v1/admin/account?name=${encodeURIComponent(player.name)}`);
  assert.equal(json.banned_until, null);
});

test('a refusal of the zone is told in the question, which stays open', async () => {
  const player = await bot(nameOf(1));
  await page.click(`button[aria-label="Teleport ${player.name}"]`);
  await fillIn(page, 'dialog[open] input[name=lat]', '95');
  await page.click('dialog[open] button[type=submit]');
  await page.waitForSelector('dialog[open] .error:not([hidden])');
  assert.ok((await text('dialog[open] .error')).length > 5);
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !document.querySelector('dialog[open]'));
});

test('an account is made an operator, and a player again', async () => {
  await page.goto(`${zone}/console/#/operate`);
  await fillIn(page, 'input[aria-label="Account name"]', PLAYER[0]);
  await page.keyboard.press('Enter');
  for (const [button, role] of [['Make operator', 'operator'], ['Take the role', 'player']]) {
    const of = await page.waitForSelector(`xpath///section[@aria-label="Chat and actions"]//button[text()="${button}"]`);
    await of.click();
    await (await page.waitForSelector('dialog[open] button[type=submit]')).click();
    await page.waitForFunction((wanted) => [...document.querySelectorAll('.operate .facts dd')].some((each) => each.textContent === wanted), {}, role);
    assert.equal((await ask(`/v1/admin/account?name=${PLAYER[0]}`)).json.role, role);
  }
});

test('an announcement is said, and shown with who is in play', async () => {
  await page.goto(`${zone}/console/#/operate`);
  await fillIn(page, '.chat-card input', 'the zone is tested');
  await page.click('.chat-card button[type=submit]');
  await page.waitForFunction(() => [...document.querySelectorAll('.chat li')].some((line) => line.textContent.includes('the zone is tested')));
});

test('plots, settings, health and slow ticks have something to show', async () => {
  await page.goto(`${zone}/console/#/plots`);
  await page.waitForFunction(() => document.querySelectorAll('.plot canvas').length === 9 && !document.querySelector('.plot-now').textContent.includes('–'));
  // What was before the page was loaded is drawn: ten seconds ago and more.
  await page.reload();
  await (await page.waitForSelector('[data-span="60"]')).click();
  const drawnBefore = () => {
    const canvas = document.querySelector('figure[aria-label=Players] .plot canvas');
    const wanted = getComputedStyle(document.documentElement).getPropertyValue('--series-1').trim();
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(wanted.slice(i, i + 2), 16));
    const {data} = canvas.getContext('2d').getImageData(canvas.width * 0.7, 0, canvas.width * 0.15, canvas.height);
    for (let i = 0; i < data.length; i += 4) if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 60 && data[i + 3] > 150) return true;
    return false;
  };
  await page.waitForFunction(drawnBefore, {timeout: 5000});
  await page.goto(`${zone}/console/#/config`);
  await page.waitForFunction(() => document.querySelectorAll('.settings tr').length > 50);
  assert.ok(!(await text('section[aria-label=Settings], section[aria-label=Configuration]')).includes(process.env.SECRET));
  await page.goto(`${zone}/console/#/health`);
  await page.waitForFunction(() => document.querySelectorAll('.health-card').length >= 3);
  await page.goto(`${zone}/console/#/slow`);
  await page.waitForFunction(() => document.querySelector('.slow .empty, .slow .incidents'));
  assert.equal(await page.$('.page:not([hidden]) .empty button'), null);
});

test('keys are shown by "?", and the tab key reaches the pages', async () => {
  await page.goto(`${zone}/console/#/map`);
  await live(page);
  await page.keyboard.press('?');
  await page.waitForFunction(() => document.querySelectorAll('dialog[open] kbd').length > 12);
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !document.querySelector('dialog[open]'));
  await page.evaluate(() => document.activeElement.blur());
  const reached = [];
  for (let i = 0; i < 12; ++i) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate(() => document.activeElement.getAttribute('href') ?? document.activeElement.getAttribute('aria-label')));
  }
  for (const href of ['#main', '#/map', '#/players', '#/health']) assert.ok(reached.includes(href), `${href} of ${reached}`);
  const nameless = await page.$$eval('button, a, input, select', (all) =>
    all.filter((each) => !(each.textContent.trim() || each.getAttribute('aria-label') || each.labels?.length)).map((each) => each.outerHTML),
  );
  assert.deepEqual(nameless, []);
});

test('the page fits a laptop’s screen, in both colours', async () => {
  for (const theme of ['light', 'dark']) {
    await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: theme}]);
    await page.waitForFunction((wanted) => document.documentElement.dataset.theme === wanted, {}, theme);
    for (const id of ['map', 'plots', 'players', 'slow', 'operate', 'config', 'health']) {
      await page.goto(`${zone}/console/#/${id}`);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `${id} is ${wider} px too wide`);
    }
  }
});

test('a token that is no longer good asks again, and the page stays as it was', async () => {
  await page.goto(`${zone}/console/#/players?search=${nameOf(2)}`);
  await page.waitForFunction(() => document.querySelector('section[aria-label=Players] tbody tr'));
  // As after its end: the tab holds a token that the zone does not take any more, and nothing to refresh it with.
  await page.evaluate(() => {
    const login = JSON.parse(sessionStorage.getItem('bluemarble.login'));
    login.token = `${login.token.slice(0, -6)}AAAAAA`;
    sessionStorage.setItem('bluemarble.login', JSON.stringify(login));
  });
  await page.reload();
  await page.waitForSelector('dialog.login-screen.over[open]');
  assert.equal(await page.$$eval('dialog.login-screen', (all) => all.length), 1);
  assert.match(await text('.login-card .lead'), /expired/);
  await fillIn(page, 'dialog.over input[name=username]', OPERATOR[0]);
  await fillIn(page, 'dialog.over input[name=password]', OPERATOR[1]);
  await page.click('dialog.over button[type=submit]');
  await page.waitForFunction(() => !document.querySelector('dialog[open]') && document.querySelector('section[aria-label=Players] tbody tr'));
  assert.equal(await route(), `#/players?search=${nameOf(2)}`);
  await page.waitForFunction(() => document.querySelector('.state')?.textContent === 'live');
});

test('the admin secret opens the console too, and is not kept', async () => {
  const other = await openPage(browser);
  await other.goto(`${zone}/console/`);
  await other.waitForSelector('[role=tab]');
  await (await other.$$('[role=tab]'))[1].click();
  await fillIn(other, 'input[name=secret]', process.env.SECRET);
  await other.click('.login-card button[type=submit]');
  await live(other);
  assert.equal(await other.evaluate(() => sessionStorage.length + localStorage.length), 0);
  assert.deepEqual(other.problems, []);
  await other.browserContext().close();
});

test('no script failed, no rule of the content policy was broken, and nothing was asked elsewhere', () => {
  assert.deepEqual(page.problems, []);
});
