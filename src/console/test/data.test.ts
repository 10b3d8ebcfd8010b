import assert from 'node:assert/strict';
import {test} from 'node:test';
import {History, KEPT_S} from '../src/data/history.ts';
import type {Sample} from '../src/data/types.ts';
import {refusal} from '../src/data/api.ts';
import {bytes, duration, heading, metres, millis, moment, percent, place, short} from '../src/ui/format.ts';

const sample = (second: number, players: number) => ({time_ms: second * 1000, players}) as Sample;

test('the last ten minutes are kept, older ones not', () => {
  const history = new History();
  const players = history.column((each) => each.players);
  for (let second = 0; second < 1000; ++second) history.add(sample(second, second));
  assert.equal(history.times.length, players.length);
  assert.equal(history.times[0], 999 - KEPT_S);
  assert.equal(players.at(-1), 999);
  assert.equal(history.latest!.players, 999);
});

test('a gap is a gap, a column that comes later begins empty, and a repeated sample counts once', () => {
  const history = new History();
  const players = history.column((each) => each.players);
  history.add(sample(10, 1));
  history.add(sample(11, 2));
  history.add(sample(11, 2));
  const late = history.column((each) => each.players * 2);
  history.add(sample(60, 3));
  assert.deepEqual(players, [1, 2, null, 3]);
  assert.deepEqual(late, [null, null, null, 6]);
});

test('when the clock goes far back the plots begin anew', () => {
  const history = new History();
  const players = history.column((each) => each.players);
  history.add(sample(5000, 1));
  history.add(sample(100, 2));
  assert.deepEqual(history.times, [100]);
  assert.deepEqual(players, [2]);
});

test('numbers are said as people read them', () => {
  const plain = (text: string) => text.replaceAll('\u202f', ' ');
  assert.equal(plain(short(9999)), '9,999');
  assert.equal(plain(short(12345)), '12.3 k');
  assert.equal(plain(bytes(1_500_000)), '1.50 MB');
  assert.equal(plain(bytes(999)), '999 B');
  assert.equal(plain(millis(null)), '–');
  assert.equal(plain(millis(3.456)), '3.46 ms');
  assert.equal(plain(percent(81.24)), '81 %');
  assert.equal(plain(metres(200_000)), '200 km');
  assert.equal(plain(metres(2000)), '2 km');
  assert.equal(plain(metres(50)), '50 m');
  assert.equal(plain(metres(0.2)), '20 cm');
  assert.equal(plain(duration(59)), '59 s');
  assert.equal(plain(duration(312)), '5 min 12 s');
  assert.equal(plain(duration(90_000)), '1 d 1 h');
  assert.equal(plain(place(-33.5, 151.25, 2)), '33.50° S, 151.25° E');
  assert.equal(heading(359.9), '360° N');
  assert.equal(heading(-90), '270° W');
  assert.equal(moment('not a time'), 'not a time');
});

test('refusals are told in the words of the server, and bans with their end', () => {
  assert.equal(refusal(404, {error: {code: 'not_found', message: 'nobody of that name is in play'}}, '', 0).message, 'Nobody of that name is in play');
  assert.match(refusal(403, {error: {code: 'banned', message: 'banned', until: 'forever', reason: 'x'}}, '', 0).message, /banned until forever: x/);
  assert.match(refusal(429, {error: {code: 'no_space', message: 'too many'}}, '', 7).message, /again in 7 s/);
  assert.equal(refusal(502, {}, '', 0).message, 'The zone answered 502.');
});
