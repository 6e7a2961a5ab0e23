// Who is connected: the lists of a hub, or one connection.
import { useStyle } from "../dom.js";
import { lists } from "./connections/lists.js";
import { oneConnection } from "./connections/one.js";

/** @param {import("../router.js").Context} context */
export async function render(context) {
  await useStyle("connections");
  const [hub, connection] = context.path;
  return hub && connection ? oneConnection(hub, connection, context) : lists(context);
}
