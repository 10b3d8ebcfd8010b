// What an operator may do to a player. Each asks first, and says what became of it.

import type {App} from '../app';
import type {Player} from '../data/types';
import {h} from './dom';
import {ask, notify} from './overlays';

export type Target = Pick<Player, 'player' | 'name'> & {lat?: number; lon?: number};

const REASON = {name: 'reason', label: 'Reason', hint: 'Told to the player, and kept in the audit.', maxLength: 200};

export function askKick(app: App, target: Target, done?: () => void): void {
  ask({
    title: `Kick ${target.name}`,
    text: `${target.name} is disconnected now and may come back at once.`,
    fields: [REASON],
    action: 'Kick',
    danger: true,
    run: async ({reason}) => {
      await app.api.post('/v1/console/kick', {player: target.player, ...(reason ? {reason} : {})});
      notify(`${target.name} was kicked.`, 'good');
      done?.();
    },
  });
}

const BANS: Array<[string, string]> = [
  ['3600', 'One hour'],
  ['86400', 'One day'],
  ['604800', 'One week'],
  ['2592000', '30 days'],
  ['', 'For ever'],
];

export function askBan(app: App, target: Pick<Target, 'name'>, done?: () => void): void {
  ask({
    title: `Ban ${target.name}`,
    text: `${target.name} is sent away, all logins end, and no new one is let in until the ban is over.`,
    fields: [{name: 'for', label: 'For how long', type: 'select', options: BANS, value: '86400'}, {...REASON, required: true}],
    action: 'Ban',
    danger: true,
    run: async ({reason, for: seconds}) => {
      const until = seconds ? String(Math.floor(Date.now() / 1000) + Number(seconds)) : undefined;
      await app.api.post('/v1/admin/ban', {name: target.name, reason: reason ?? '', ...(until ? {until} : {})});
      notify(`${target.name} is banned.`, 'good');
      done?.();
    },
  });
}

export function askUnban(app: App, name: string, done?: () => void): void {
  ask({
    title: `Lift the ban of ${name}`,
    text: `${name} may log in again.`,
    fields: [{...REASON, hint: 'Kept in the audit.'}],
    action: 'Lift the ban',
    run: async ({reason}) => {
      await app.api.post('/v1/admin/unban', {name, ...(reason ? {reason} : {})});
      notify(`The ban of ${name} is lifted.`, 'good');
      done?.();
    },
  });
}

export function askRole(app: App, name: string, operator: boolean, done?: () => void): void {
  ask({
    title: operator ? `Take the operator’s role from ${name}` : `Make ${name} an operator`,
    text: operator
      ? `${name} may not watch this zone or act in it any more, from now on.`
      : `${name} may see everything here, kick, ban, teleport and give this role. It comes with the next login.`,
    action: operator ? 'Take the role' : 'Make operator',
    danger: true,
    run: async () => {
      await app.api.post('/v1/admin/role', {name, role: operator ? 'player' : 'operator'});
      notify(operator ? `${name} is a player.` : `${name} is an operator.`, 'good');
      done?.();
    },
  });
}

export function askTeleport(app: App, target: Target, done?: () => void): void {
  ask({
    title: `Teleport ${target.name}`,
    text: `${target.name} stands somewhere else in the next tick. Without a height: on the ground.`,
    fields: [
      {name: 'lat', label: 'Latitude', type: 'number', step: 'any', value: target.lat?.toFixed(6) ?? '', required: true},
      {name: 'lon', label: 'Longitude', type: 'number', step: 'any', value: target.lon?.toFixed(6) ?? '', required: true},
      {name: 'height', label: 'Height, metres', type: 'number', step: 'any', hint: 'Above the ellipsoid; may be left out.'},
    ],
    action: 'Teleport',
    danger: true,
    run: async ({lat, lon, height}) => {
      await app.api.post('/v1/console/teleport', {
        player: target.player,
        lat: Number(lat),
        lon: Number(lon),
        ...(height ? {height: Number(height)} : {}),
      });
      notify(`${target.name} was teleported.`, 'good');
      done?.();
    },
  });
}

export function actionButtons(app: App, target: Target, done?: () => void): HTMLElement {
  const button = (text: string, run: (app: App, target: Target, done?: () => void) => void, danger = false) =>
    h('button', {type: 'button', class: danger ? 'button small danger-quiet' : 'button small', onclick: () => run(app, target, done)}, text);
  return h('div', {class: 'row'}, button('Teleport', askTeleport), button('Kick', askKick, true), button('Ban', askBan, true));
}
