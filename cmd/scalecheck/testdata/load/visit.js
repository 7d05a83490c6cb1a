// Somebody looks at a page now and then, for as long as nobody stops them.
import http from "k6/http";
import { sleep } from "k6";

export const options = { vus: 2, duration: "60s" };

export default function () {
  http.get(`${__ENV.BASE_URL}/page`);
  sleep(0.2);
}
