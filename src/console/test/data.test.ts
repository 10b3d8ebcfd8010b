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

test('a gap is a gap, a column that comes later has the past too, and a repeated sample counts once', () => {
  const history = new History();
  const players = history.column((each) => each.players);
  history.add(sample(10, 1));
  history.add(sample(11, 2));
  history.add(sample(11, 2));
  const late = history.column((each) => each.players * 2);
  history.add(sample(60, 3));
  assert.deepEqual(players, [1, 2, null, 3]);
  assert.deepEqual(late, [2, 4, null, 6]);
});

test('what the server kept stands before what came live, in whatever order its parts come', () => {
  const history = new History();
  const players = history.column((each) => each.players);
  history.add(sample(102, 5));
  history.merge([sample(100, 3), sample(101, 4), sample(102, 5)]);
  history.merge([sample(98, 1), sample(99, 2)]);
  history.add(sample(103, 6));
  assert.deepEqual(history.times, [98, 99, 100, 101, 102, 103]);
  assert.deepEqual(players, [1, 2, 3, 4, 5, 6]);
  assert.equal(history.latest!.players, 6);
});

test('an outage of the page is filled, one of the server stays a gap, and nothing is older than ten minutes', () => {
  const history = new History();
  const players = history.column((each) => each.players);
  history.add(sample(1000, 1));
  history.add(sample(1060, 4));
  assert.deepEqual(players, [1, null, 4]);
  history.merge([sample(1000, 1), sample(1058, 2), sample(1059, 3), sample(1060, 4)]);
  assert.deepEqual(history.times, [1000, 1001, 1058, 1059, 1060]);
  assert.deepEqual(players, [1, null, 2, 3, 4]);
  history.merge([sample(1060 - KEPT_S - 1, 9)]);
  assert.equal(history.times[0], 1000);
});

test('a past alone is shown, and a clock that went back spoils no later column', () => {
  const history = new History();
  history.merge([sample(10, 1), sample(11, 2)]);
  assert.equal(history.latest!.players, 2);
  history.add(sample(5, 3));
  history.merge([sample(10, 1), sample(11, 2), sample(1, 4)]);
  assert.deepEqual(history.times, [1, 5]);
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
