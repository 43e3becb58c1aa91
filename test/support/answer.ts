import { expect } from "vitest";

/** What a receiver answered, read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export async function readAnswer(response: Response): Promise<Answer> {
  const body: Record<string, unknown> = await response.json();
  return { status: response.status, headers: response.headers, body };
}

/** Asserts an answer that refuses, whole: no field but those that belong to its code. */
export function expectRefusal(
  answer: Answer,
  status: number,
  code: string,
  more: object = {},
): void {
  expect(answer.body).toEqual({ error: expect.stringMatching(/^[A-Z].*\.$/), code, ...more });
  expect(answer.status).toBe(status);
  expect(answer.headers.get("Content-Type")).toMatch(/^application\/json/);
  expect(answer.headers.get("X-Request-Id")).toBeTruthy();
  const retryAfter = Number(answer.headers.get("Retry-After"));
  if (status === 503) expect(retryAfter).toBeGreaterThan(0);
  else expect(retryAfter).toBe(0);
}

/** Stands for any id of a stored event, in what is expected of an answer. */
export const anId: unknown = expect.stringMatching(/^evt_[0-9a-z]{26}$/);
