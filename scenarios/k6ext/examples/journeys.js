// Users walked by Go: no JavaScript runs while they are at work.
//
//   k6 run --out scalecheck=ticks.ndjson journeys.js
export const options = {
  scenarios: {
    readers: {
      executor: 'scalecheck',
      scenario: open('./journeys.yaml'),
      target: __ENV.BASE_URL || 'http://127.0.0.1:8080',
      users: 50,
      duration: '12s',
      steps: 2,
      seed: 1,
    },
  },
};

export default function () {} // k6 wants one; it is not called
