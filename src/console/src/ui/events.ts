// Events of a player as the daemon tells them, in a table that does not depend on what kinds of events there are.

import {h} from './dom';
import {moment, place} from './format';

type Row = Record<string, unknown>;

function text(value: unknown): string {
  if (isState(value)) return `at ${place(value.lat_deg, value.lon_deg, 4)}, health ${value.health}`;
  if (Array.isArray(value)) return value.map(text).join('; ');
  if (value === null || value === undefined) return '';
  if (typeof value === 'object') {
    return Object.entries(value as Row)
      .filter(([, inner]) => inner !== null && inner !== '')
      .map(([name, inner]) => `${name} ${text(inner)}`)
      .join(', ');
  }
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Math.round(value * 1e6) / 1e6);
  return String(value);
}

/** Of a player: the only state that every login and sample repeats. */
function isState(value: unknown): value is {lat_deg: number; lon_deg: number; health: number} {
  return typeof value === 'object' && value !== null && 'lat_deg' in value && 'lon_deg' in value;
}

const NOT_SHOWN = new Set(['seq', 'version', 'time', 'tick', 'kind', 'event', 'aggregate', 'epoch', 'id', 'type', 'payload']);

/** Newest first. */
export function eventList(answer: Row): HTMLElement {
  const events = (answer.events as Row[] | undefined) ?? [];
  if (events.length === 0) return h('p', {class: 'quiet'}, 'No events yet.');
  return h(
    'ol',
    {class: 'events'},
    ...events.toReversed().map((event) => {
      const rest = Object.entries(event)
        .filter(([name, value]) => !NOT_SHOWN.has(name) && value !== null && value !== '')
        .map(([name, value]) => (name === 'state' ? text(value) : `${name} ${text(value)}`))
        .join(' · ');
      return h(
        'li',
        {},
        h('span', {class: 'when'}, moment(String(event.time ?? ''))),
        h('strong', {}, String(event.event ?? event.kind ?? 'event').replaceAll('_', ' ')),
        h('small', {}, rest),
      );
    }),
  );
}
