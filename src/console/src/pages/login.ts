// The login form: an operator's account, or the admin secret. Over an empty page at first; over the page that was open when a
// login has expired.

import type {Api} from '../data/api';
import {freshId, h} from '../ui/dom';

/** Shows the form over everything; resolves when somebody has logged in. */
export function askLogin(api: Api, options: {expired?: boolean; name?: string} = {}): Promise<void> {
  return new Promise((resolve) => {
    const error = h('p', {class: 'error', role: 'alert', hidden: true});
    const name = h('input', {id: freshId('name'), name: 'username', type: 'text', autocomplete: 'username', required: true, maxLength: 32, value: options.name ?? '', spellcheck: false});
    const password = h('input', {id: freshId('password'), name: 'password', type: 'password', autocomplete: 'current-password', required: true, maxLength: 128});
    const secret = h('input', {id: freshId('secret'), name: 'secret', type: 'password', autocomplete: 'off', required: true, spellcheck: false});
    const account = h('div', {class: 'fields'}, field('Name', name), field('Password', password));
    const bySecret = h('div', {class: 'fields', hidden: true}, field('Admin secret', secret, 'The file admin.secret in the daemon’s data folder.'));
    const submit = h('button', {type: 'submit', class: 'button primary wide'}, 'Log in');
    const tabs = (['Account', 'Admin secret'] as const).map((text, i) =>
      h('button', {type: 'button', role: 'tab', 'aria-selected': String(i === 0), tabIndex: i === 0 ? 0 : -1, onclick: () => choose(i)}, text),
    );
    const choose = (which: number) => {
      tabs.forEach((tab, i) => {
        tab.setAttribute('aria-selected', String(i === which));
        tab.tabIndex = i === which ? 0 : -1;
      });
      account.hidden = which !== 0;
      bySecret.hidden = which !== 1;
      // What is hidden must not be asked for.
      name.disabled = password.disabled = which !== 0;
      secret.disabled = which !== 1;
      error.hidden = true;
      (which === 0 ? (name.value ? password : name) : secret).focus();
    };
    const form = h(
      'form',
      {
        class: 'login-card',
        'aria-label': 'Log in',
        onsubmit: async (event: Event) => {
          event.preventDefault();
          submit.disabled = true;
          error.hidden = true;
          try {
            if (bySecret.hidden) await api.logIn(name.value.trim(), password.value);
            else await api.logInBySecret(secret.value.trim());
            screen.close();
            screen.remove();
            resolve();
          } catch (problem) {
            error.textContent = problem instanceof Error ? problem.message : String(problem);
            error.hidden = false;
            (bySecret.hidden ? password : secret).select();
          } finally {
            submit.disabled = false;
          }
        },
      },
      h('div', {class: 'brand'}, h('span', {class: 'brand-mark', 'aria-hidden': 'true'}), h('strong', {}, 'bluemarble'), h('span', {}, 'console')),
      h('p', {class: 'lead'}, options.expired ? 'Your login has expired. Log in again; the page stays as it is.' : 'For operators of this zone. The first one comes in by the admin secret, and makes operators under “Chat, actions”.'),
      h(
        'div',
        {
          class: 'segmented full',
          role: 'tablist',
          'aria-label': 'How to log in',
          onkeydown: (event: KeyboardEvent) => {
            if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
            event.preventDefault();
            const which = account.hidden ? 0 : 1;
            choose(which);
            tabs[which]!.focus();
          },
        },
        ...tabs,
      ),
      account,
      bySecret,
      error,
      submit,
    );
    secret.disabled = true;
    const screen = h('dialog', {class: options.expired ? 'login-screen over' : 'login-screen', 'aria-label': 'Log in'}, form);
    screen.addEventListener('cancel', (event) => event.preventDefault());
    document.body.append(screen);
    screen.showModal();
    (name.value ? password : name).focus();
  });
}

function field(label: string, input: HTMLInputElement, hint?: string): HTMLElement {
  return h('div', {class: 'field'}, h('label', {for: input.id}, label), input, hint ? h('small', {}, hint) : null);
}
