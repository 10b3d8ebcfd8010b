import assert from 'node:assert/strict';
import {test} from 'node:test';
import {namesOf} from '../src/data/names.ts';
import type {Player, PlayerList} from '../src/data/types.ts';

/** A zone with so many in play; entities are numbered from 1,000. */
function zone(count: number) {
  const asked: number[] = [];
  const list = async (offset: number, limit: number): Promise<PlayerList> => {
    asked.push(offset);
    const players = Array.from({length: Math.max(0, Math.min(limit, count - offset))}, (_, i) => ({entity: String(1000 + offset + i), name: `name ${offset + i}`}) as Player);
    return {tick: 1, total: count, matched: count, offset, players};
  };
  return {asked, list};
}

test('who is not among the first five hundred has a name too', async () => {
  const {asked, list} = zone(1200);
  const names = await namesOf(new Set([1003, 2150]), new Map(), list);
  assert.deepEqual([...names!], [[1003, 'name 3'], [2150, 'name 1150']]);
  assert.deepEqual(asked, [0, 500, 1000]);
});

test('nothing is asked when all have their names, and no more than is wanted', async () => {
  const {asked, list} = zone(1200);
  assert.equal(await namesOf(new Set([1003]), new Map([[1003, 'Ada']]), list), null);
  assert.equal(await namesOf(new Set(), new Map(), list), null);
  assert.deepEqual(asked, []);
  const names = await namesOf(new Set([1003, 1004]), new Map([[1003, 'Ada'], [7, 'gone']]), list);
  assert.deepEqual([...names!], [[1003, 'Ada'], [1004, 'name 4']]);
  assert.deepEqual(asked, [0]);
});

test('one that is nowhere in the list ends it', async () => {
  const {asked, list} = zone(500);
  assert.deepEqual([...(await namesOf(new Set([5]), new Map(), list))!], []);
  assert.deepEqual(asked, [0]);
});
