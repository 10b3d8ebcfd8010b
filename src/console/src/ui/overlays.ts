// What lies over the pages: dialogs, questions before something changes, and notices that go by themselves.

import {fill, freshId, h, iconButton} from './dom';

/** A modal dialog; the browser keeps the focus in it and Escape closes it. Removed when closed. */
export function dialog(title: string, body: Node[], options: {wide?: boolean; closable?: boolean} = {}): HTMLDialogElement {
  const id = freshId('dialog');
  const closable = options.closable ?? true;
  const element = h(
    'dialog',
    {class: options.wide ? 'dialog wide' : 'dialog', 'aria-labelledby': id},
    h(
      'header',
      {},
      h('h2', {id}, title),
      closable && iconButton('close', 'Close', () => element.close()),
    ),
    ...body,
  );
  element.addEventListener('close', () => element.remove());
  element.addEventListener('cancel', (event) => {
    if (!closable) event.preventDefault();
  });
  document.body.append(element);
  element.showModal();
  return element;
}

export interface Field {
  name: string;
  label: string;
  type?: 'text' | 'number' | 'password' | 'select' | 'datetime-local';
  value?: string;
  hint?: string;
  required?: boolean;
  maxLength?: number;
  step?: string;
  options?: Array<[string, string]>;
}

export interface Question {
  title: string;
  text: string;
  fields?: Field[];
  action: string;
  danger?: boolean;
  /** Does it; what it throws is shown and the question stays open. */
  run(values: Record<string, string>): Promise<void>;
}

/** Asks before something changes. Nothing happens on Escape. */
export function ask(question: Question): HTMLDialogElement {
  const error = h('p', {class: 'error', role: 'alert', hidden: true});
  const inputs = new Map<string, HTMLInputElement | HTMLSelectElement>();
  const rows = (question.fields ?? []).map((field) => {
    const id = freshId('field');
    const input =
      field.type === 'select'
        ? h('select', {id, name: field.name}, ...(field.options ?? []).map(([value, text]) => h('option', {value}, text)))
        : h('input', {
            id,
            name: field.name,
            type: field.type ?? 'text',
            value: field.value ?? '',
            required: field.required,
            maxLength: field.maxLength ?? 524288,
            step: field.step,
            autocomplete: 'off',
          });
    if (field.type === 'select' && field.value !== undefined) input.value = field.value;
    inputs.set(field.name, input);
    return h(
      'div',
      {class: 'field'},
      h('label', {for: id}, field.label),
      input,
      field.hint && h('small', {}, field.hint),
    );
  });
  const submit = h('button', {type: 'submit', class: question.danger ? 'button danger' : 'button primary'}, question.action);
  const form = h(
    'form',
    {
      onsubmit: async (event: Event) => {
        event.preventDefault();
        submit.disabled = true;
        error.hidden = true;
        try {
          await question.run(Object.fromEntries([...inputs].map(([name, input]) => [name, input.value.trim()])));
          element.close();
        } catch (problem) {
          error.textContent = problem instanceof Error ? problem.message : String(problem);
          error.hidden = false;
        } finally {
          submit.disabled = false;
        }
      },
    },
    h('p', {class: 'lead'}, question.text),
    ...rows,
    error,
    h('footer', {}, h('button', {type: 'button', class: 'button', onclick: () => element.close()}, 'Cancel'), submit),
  );
  const element = dialog(question.title, [form]);
  (rows.length > 0 ? [...inputs.values()][0]! : submit).focus();
  return element;
}

let notices: HTMLElement | undefined;

/** A notice in the corner; errors stay longer. Announced by screen readers. */
export function notify(text: string, kind: 'good' | 'bad' | 'plain' = 'plain'): void {
  if (!notices) {
    notices = h('div', {class: 'notices', role: 'status', 'aria-live': 'polite'});
    document.body.append(notices);
  }
  const notice = h('div', {class: `notice ${kind}`}, h('span', {}, text));
  notice.append(iconButton('close', 'Dismiss', () => notice.remove()));
  notices.append(notice);
  while (notices.children.length > 4) notices.firstElementChild!.remove();
  setTimeout(() => notice.remove(), kind === 'bad' ? 12000 : 5000);
}

/** The place where something would be, with the reason why it is not. */
export function empty(text: string, retry?: () => void): HTMLElement {
  const box = h('div', {class: 'empty'}, h('p', {}, text));
  if (retry) box.append(h('button', {type: 'button', class: 'button', onclick: retry}, 'Try again'));
  return box;
}

/** Fills `element` with what `load` gives, or with what went wrong. */
export async function loading(element: HTMLElement, load: () => Promise<Node[]>): Promise<void> {
  element.setAttribute('aria-busy', 'true');
  try {
    fill(element, ...(await load()));
  } catch (problem) {
    fill(element, empty(problem instanceof Error ? problem.message : String(problem), () => void loading(element, load)));
  } finally {
    element.removeAttribute('aria-busy');
  }
}
