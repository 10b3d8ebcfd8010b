import assert from 'node:assert/strict';
import {beforeEach, test} from 'node:test';
import {Api} from '../src/data/api.ts';

type Answer = [status: number, body: unknown];
let asked: Array<{path: string; token: string | null; body: unknown}> = [];
let answers: (path: string, token: string | null) => Answer;
const kept = new Map<string, string>();

beforeEach(() => {
  asked = [];
  kept.clear();
  Object.assign(globalThis, {
    window: globalThis,
    sessionStorage: {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    },
    fetch: async (path: string, options: {headers: Record<string, string>; body?: string}) => {
      const token = options.headers.Authorization?.replace('Bearer ', '') ?? null;
      asked.push({path, token, body: options.body ? JSON.parse(options.body) : undefined});
      const [status, body] = answers(path, token);
      return new Response(JSON.stringify(body), {status});
    },
  });
});

const tokens = (access: string, refresh: string, role = 'operator') => ({name: 'Ada', role, access_token: access, expires_in: 900, refresh_token: refresh});
const expired: Answer = [401, {error: {code: 'expired', message: 'the token has expired'}}];

test('an expired token is refreshed once for all who wait, and their requests are repeated', async () => {
  const api = new Api();
  let refreshed = 0;
  answers = (path, token) => {
    if (path === '/v1/login') return [200, tokens('old', 'r1')];
    if (path === '/v1/refresh') return ++refreshed, [200, tokens('new', 'r2')];
    return token === 'new' ? [200, {fine: true}] : expired;
  };
  await api.logIn('Ada', 'secret');
  api.onExpired = () => assert.fail('the operator need not be asked');
  const all = await Promise.all([api.get('/v1/a'), api.get('/v1/b'), api.post('/v1/c', {x: 1})]);
  assert.deepEqual(all, [{fine: true}, {fine: true}, {fine: true}]);
  assert.equal(refreshed, 1);
  api.forget();
});

test('when the refresh is refused the operator is asked once, and the requests go on afterwards', async () => {
  const api = new Api();
  answers = (path, token) => {
    if (path === '/v1/login') return [200, tokens(asked.length > 2 ? 'third' : 'old', 'r1')];
    if (path === '/v1/refresh') return [401, {error: {code: 'denied', message: 'used up'}}];
    return token === 'third' ? [200, {fine: true}] : expired;
  };
  await api.logIn('Ada', 'secret');
  let questions = 0;
  api.onExpired = async () => {
    ++questions;
    await api.logIn('Ada', 'again');
  };
  assert.deepEqual(await Promise.all([api.get('/v1/a'), api.get('/v1/b')]), [{fine: true}, {fine: true}]);
  assert.equal(questions, 1);
  api.forget();
});

test('a player is told how to become an operator, and no token is kept', async () => {
  const api = new Api();
  answers = () => [200, tokens('t', 'r', 'player')];
  await assert.rejects(api.logIn('Bob', 'secret'), /player.s account.*zonectl role/);
  assert.equal(api.login, null);
  assert.equal(kept.size, 0);
});

test('a reload keeps an access token; the admin secret and refresh tokens never leave the memory', async () => {
  const api = new Api();
  answers = (path) => (path === '/v1/login' ? [200, tokens('access', 'refresh-me')] : [200, {name: 'operator', role: 'operator', via: 'secret', expires_in: null}]);
  await api.logIn('Ada', 'secret');
  assert.ok(![...kept.values()].join().includes('refresh-me'));
  const again = new Api();
  assert.ok(again.restore());
  assert.equal(again.login!.token, 'access');
  await api.logInBySecret('the-admin-secret');
  assert.equal(kept.size, 0);
  assert.equal(asked.at(-1)!.token, 'the-admin-secret');
  assert.ok(!new Api().restore());
  api.forget();
});
