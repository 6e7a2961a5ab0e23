// A frame on one line: what it is, whom it is about, and what it says.
import { h } from "../../dom.js";
import { jsonLine } from "../../components/json.js";

const CHARACTERS_MAX = 200;

/** @param {string} text @returns {(Element|string)[]} */
export function essence(text) {
  const frame = read(text);
  if (!frame) return [jsonLine(text.slice(0, CHARACTERS_MAX))];
  const { what, about, data } = frame;
  return [
    h("span", { class: "what" }, what),
    " ",
    about ? h("span", { class: "about" }, about) : null,
    about ? " " : null,
    data === undefined ? null : typeof data === "string" ? h("span", {}, data.slice(0, CHARACTERS_MAX)) : jsonLine((JSON.stringify(data) ?? "").slice(0, CHARACTERS_MAX)),
  ].filter((part) => part !== null);
}

/** @param {string} text @returns {{ what: string, about: string, data?: unknown }|null} */
function read(text) {
  /** @type {Record<string, any>} */
  let frame;
  try {
    frame = JSON.parse(text);
  } catch {
    return null;
  }
  const type = frame?.["type"];
  if (typeof type !== "string") return null;
  const parts = (/** @type {unknown[]} */ ...all) => all.filter((part) => part !== undefined && part !== null && part !== "").join(" · ");
  switch (type) {
    case "system":
      return { what: String(frame["event"]), about: parts(frame["userId"] && `as ${frame["userId"]}`), data: frame["message"] };
    case "message":
      return { what: "message", about: parts(frame["group"] ?? frame["from"], frame["fromUserId"]), data: frame["data"] };
    case "ack":
      return frame["success"]
        ? { what: "ack", about: parts(`#${frame["ackId"]}`, "done") }
        : { what: "ack", about: parts(`#${frame["ackId"]}`, frame["error"]?.name), data: frame["error"]?.message };
    case "sequenceAck":
      return { what: type, about: `up to ${frame["sequenceId"]}` };
    default:
      return { what: type, about: parts(frame["ackId"] && `#${frame["ackId"]}`, frame["group"] ?? frame["event"]), data: frame["data"] };
  }
}
