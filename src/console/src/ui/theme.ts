// Light or dark: as the system says, or as chosen here.

export type Theme = 'auto' | 'light' | 'dark';
const KEY = 'bluemarble.theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function stored(): Theme {
  const value = localStorage.getItem(KEY);
  return value === 'light' || value === 'dark' ? value : 'auto';
}

let theme: Theme = stored();
const colors = new Map<string, string>();

function show(): void {
  const dark = theme === 'dark' || (theme === 'auto' && system.matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  colors.clear();
  for (const listener of listeners) listener();
}

system.addEventListener('change', show);
show();

export const currentTheme = () => theme;
export const isDark = () => document.documentElement.dataset.theme === 'dark';

export function setTheme(next: Theme): void {
  theme = next;
  if (next === 'auto') localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  show();
}

/** Called after each change. */
export function onTheme(listener: () => void): void {
  listeners.add(listener);
}

/** A colour of the style sheet; remembered, since canvases ask for it in every frame. */
export function color(name: string): string {
  let value = colors.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    if (value) colors.set(name, value);
  }
  return value;
}
