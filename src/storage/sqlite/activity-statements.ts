import { activityNames } from "../activity.ts";

const columns = activityNames.join(", ");
const sums = activityNames.map((name) => `${name} = ${name} + excluded.${name}`).join(", ");

/** The statements for activity, by name. */
export const activityStatements = {
  addActivity: `INSERT INTO activity (starts_at, ${columns}) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET ${sums}`,
  forgetActivity: "DELETE FROM activity WHERE starts_at < ?",
  activity: `SELECT starts_at, ${columns} FROM activity WHERE starts_at >= ? ORDER BY starts_at`,
};
