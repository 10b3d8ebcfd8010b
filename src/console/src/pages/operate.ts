// What is said in the world, announcements, and the audit of what operators did.

import type {App, Page} from '../app';
import type {Action} from '../data/types';
import {askBan, askRole, askUnban} from '../ui/actions';
import {fill, h} from '../ui/dom';
import {clock, moment} from '../ui/format';
import {empty, notify} from '../ui/overlays';

const CHAT_EVERY_MS = 2000;
const AUDIT_EVERY_MS = 5000;
const LINES = 100;
const MOST_BYTES = 256;

interface Note {
  time: string;
  player: string;
  name: string | null;
  text: string;
  code: number;
}

interface Account {
  account: string;
  name: string;
  role?: string;
  created: string;
  banned_until: string | null;
  ban_reason: string;
  events?: Array<{time: string; event: string; address: string; detail: string}>;
}

export class OperatePage implements Page {
  readonly element: HTMLElement;
  private readonly chat = h('ol', {class: 'chat', tabIndex: 0, 'aria-label': 'Chat', role: 'log'});
  private readonly audit = h('div', {class: 'audit'});
  private readonly account = h('div', {});
  private readonly text = h('input', {type: 'text', placeholder: 'Say something to everybody in play', 'aria-label': 'Announcement', autocomplete: 'off', required: true});
  private readonly left = h('small', {class: 'quiet figures'});
  private chatTimer = 0;
  private auditTimer = 0;
  private shown = false;
  private newest = '';
  private written = '';

  constructor(private readonly app: App) {
    const name = h('input', {type: 'text', placeholder: 'Account name', 'aria-label': 'Account name', autocomplete: 'off', required: true, maxLength: 32});
    this.text.addEventListener('input', () => this.countBytes());
    this.element = h(
      'section',
      {class: 'page scroll', 'aria-label': 'Chat and actions'},
      h('div', {class: 'page-head'}, h('h1', {}, 'Chat and actions')),
      h(
        'div',
        {class: 'operate'},
        h(
          'div',
          {class: 'card chat-card'},
          h('h2', {}, 'Chat'),
          this.chat,
          h(
            'form',
            {class: 'announce', onsubmit: (event: Event) => void this.announce(event)},
            this.text,
            this.left,
            h('button', {type: 'submit', class: 'button primary'}, 'Announce'),
          ),
        ),
        h(
          'div',
          {class: 'stack'},
          h(
            'div',
            {class: 'card'},
            h('h2', {}, 'Accounts'),
            h(
              'form',
              {
                class: 'announce',
                onsubmit: (event: Event) => {
                  event.preventDefault();
                  void this.look(name.value.trim());
                },
              },
              name,
              h('button', {type: 'submit', class: 'button'}, 'Look up'),
            ),
            this.account,
          ),
          h('div', {class: 'card'}, h('h2', {}, 'What operators did'), this.audit),
        ),
      ),
    );
  }

  show(): void {
    this.shown = true;
    void this.refreshChat();
    void this.refreshAudit();
  }

  hide(): void {
    this.shown = false;
    clearTimeout(this.chatTimer);
    clearTimeout(this.auditTimer);
  }

  private countBytes(): void {
    const left = MOST_BYTES - new TextEncoder().encode(this.text.value).length;
    this.left.textContent = left < 60 ? String(left) : '';
    this.left.classList.toggle('over', left < 0);
    this.text.setCustomValidity(left < 0 ? 'Too long for one line.' : '');
  }

  private async announce(event: Event): Promise<void> {
    event.preventDefault();
    const text = this.text.value.trim();
    if (!text) return;
    try {
      const {players} = await this.app.api.post<{players: number}>('/v1/console/announce', {text});
      this.text.value = '';
      this.countBytes();
      notify(`Said to ${players} ${players === 1 ? 'player' : 'players'}.`, 'good');
      void this.refreshChat();
      void this.refreshAudit();
    } catch (problem) {
      notify(problem instanceof Error ? problem.message : String(problem), 'bad');
    }
  }

