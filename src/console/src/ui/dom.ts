// Elements by function calls. Text always goes in as text: nothing that a player chose is ever parsed as HTML.

type Child = Node | string | number | null | undefined | false;
type Props = Record<string, unknown>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  apply(element, props);
  append(element, children);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

export function svg(tag: string, props: Record<string, string | number>, ...children: Element[]): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

function apply(element: HTMLElement, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on') && typeof value === 'function') {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (name === 'class') {
      element.className = String(value);
    } else if (name in element && !name.startsWith('aria') && name !== 'list' && name !== 'form' && name !== 'role') {
      (element as unknown as Props)[name] = value;
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
}

function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  append(element, children);
}

/** Sets text only where it changed, so that a screen reader and the layout are left alone. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

let nextId = 0;
export const freshId = (prefix: string) => `${prefix}-${++nextId}`;

// Icons of 20 x 20, drawn with a pen of 1.6.
const ICONS: Record<string, string> = {
  map: 'M10 2.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 0 0 0-15M2.5 10h15M10 2.5c2.2 2 3.2 4.600 3.200 7.500s-1 5.500-3.200 7.500c-2.200-2-3.200-4.600-3.200-7.500s1-5.500 3.200-7.500',
  plots: 'M3 3v14h14M6 13l3.200-4 2.600 2.200L16 6',
  players: 'M7.500 9.500a3 3 0 1 0 0-6a3 3 0 0 0 0 6M2 17c0-3 2.300-5 5.500-5s5.500 2 5.500 5M13 3.800a3 3 0 0 1 0 5.400M15 12.600c2 .7 3.200 2.300 3.200 4.400',
  slow: 'M10 3.500a7 7 0 1 0 0 14a7 7 0 0 0 0-14M10 6.500v4l2.800 1.800M8 1.800h4',
  operate: 'M3 4.500h14v9H9l-4 3v-3H3z',
  config: 'M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4',
  health: 'M2.500 10h3.500l2-5 3.500 10 2-5h4',
  sun: 'M10 6.500a3.500 3.500 0 1 0 0 7a3.500 3.500 0 0 0 0-7M10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100',
  moon: 'M16.500 11.800A7 7 0 0 1 8.200 3.500a7 7 0 1 0 8.300 8.300z',
  auto: 'M10 3a7 7 0 1 0 0 14a7 7 0 0 0 0-14M10 3v14M10 6h4M10 10h6.500M10 14h4',
  help: 'M7.500 7.500a2.500 2.500 0 1 1 3.500 2.300c-.7.300-1 .8-1 1.500v.400M10 14.500v.2M10 2.500a7.500 7.500 0 1 0 0 15a7.500 7.500 0 0 0 0-15',
  out: 'M8 3H4v14h4M12.500 6.500L16 10l-3.500 3.500M16 10H8',
  close: 'M5 5l10 10M15 5L5 15',
  plus: 'M10 4v12M4 10h12',
  minus: 'M4 10h12',
  home: 'M3.500 9.500L10 4l6.500 5.500M5.500 8v8h9V8',
  follow: 'M10 6a4 4 0 1 0 0 8a4 4 0 0 0 0-8M10 2v3M10 15v3M2 10h3M15 10h3',
  search: 'M9 3.500a5.500 5.500 0 1 0 0 11a5.500 5.500 0 0 0 0-11M13 13l4 4',
  left: 'M12 4.500L6.500 10l5.500 5.500',
  right: 'M8 4.500l5.500 5.500L8 15.500',
  layers: 'M10 3l7 3.800-7 3.800-7-3.800zM3 10.400l7 3.800 7-3.800M3 13.800l7 3.700 7-3.700',
  pause: 'M7 4.500v11M13 4.500v11',
};

export function icon(name: keyof typeof ICONS | string): SVGElement {
  return svg(
    'svg',
    {viewBox: '0 0 20 20', class: 'icon', 'aria-hidden': 'true', focusable: 'false'},
    svg('path', {d: ICONS[name] ?? ''}),
  );
}

/** A button that is only a picture, with its name for those who cannot see it and as a tip. */
export function iconButton(name: string, label: string, onclick: () => void, extra: Props = {}): HTMLButtonElement {
  const {class: more, ...rest} = extra;
  return h('button', {type: 'button', class: `icon-button ${more ?? ''}`, title: label, 'aria-label': label, onclick, ...rest}, icon(name) as unknown as Node);
}
