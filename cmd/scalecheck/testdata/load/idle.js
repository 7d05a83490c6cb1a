// It sends nothing, and its threshold is green.
import { sleep } from "k6";

export const options = { vus: 2, duration: "6s", thresholds: { http_req_failed: ["rate<0.01"] } };

export default function () { sleep(0.2); }
