// An ordinary k6 script. Nothing in it knows of scalecheck:
//
//   k6 run --out scalecheck=ticks.ndjson plain.js
import http from 'k6/http';
import { check, group, sleep } from 'k6';

export const options = {
  vus: 5,
  duration: '5s',
  thresholds: {
    http_req_failed: ['rate<0.01'],
    'http_req_duration{expected_response:true}': ['p(95)<500'],
  },
};

const base = __ENV.BASE_URL || 'http://127.0.0.1:8080';

export default function () {
  group('visit', function () {
    const res = http.get(`${base}/`);
    check(res, { 'home is there': (r) => r.status === 200 });
    http.batch([`${base}/style.css`, `${base}/app.js`]);
  });
  sleep(0.5);
}