  private async refreshChat(): Promise<void> {
    clearTimeout(this.chatTimer);
    try {
      const {notes} = await this.app.api.get<{notes: Note[]}>('/v1/admin/notes', {kind: 'chat', limit: LINES});
      const newest = `${notes.length} ${notes.at(-1)?.time} ${notes.at(-1)?.text}`;
      if (newest !== this.newest) {
        this.newest = newest;
        const atEnd = this.chat.scrollTop + this.chat.clientHeight >= this.chat.scrollHeight - 30;
        fill(
          this.chat,
          ...(notes.length === 0
            ? [h('li', {class: 'quiet'}, 'Nobody has said anything yet.')]
            : notes.map((note) =>
                h(
                  'li',
                  {class: note.player === '0' ? 'operator' : ''},
                  h('time', {dateTime: note.time, title: note.time}, clock(note.time)),
                  h('strong', {}, note.player === '0' ? 'operator' : (note.name ?? note.player)),
                  h('span', {}, note.text),
                ),
              )),
        );
        if (atEnd) this.chat.scrollTop = this.chat.scrollHeight;
      }
    } catch (problem) {
      this.newest = '';
      fill(this.chat, h('li', {}, empty(problem instanceof Error ? problem.message : String(problem))));
    }
    clearTimeout(this.chatTimer);
    if (this.shown) this.chatTimer = window.setTimeout(() => void this.refreshChat(), CHAT_EVERY_MS);
  }

  private async refreshAudit(): Promise<void> {
    clearTimeout(this.auditTimer);
    try {
      const {actions} = await this.app.api.get<{actions: Action[]}>('/v1/console/actions', {limit: 100});
      const written = JSON.stringify(actions);
      // What an operator is reading or copying stays as it is.
      if (written !== this.written) fill(this.audit, auditTable(actions));
      this.written = written;
    } catch (problem) {
      this.written = '';
      fill(this.audit, empty(problem instanceof Error ? problem.message : String(problem)));
    }
    clearTimeout(this.auditTimer);
    if (this.shown) this.auditTimer = window.setTimeout(() => void this.refreshAudit(), AUDIT_EVERY_MS);
  }

  private async look(name: string): Promise<void> {
    if (!name) return;
    try {
      const account = await this.app.api.get<Account>('/v1/admin/account', {name});
      const again = () => void this.look(name);
      fill(
        this.account,
        h(
          'dl',
          {class: 'facts'},
          h('dt', {}, 'Account'),
          h('dd', {}, `${account.name} · ${account.account}`),
          h('dt', {}, 'Made'),
          h('dd', {}, moment(account.created)),
          h('dt', {}, 'Role'),
          h('dd', {}, account.role ?? 'player'),
          h('dt', {}, 'Ban'),
          h('dd', {}, account.banned_until ? `until ${account.banned_until}${account.ban_reason ? `: ${account.ban_reason}` : ''}` : 'none'),
        ),
        h(
          'div',
          {class: 'row'},
          account.banned_until
            ? h('button', {type: 'button', class: 'button small', onclick: () => askUnban(this.app, account.name, again)}, 'Lift the ban')
            : h('button', {type: 'button', class: 'button small danger-quiet', onclick: () => askBan(this.app, account, again)}, 'Ban'),
          h('button', {type: 'button', class: 'button small', onclick: () => askRole(this.app, account.name, account.role === 'operator', again)}, account.role === 'operator' ? 'Take the role' : 'Make operator'),
          h('button', {type: 'button', class: 'button small', onclick: () => this.app.go('players', {search: account.name})}, 'In play?'),
        ),
        h(
          'ol',
          {class: 'events'},
          ...(account.events ?? []).slice(0, 20).map((event) =>
            h('li', {}, h('span', {class: 'when'}, moment(event.time)), h('strong', {}, event.event.replaceAll('_', ' ')), h('small', {}, [event.address, event.detail].filter(Boolean).join(' · '))),
          ),
        ),
      );
    } catch (problem) {
      fill(this.account, h('p', {class: 'error', role: 'alert'}, problem instanceof Error ? problem.message : String(problem)));
    }
  }
}

function auditTable(actions: Action[]): HTMLElement {
  if (actions.length === 0) return h('p', {class: 'quiet'}, 'Nothing yet.');
  return h(
    'table',
    {class: 'table dense'},
    h('thead', {}, h('tr', {}, ...['Time', 'Action', 'Who', 'By', 'Detail'].map((text) => h('th', {scope: 'col'}, text)))),
    h(
      'tbody',
      {},
      ...actions.map((action) =>
        h(
          'tr',
          {},
          h('td', {class: 'figures'}, moment(action.time)),
          h('td', {}, h('span', {class: `badge ${action.action}`}, action.action.replaceAll('_', ' '))),
          h('td', {class: 'strong'}, action.target ?? ''),
          h('td', {}, action.by ?? ''),
          h('td', {class: 'wrap'}, action.detail ?? ''),
        ),
      ),
    ),
  );
}
