// Hubs: the list, or one of them.
import { useStyle } from "../dom.js";
import { hubList } from "./hubs/list.js";
import { newHub, oneHub } from "./hubs/one.js";

/** @param {import("../router.js").Context} context */
export async function render(context) {
  await useStyle("hubs");
  const [name] = context.path;
  if (name) return oneHub(name, context);
  return context.params.has("new") ? newHub(context) : hubList(context);
}
