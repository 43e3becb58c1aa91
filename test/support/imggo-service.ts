import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import {
  errorOf,
  firstVariants,
  jobOf,
  jobPageOf,
  listOf,
  type ServiceJob,
  type ServiceWebhook,
  type Variants,
  webhookOf,
} from "./imggo-answers.ts";

/** A request that the stand-in got. */
export interface ServiceRequest {
  readonly method: string;
  /** Behind the base URL, with its query: `/jobs?page=1`. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** What one request meets in place of, or after, what it asks for. */
export interface Fault {
  /** The first request with this method meets it. Default any. */
  readonly method?: string;
  /** Whether the request is done before it meets the fault. Default false. */
  readonly done?: boolean;
  readonly kind:
    /** The connection is closed without an answer. */
    | "drop"
    /** No answer ever. */
    | "hang"
    /** An answer that breaks off. */
    | "break"
    | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** Default an error in the form of the variant. Text is sent as it is. */
      readonly body?: unknown;
      readonly code?: string;
      readonly message?: string;
    };
}

/** What the stand-in limits. */
export interface ServiceLimits {
  /** Requests in any minute. */
  readonly perMinute?: number;
  /** How a 429 says when it ends. Default both. */
  readonly tells?: "Retry-After" | "X-RateLimit-Reset" | "nothing";
  /** Webhooks in the account's plan. */
  readonly webhooks?: number;
}

/** A stand-in of ImgGo's API: a real server, whose data a test sees and sets. */
export interface ImgGoService {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly requests: readonly ServiceRequest[];
  readonly webhooks: ServiceWebhook[];
  readonly jobs: ServiceJob[];
  /** As they are answered. */
  readonly patterns: { readonly id: string; readonly [field: string]: unknown }[];
  /** Settable at any time. */
  variants: Variants;
  limits: ServiceLimits;
  /** What requests meet from now on, each one once, in this order. */
  readonly faults: Fault[];
  /** Whether the key may list jobs. */
  mayListJobs: boolean;
  addWebhook(webhook: Partial<ServiceWebhook> & { readonly url: string }): ServiceWebhook;
  addJob(job?: Partial<ServiceJob>): ServiceJob;
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Starts a stand-in on a free port of this machine. */
export async function startImgGoService(): Promise<ImgGoService> {
  const requests: ServiceRequest[] = [];
  const startedAt: number[] = [];
  const server = createServer((request, response) => {
    // A request that breaks off has nobody to answer.
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const service: ImgGoService = {
    baseUrl: `http://127.0.0.1:${port}/api`,
    apiKey: "key-of-the-account",
    requests,
    webhooks: [],
    jobs: [],
    patterns: [],
    variants: firstVariants,
    limits: {},
    faults: [],
    mayListJobs: true,
    addWebhook(webhook) {
      const added = {
        id: crypto.randomUUID(),
        events: ["job.succeeded", "job.failed"],
        secret: crypto.randomUUID().replaceAll("-", "").repeat(2),
        active: true,
        createdAt: new Date().toISOString(),
        lastTriggeredAt: null,
        ...webhook,
      };
      service.webhooks.push(added);
      return added;
    },
    addJob(job = {}) {
      const added: ServiceJob = {
        id: crypto.randomUUID(),
        patternId: "pat_invoices",
        createdAt: new Date().toISOString(),
        status: "queued",
        result: null,
        error: null,
        endedAt: null,
        ...job,
      };
      service.jobs.push(added);
      return added;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return service;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = request;
    const path = url.replace(/^\/api/, "");
    const received = { method, path, headers, body: await text(request) };
    requests.push(received);
    const at = service.faults.findIndex((fault) => (fault.method ?? method) === method);
    const [fault] = at < 0 ? [] : service.faults.splice(at, 1);
    const reply = fault === undefined || fault.done ? replyTo(received) : undefined;
    if (fault?.kind === "hang") return;
    if (fault?.kind === "drop") return void response.destroy();
    if (fault?.kind === "break") {
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "100" });
      response.write('{"success":', () => response.destroy());
      return;
    }
    const { status, body, headers: more } = fault === undefined ? reply as Reply : {
      body: errorOf(fault.kind.code ?? "FAULT", fault.kind.message ?? "A fault", service.variants),
      ...fault.kind,
    };
    response.writeHead(status, { "Content-Type": "application/json", ...more });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  }

  function replyTo({ method, path, headers, body }: ServiceRequest): Reply {
    const error = (status: number, code: string, message: string, more = {}): Reply => ({
      status,
      body: errorOf(code, message, service.variants),
      headers: more,
    });
    const limited = limit();
    if (limited !== undefined) return error(429, "RATE_LIMITED", "Too many requests", limited);
    if (headers.authorization !== `Bearer ${service.apiKey}`) {
      return error(401, "UNAUTHORIZED", "Invalid API key");
    }
    const url = new URL(path, service.baseUrl);
    const [, collection, id] = url.pathname.split("/").map(decodeURIComponent);
    const call = `${method} ${collection}${id === undefined ? "" : "/id"}`;
    if (call === "GET webhooks") {
      return { status: 200, body: listOf(service.webhooks, service.variants) };
    }
    if (call === "POST webhooks") return register(body, error);
    if (call === "DELETE webhooks/id") {
      const at = service.webhooks.findIndex((webhook) => webhook.id === id);
      if (at < 0) return error(404, "NOT_FOUND", "Webhook not found");
      service.webhooks.splice(at, 1);
      return { status: 200, body: { success: true, message: "Webhook deleted" } };
    }
    if (call === "GET jobs") {
      return service.mayListJobs
        ? { status: 200, body: jobPageOf(service.jobs, url.searchParams, service.variants) }
        : error(403, "FORBIDDEN", "Not for API keys");
    }
    const pattern = service.patterns.find((each) => each.id === id);
    if (call === "GET patterns/id" && pattern !== undefined) {
      return { status: 200, body: { success: true, data: pattern } };
    }
    const job = service.jobs.find((each) => each.id === id);
    return call === "GET jobs/id" && job !== undefined
      ? { status: 200, body: jobOf(job, service.variants) }
      : error(404, "NOT_FOUND", "Not found");
  }

  function register(
    body: string,
    error: (status: number, code: string, message: string) => Reply,
  ): Reply {
    const { url, events, secret } = JSON.parse(body);
    if (service.webhooks.length >= (service.limits.webhooks ?? Infinity)) {
      return error(403, "PLAN_LIMIT_EXCEEDED", "Your plan allows no more webhooks");
    }
    if (service.webhooks.some((webhook) => webhook.url === url)) {
      return error(409, "WEBHOOK_EXISTS", "A webhook with this URL exists");
    }
    const added = service.addWebhook({ url, events, ...(secret && { secret }) });
    const data = { ...webhookOf(added, service.variants), secret: added.secret };
    return { status: 201, body: { success: true, data } };
  }

  /** The headers of a 429, where one is due. */
  function limit(): Record<string, string> | undefined {
    const { perMinute = Infinity, tells } = service.limits;
    const now = Date.now();
    const recent = startedAt.filter((time) => time > now - 60_000);
    const [oldest = now] = recent;
    if (recent.length < perMinute) {
      startedAt.push(now);
      return undefined;
    }
    const seconds = Math.ceil((oldest + 60_000 - now) / 1_000);
    return {
      ...([undefined, "Retry-After"].includes(tells) && { "Retry-After": String(seconds) }),
      ...([undefined, "X-RateLimit-Reset"].includes(tells) && {
        "X-RateLimit-Limit": String(perMinute),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": String(Math.ceil(now / 1_000) + seconds),
      }),
    };
  }
}
