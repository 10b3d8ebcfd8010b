// One table of keys: what is pressed and what "?" shows are the same list.

import {h} from './dom';
import {dialog} from './overlays';

export interface Shortcut {
  keys: string[];
  /** As the list shows them. */
  shown: string;
  text: string;
  group: 'Pages' | 'Map' | 'Everywhere';
  run(event: KeyboardEvent): void;
  /** Only then. */
  when?: () => boolean;
}

const shortcuts: Shortcut[] = [];

export function addShortcuts(...more: Shortcut[]): void {
  shortcuts.push(...more);
}

/** Keys in a field belong to the field. */
function inField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');
}

export function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector('dialog[open]')) return;
    if (inField(event.target) && event.key !== 'Escape') return;
    for (const shortcut of shortcuts) {
      if (!shortcut.keys.includes(event.key) || (shortcut.when && !shortcut.when())) continue;
      // A focused button keeps its own keys.
      if (event.target instanceof HTMLElement && event.target.matches('button, a, summary') && [' ', 'Enter'].includes(event.key)) return;
      event.preventDefault();
      shortcut.run(event);
      return;
    }
  });
}

export function showShortcuts(): void {
  const groups = [...new Set(shortcuts.map((s) => s.group))];
  dialog(
    'Keyboard',
    [
      h(
        'div',
        {class: 'keys'},
        ...groups.map((group) =>
          h(
            'section',
            {},
            h('h3', {}, group),
            h(
              'dl',
              {},
              ...shortcuts
                .filter((s) => s.group === group && s.shown)
                .flatMap((s) => [
                  h('dt', {}, ...s.shown.split(' ').map((key) => h('kbd', {}, key))),
                  h('dd', {}, s.text),
                ]),
            ),
          ),
        ),
      ),
    ],
    {wide: true},
  );
}
