// The console's frame: the bar above, the pages' names on the left, the page that the address names, and the login.

import './style/main.css';
import {App, type Page} from './app';
import {ConfigPage} from './pages/config';
import {HealthPage} from './pages/health';
import {askLogin} from './pages/login';
import {MapPage} from './pages/map_page';
import {OperatePage} from './pages/operate';
import {PlayersPage} from './pages/players';
import {PlotsPage} from './pages/plots';
import {SlowPage} from './pages/slow';
import {fill, h, icon, iconButton, say} from './ui/dom';
import {bytes, integer, millis, percent} from './ui/format';
import {addShortcuts, listenToKeys, showShortcuts} from './ui/shortcuts';
import {currentTheme, setTheme, type Theme} from './ui/theme';

const PAGES = [
  {id: 'map', name: 'Map', make: (app: App): Page => new MapPage(app)},
  {id: 'plots', name: 'Plots', make: (app: App): Page => new PlotsPage(app)},
  {id: 'players', name: 'Players', make: (app: App): Page => new PlayersPage(app)},
  {id: 'slow', name: 'Slow ticks', make: (app: App): Page => new SlowPage(app)},
  {id: 'operate', name: 'Chat, actions', make: (app: App): Page => new OperatePage(app)},
  {id: 'config', name: 'Settings', make: (app: App): Page => new ConfigPage(app)},
  {id: 'health', name: 'Health', make: (app: App): Page => new HealthPage(app)},
] as const;

const app = new App();
const pages = new Map<string, Page>();
const links = new Map<string, HTMLAnchorElement>();
const main = h('main', {id: 'main', tabIndex: -1});
let current = '';

function pageOf(id: string): Page {
  let page = pages.get(id);
  if (!page) {
    page = PAGES.find((each) => each.id === id)!.make(app);
    pages.set(id, page);
    page.element.hidden = true;
    main.append(page.element);
  }
  return page;
}

function route(): void {
  if (!app.api.login) return;
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const id = PAGES.some((page) => page.id === path) ? path : 'map';
  if (current !== id) {
    if (current) {
      const old = pageOf(current);
      old.hide();
      old.element.hidden = true;
    }
    current = id;
    pageOf(id).element.hidden = false;
    for (const [each, link] of links) {
      if (each === id) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    document.title = `${PAGES.find((page) => page.id === id)!.name} · bluemarble`;
  }
  pageOf(id).show(new URLSearchParams(query));
}

// --- the bar ---------------------------------------------------------------------------------------------------------

const figure = (name: string) => {
  const value = h('strong', {}, '–');
  return {element: h('div', {class: 'figure'}, h('span', {}, name), value), value};
};
const figures = {
  players: figure('Players'),
  entities: figure('Entities'),
  tick: figure('Tick P99'),
  age: figure('Age P99'),
  out: figure('Sent'),
  cpu: figure('CPU'),
};
const state = h('span', {class: 'state', role: 'status'});
const shard = h('span', {class: 'shard'});
const who = h('span', {class: 'who'});
const trouble = h('div', {class: 'trouble', role: 'alert', hidden: true});

function tellFeed(): void {
  const open = app.feedState === 'open';
  state.className = `state ${app.feedState}`;
  say(state, open ? 'live' : app.feedState === 'connecting' ? 'connecting' : 'not connected');
  say(shard, app.hello?.shard ?? '');
  trouble.hidden = app.feedState !== 'waiting' && !(app.feedState === 'closed' && app.feedText !== '');
  if (!trouble.hidden) say(trouble, `Not live: ${app.feedText}.${app.feedState === 'waiting' ? ' Trying again…' : ''}`);
}
app.onChange(tellFeed);

app.onSample((sample) => {
  say(figures.players.value, integer(sample.players));
  say(figures.entities.value, integer(sample.entities));
  say(figures.tick.value, millis(sample.tick_ms[2]));
  say(figures.age.value, millis(sample.age_ms[1]));
  say(figures.out.value, `${bytes(sample.bytes_out_per_s)}/s`);
  say(figures.cpu.value, percent(sample.cpu_pct));
  figures.tick.element.classList.toggle('warn', (sample.tick_ms[2] ?? 0) > sample.period_ms);
  figures.tick.element.title = sample.relief_step > 0 ? `Relief step ${sample.relief_step}, time at ${sample.dilation_pct} %` : '';
});

const THEMES: Theme[] = ['auto', 'light', 'dark'];
const THEME_ICONS: Record<Theme, string> = {auto: 'auto', light: 'sun', dark: 'moon'};
const themeButton = iconButton('auto', '', () => nextTheme());
function showTheme(): void {
  const theme = currentTheme();
  const label = `Colours: ${theme === 'auto' ? 'as the system' : theme}`;
  themeButton.title = label;
  themeButton.setAttribute('aria-label', label);
  fill(themeButton, icon(THEME_ICONS[theme]) as unknown as Node);
}
function nextTheme(): void {
  setTheme(THEMES[(THEMES.indexOf(currentTheme()) + 1) % THEMES.length]!);
  showTheme();
}

async function logOut(): Promise<void> {
  await app.api.logOut();
  app.feed.close();
  location.reload();
}

function frame(): void {
  const nav = h(
    'nav',
    {class: 'rail', 'aria-label': 'Pages'},
    ...PAGES.map(({id, name}, i) => {
      const link = h('a', {href: `#/${id}`, title: `${name} (${i + 1})`}, icon(id) as unknown as Node, h('span', {}, name));
      links.set(id, link);
      return link;
    }),
  );
  fill(
    document.body,
    h('a', {href: '#main', class: 'skip', onclick: (event: Event) => { event.preventDefault(); main.focus(); }}, 'To the page'),
    h(
      'header',
      {class: 'bar'},
      h('div', {class: 'brand'}, h('span', {class: 'brand-mark', 'aria-hidden': 'true'}), h('strong', {}, 'bluemarble')),
      shard,
      state,
      h('div', {class: 'figures-row'}, ...Object.values(figures).map(({element}) => element)),
      h('div', {class: 'grow'}),
      who,
      themeButton,
      iconButton('help', 'Keyboard shortcuts (?)', showShortcuts),
      iconButton('out', 'Log out', () => void logOut()),
    ),
    nav,
    main,
    trouble,
  );
  showTheme();
  tellFeed();
}

function begin(): void {
  say(who, app.api.login?.name ?? '');
  app.feed.open(app.api.login!.token);
  pageOf('map'); // its keys are in the list of all keys from the start on
  route();
}

addShortcuts(
  ...PAGES.map(({id, name}, i) => ({keys: [String(i + 1)], shown: String(i + 1), text: name, group: 'Pages' as const, run: () => app.go(id)})),
  {
    keys: ['/'],
    shown: '/',
    text: 'Search players',
    group: 'Everywhere',
    run: () => {
      app.go('players');
      setTimeout(() => (pageOf('players') as PlayersPage).input.focus(), 0);
    },
  },
  {keys: ['t'], shown: 't', text: 'Light, dark, or as the system', group: 'Everywhere', run: nextTheme},
  {keys: ['?'], shown: '?', text: 'This list', group: 'Everywhere', run: showShortcuts},
);

frame();
listenToKeys();
window.addEventListener('hashchange', route);
app.api.onToken = (token) => {
  // The first token comes before the pages do.
  if (current) app.feed.open(token);
};
app.api.onExpired = async () => {
  await askLogin(app.api, {expired: true, name: who.textContent ?? ''});
  say(who, app.api.login?.name ?? '');
};
if (!app.api.restore()) await askLogin(app.api);
begin();
