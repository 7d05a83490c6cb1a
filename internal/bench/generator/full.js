import http from 'k6/http';
import { check } from 'k6';

const base = __ENV.BASE_URL;

export default function () {
  const login = http.post(`${base}/login`, { user: `user-${1 + Math.floor(Math.random() * 1000)}`, password: 'loadtest' });
  check(login, { 'log-in is in order': (r) => r.status === 200 && r.json('ok') === true });
  for (let i = 0; i < 10; i++) {
    const list = http.get(`${base}/items`, { tags: { name: 'items' } });
    check(list, { 'list is in order': (r) => r.status === 200 && r.json('ok') === true });
    const items = list.json('items');
    const id = items[Math.floor(Math.random() * items.length)].id;
    const change = http.post(`${base}/items/${id}`, JSON.stringify({ id, text: 'some words' }), {
      headers: { 'Content-Type': 'application/json' },
      tags: { name: 'item' },
    });
    check(change, { 'change is in order': (r) => r.status === 200 && r.json('ok') === true });
  }
}
