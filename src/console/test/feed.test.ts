import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Feed, type FeedHandler} from '../src/data/feed.ts';

class FakeSocket {
  static readonly OPEN = 1;
  static newest: FakeSocket;
  readyState = 1;
  onopen = () => {};
  onmessage = (_: {data: string}) => {};
  onclose = (_: {code: number}) => {};
  constructor() {
    FakeSocket.newest = this;
  }
  send(): void {}
  close(): void {}
}

/** What the operator is told when the zone closes with that code after these words. */
function told(code: number, message = ''): string {
  Object.assign(globalThis, {window: globalThis, location: {protocol: 'http:', host: 'zone'}, WebSocket: FakeSocket});
  let text = '';
  const feed = new Feed({state: (state, why) => (text = `${state}: ${why}`), expired: () => {}} as Partial<FeedHandler> as FeedHandler);
  feed.open('token');
  if (message) FakeSocket.newest.onmessage({data: JSON.stringify({type: 'error', code: 'x', message})});
  FakeSocket.newest.onclose({code});
  const said = text;
  feed.close();
  return said;
}

test('a banned operator is told of the ban, in the words of the zone', () => {
  assert.equal(told(4403, 'the account is banned'), 'closed: the account is banned');
  assert.equal(told(4403), 'closed: this account is not an operator’s');
});

test('a connection that ends otherwise is tried again, and says why', () => {
  assert.equal(told(4409, 'slow'), 'waiting: this page did not keep up');
  assert.equal(told(1011, 'the console’s thread failed'), 'waiting: the console’s thread failed');
  assert.equal(told(1006), 'waiting: the zone does not answer');
});
