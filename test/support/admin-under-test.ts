import { admin } from "imggo-webhooks/admin";
import { expectDescribedAnswer } from "./described-answer.ts";
import { type ReceiverUnderTest, type SetUp, setUp } from "./receiver-under-test.ts";

/** The token of every receiver under test. */
export const token = "a token of 26 characters..";

/** What the API answered. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** What the JSON holds; the text of what is none. */
  // deno-lint-ignore no-explicit-any -- what it holds each test says by what it expects
  readonly body: any;
}

/** A receiver with its API. */
export interface AdminUnderTest extends ReceiverUnderTest {
  /**
   * Asks the API for a path below `/admin/api`, with the token. What is an object is sent as JSON.
   * Asserts that its description tells of the answer.
   */
  readonly call: (path: string, body?: unknown, headers?: HeadersInit) => Promise<ApiAnswer>;
}

/** A receiver over a storage in memory, with what operators get. */
export function setUpAdmin(
  { plugins = [], basePath = "", ...options }: SetUp = {},
): AdminUnderTest {
  const underTest = setUp({ plugins: [admin({ token }), ...plugins], basePath, ...options });
  return {
    ...underTest,
    async call(path, body, headers = {}) {
      const request = new Request(`http://receiver.test${basePath}/admin/api${path}`, {
        headers: { Authorization: `Bearer ${token}`, ...headers },
        ...(body !== undefined && {
          method: "POST",
          body: typeof body === "string" ? body : JSON.stringify(body),
        }),
      });
      const answer = await readApiAnswer(await underTest.receiver.fetch(request));
      expectDescribedAnswer(request, answer);
      return answer;
    },
  };
}

/** Reads an answer, whatever its form. */
export async function readApiAnswer(response: Response): Promise<ApiAnswer> {
  const { status, headers } = response;
  const text = await response.text();
  const isJson = headers.get("Content-Type")?.startsWith("application/json") && text !== "";
  return { status, headers, body: isJson ? JSON.parse(text) : text };
}
