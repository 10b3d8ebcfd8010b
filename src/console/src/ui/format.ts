// Numbers and times as people read them. Pure.

const THIN = '\u202f'; // narrow, and no line ends at it

export function integer(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}

/** 1,234 as it is; 12.3 k, 4.56 M above. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${three(value / 1e9)}${THIN}G`;
  if (size >= 1e6) return `${three(value / 1e6)}${THIN}M`;
  if (size >= 1e4) return `${three(value / 1e3)}${THIN}k`;
  return size >= 100 || Number.isInteger(value) ? integer(value) : three(value);
}

function three(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

export function bytes(value: number): string {
  if (Math.abs(value) < 1000) return `${Math.round(value)}${THIN}B`;
  for (const [limit, unit] of [[1e6, 'KB'], [1e9, 'MB'], [1e12, 'GB']] as const) {
    if (Math.abs(value) < limit) return `${three(value / (limit / 1000))}${THIN}${unit}`;
  }
  return `${three(value / 1e12)}${THIN}TB`;
}

export function millis(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)}${THIN}ms`;
}

export function percent(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : `${value.toFixed(value >= 10 ? 0 : 1)}${THIN}%`;
}

export function metres(value: number): string {
  if (value >= 1e6) return `${integer(value / 1000)}${THIN}km`;
  if (value >= 1000) return `${plain(value / 1000)}${THIN}km`;
  if (value >= 1) return `${plain(value)}${THIN}m`;
  return `${Math.round(value * 100)}${THIN}cm`;
}

/** Without zeros at the end of a fraction. */
function plain(value: number): string {
  return String(Number(three(value)));
}

export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}${THIN}s`;
  if (s < 3600) return `${Math.floor(s / 60)}${THIN}min ${String(s % 60).padStart(2, '0')}${THIN}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}${THIN}h ${String(Math.floor(s / 60) % 60).padStart(2, '0')}${THIN}min`;
  return `${Math.floor(s / 86400)}${THIN}d ${Math.floor(s / 3600) % 24}${THIN}h`;
}

/** Degrees with hemisphere letters, as many digits as the scale has use for. */
export function place(lat: number, lon: number, digits = 5): string {
  const part = (value: number, plus: string, minus: string) =>
    `${Math.abs(value).toFixed(digits)}°${THIN}${value >= 0 ? plus : minus}`;
  return `${part(lat, 'N', 'S')}, ${part(lon, 'E', 'W')}`;
}

const WINDS = ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'];

export function heading(degrees: number): string {
  const turn = ((degrees % 360) + 360) % 360;
  return `${turn.toFixed(0)}° ${WINDS[Math.round(turn / 45) % 8]}`;
}

export function clock(time: string | number | Date): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  return date.toLocaleTimeString('en-GB');
}

/** The time of day, with the date when it is another day's. */
export function moment(time: string | number | Date, now = new Date()): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  const day = date.toDateString() === now.toDateString() ? '' : `${date.toISOString().slice(0, 10)} `;
  return day + clock(date);
}
