// A script as people have them.
import http from "k6/http";
import { check, group, sleep } from "k6";

export const options = {
  scenarios: {
    browse: { executor: "constant-vus", vus: 4, duration: "16s", gracefulStop: "2s" },
  },
  thresholds: {
    http_req_failed: ["rate<0.01"],
    http_req_duration: [`p(95)<${__ENV.P95 || 5000}`],
    checks: ["rate>0.99"],
  },
};

const base = __ENV.BASE_URL;

export default function () {
  group("front", () => {
    const [health, courses] = http.batch([
      ["GET", `${base}/healthz`],
      ["GET", `${base}/healthz`, null, { tags: { name: "health again" } }],
    ]);
    check(health, { "is up": (r) => r.status === 200 });
    check(courses, { "is still up": (r) => r.status === 200 });
  });
  group("log in", () => {
    const r = http.post(`${base}/api/v1/login`, JSON.stringify({ email: `user${__VU}@example.test`, password: "scalecheck" }),
      { headers: { "Content-Type": "application/json" } });
    check(r, { "logged in": (r) => r.status === 200 });
  });
  sleep(0.3);
}
