import type { Rejections } from "../rejections.ts";
import type { Access } from "./access.ts";
import { rejectionPageOf } from "../sql-rows.ts";
import { trimValues } from "./rejection-rows.ts";

/** Keeps rejections in a file. */
export function createRejections({ read, write, now }: Access): Rejections {
  return {
    add: ({ id, receivedAt, signature, body }, limits) =>
      write((connection) => {
        const time = now();
        const size = body.byteLength;
        if (size <= limits.maxBytes) {
          connection.checkRoom(body.length);
          connection.run("addRejection", id, receivedAt, time, signature, size, body);
        }
        connection.run("trimRejections", ...trimValues(limits, time));
      }),
    list: ({ limit, cursor }) =>
      read((connection) =>
        // One more than asked for tells whether there is a next page.
        rejectionPageOf(connection.all("rejections", Number(cursor ?? 0), limit + 1), limit)
      ),
    body: (id) => read((connection) => connection.one("rejectionBody", id)?.body),
    remove: (id) =>
      write((connection) => {
        connection.run("removeRejection", id);
      }),
  };
}
