/**
 * scalecheck's extension of k6. It is used through a script's options, k6's
 * --out flag, and the module k6/x/scalecheck.
 *
 * @example
 * export const options = {
 *   scenarios: {
 *     users: {
 *       executor: 'scalecheck',
 *       scenario: open('./journeys.yaml'),
 *       target: __ENV.BASE_URL,
 *       users: 500,
 *       duration: '5m',
 *       steps: 5,
 *     },
 *   },
 * };
 * export default function () {} // k6 wants one; it is not called
 */

/** A scenario of a k6 script whose users are walked by Go. */
export interface ScalecheckScenario {
  executor: 'scalecheck';

  /**
   * Who the users are: the text of a scalecheck scenario file (open() it), or
   * the name of a built-in one, such as 'builtin:lms'.
   */
  scenario: string | object;

  /** Base URL of the system under test. Only its host is sent requests. */
  target?: string;
  /** Users active at once at the highest step, think time included. Not with rate. */
  users?: number;
  /** Sessions started per second at the highest step, whether or not earlier ones have ended. Not with users. */
  rate?: number;
  /** Of all steps together: '5m', or milliseconds. */
  duration?: string | number;
  /** How many steps lead to the top. */
  steps?: number;
  /** The same seed gives the same users with the same choices. */
  seed?: number;

  /** How long sessions that are under way at the end may go on: '10s'. Default: they end with their request. */
  drain?: string | number;

  /** The plan as a whole, in place of the fields from target to seed; scalecheck run passes one. */
  plan?: object;

  /**
   * Whether k6's own outputs get http_reqs, http_req_duration, http_req_failed
   * and data_received of these requests. Default: true. http_req_duration counts
   * from when a request should have been sent.
   */
  metrics?: boolean;

  startTime?: string;
  gracefulStop?: string;
  tags?: { [name: string]: string };
}

declare module 'k6/x/scalecheck' {
  export interface JourneyOptions {
    /** As an executor's: the text of a scenario file, or 'builtin:lms'. */
    scenario: string | object;
    /** Base URL of the system under test. Only its host is sent requests, as far as k6's own guards allow. */
    target: string;
    /** Walk only this persona. Default: each in its share. */
    persona?: string;
    /** The same seed gives the same sessions. */
    seed?: number;
  }

  export interface Visit {
    /** Number of the session, from 1. */
    session: number;
    persona: string;
    requests: number;
    /** Of these, not answered as the scenario expects. */
    failed: number;
    /** Milliseconds, think time included. */
    duration: number;
  }

  /**
   * Returns a function that walks one session of the scenario in Go at each
   * call, and returns when the session is over. Call it in the init code; all
   * VUs share the sessions. Requests are sent by k6's dialer and held to its
   * --rps; their metrics and tags are those of the executor 'scalecheck'.
   */
  export function journey(options: JourneyOptions): () => Visit;
}

/**
 * What --out scalecheck=FILE (or fd:N, an inherited pipe) writes: one of these
 * a line. hello comes first, bye last; a file without bye was cut short.
 */
export type Line = { hello: Hello } | { tick: Tick } | { bye: Bye };

export interface Hello {
  /** When the load began: setup() was over. */
  start: string;
  version: string;
}

/** The second that begins k seconds after hello.start; a last one may be shorter. */
export interface Tick {
  start: string;
  /** Seconds. */
  length: number;
  alive: boolean;
  endpoints?: Endpoint[];
  /** Of the scenario's paths, those that somebody walked to the end. */
  paths?: Path[];
  generator: {
    /** What latencies count from. */
    clock: 'intended start' | 'service time';
    /** Requests sent. k6 tells our output of a script's when they have ended. */
    started: number;
    /** Requests answered, failed or cut off. */
    completed: number;
    /** Sessions that were due. Summed from the start: offered = sessions + dropped + waiting. */
    offered: number;
    /** Of these, begun: their first request was sent. */
    sessions: number;
    /** Of these, given up: they never became a request. */
    dropped: number;
    /** Of these, due but not begun when the second ended. */
    waiting: number;
    /** How late requests were started. */
    lag?: Histogram;
    /** Requests under way, on average. */
    in_flight: number;
    /** Users, on average. */
    active_users: number;
  };
}

export interface Endpoint {
  /** "GET /courses/{id}", or the name tag of a script. */
  name: string;
  requests: number;
  failed: number;
  /** Why: "connection refused", "timeout", "status 500", ... */
  errors?: { [kind: string]: number };
  statuses?: { [status: string]: number };
  /** Received. 0 for a script's requests: k6 does not say which they belong to. */
  bytes: number;
  /** Of requests that did not fail. */
  latency: Histogram;
  /** Of those that failed, if any did: refused is not fast. */
  failed_latency?: Histogram;
}

/** How long users waited for a path as a whole: the sum of its requests' latencies, think time left out. */
export interface Path {
  name: string;
  /** To its end, failures included. */
  walked: number;
  /** With a request that failed. */
  failed: number;
  /** Of those without a failure. */
  latency: Histogram;
}

/** [microseconds, count] of the non-empty buckets. Adding counts merges without loss. */
export type Histogram = [number, number][];

export interface Bye {
  thresholds?: { metric: string; source: string; ok: boolean }[];
  checks?: { name: string; passed: number; failed: number }[];
  refused?: { [host: string]: number };
  error?: string;
}
