// Journeys as calls of an ordinary script: k6's executors decide when, Go walks
// the session, and one call is one session.
//
//   k6 run --out scalecheck=ticks.ndjson calls.js
import { journey } from 'k6/x/scalecheck';
import { check } from 'k6';

export const options = {
  scenarios: {
    readers: { executor: 'constant-arrival-rate', rate: 10, duration: '3s', preAllocatedVUs: 60 },
  },
};

const visit = journey({
  scenario: open('./journeys.yaml'),
  target: __ENV.BASE_URL || 'http://127.0.0.1:8080',
  seed: 1,
});

export default function () {
  const v = visit();
  check(v, { 'pages came': (v) => v.requests > 0 && v.failed === 0 });
}
