// The configuration in force: every setting, where it came from, and which differ from their defaults.

import type {App, Page} from '../app';
import type {Setting} from '../data/types';
import {fill, h, icon} from '../ui/dom';
import {empty, loading} from '../ui/overlays';

export class ConfigPage implements Page {
  readonly element: HTMLElement;
  private readonly body = h('div', {});
  private readonly input = h('input', {type: 'search', placeholder: 'Setting or what it is about', 'aria-label': 'Search settings', autocomplete: 'off', spellcheck: false, oninput: () => this.draw()});
  private readonly changed = h('input', {type: 'checkbox', onchange: () => this.draw()});
  private readonly count = h('span', {class: 'quiet', role: 'status'});
  private settings: Setting[] = [];

  constructor(private readonly app: App) {
    this.element = h(
      'section',
      {class: 'page scroll', 'aria-label': 'Configuration'},
      h(
        'div',
        {class: 'page-head'},
        h('h1', {}, 'Configuration in force'),
        this.count,
        h('div', {class: 'grow'}),
        h('label', {class: 'check'}, this.changed, 'Only what differs'),
        h('div', {class: 'search'}, icon('search') as unknown as Node, this.input),
      ),
      this.body,
    );
  }

  show(): void {
    void loading(this.body, async () => {
      this.settings = (await this.app.api.get<{settings: Setting[]}>('/v1/console/config')).settings;
      return this.tables();
    });
  }

  hide(): void {}

  private draw(): void {
    fill(this.body, ...this.tables());
  }

  private tables(): Node[] {
    const wanted = this.input.value.trim().toLowerCase();
    const differs = (setting: Setting) => text(setting.value) !== text(setting.default);
    const shown = this.settings.filter(
      (setting) => (!this.changed.checked || differs(setting)) && (!wanted || setting.name.toLowerCase().includes(wanted) || setting.help.toLowerCase().includes(wanted)),
    );
    this.count.textContent = `${shown.length} of ${this.settings.length} settings`;
    if (shown.length === 0) return [empty('No setting is like that.')];
    const sections = [...new Set(shown.map((setting) => setting.name.split('.')[0]!))];
    return sections.map((section) =>
      h(
        'div',
        {class: 'card table-card'},
        h(
          'table',
          {class: 'table settings'},
          h('caption', {}, section),
          h('colgroup', {}, ...['name', 'value', 'source', 'help'].map((each) => h('col', {class: `setting-${each}`}))),
          h('thead', {class: 'hidden-text'}, h('tr', {}, ...['Setting', 'Value', 'Source', 'Meaning'].map((text) => h('th', {scope: 'col'}, text)))),
          h(
            'tbody',
            {},
            ...shown
              .filter((setting) => setting.name.split('.')[0] === section)
              .map((setting) =>
                h(
                  'tr',
                  {class: differs(setting) ? 'differs' : ''},
                  h('td', {class: 'setting-name'}, setting.name.slice(section.length + 1) || setting.name),
                  h('td', {class: 'setting-value'}, h('code', {}, text(setting.value)), setting.unit ? h('small', {}, ` ${setting.unit}`) : null),
                  h('td', {class: 'setting-source'}, h('span', {class: setting.source === 'default' ? 'quiet' : ''}, setting.source), differs(setting) ? h('small', {class: 'quiet'}, ` (default ${text(setting.default)})`) : null),
                  h('td', {class: 'setting-help'}, setting.help),
                ),
              ),
          ),
        ),
      ),
    );
  }
}

function text(value: unknown): string {
  if (value === '' || value === null || value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
