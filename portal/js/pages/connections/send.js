// Sending a message from the page, as the app server would.
import { messageOf, post } from "../../api.js";
import { sendingTo } from "../../rest.js";
import { h } from "../../dom.js";
import { icon } from "../../icons.js";
import { openDialog } from "../../components/dialog.js";
import { choice, field } from "../../components/fields.js";
import { toast } from "../../components/toast.js";

/**
 * A message with its button.
 * @param {string} hub
 * @param {import("../../rest.js").Receiver} receiver
 * @param {{ signal: AbortSignal, to: string, onSent?: () => void }} options to: whom, for people
 * @returns {HTMLElement}
 */
export function composer(hub, receiver, { signal, to, onSent = () => {} }) {
  let isJson = false;
  const area = h("textarea", { rows: 4, spellcheck: "false", class: "mono", on: { input: () => message.setError(""), keydown: onKey } });
  const message = field({ label: "Message", control: area, hint: "Ctrl and Enter sends." });
  const button = h("button", { class: "button primary", type: "button", on: { click: send } }, icon("send"), "Send");

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
  }

  async function send() {
    const text = area.value;
    if (isJson) {
      try {
        JSON.parse(text);
      } catch (error) {
        message.setError(`This is no JSON: ${messageOf(error)}. Correct it, or send it as text.`);
        area.focus();
        return;
      }
    }
    button.disabled = true;
    try {
      const { path, query = {} } = sendingTo(hub, receiver);
      await post(path, { query, body: text, type: isJson ? "application/json" : "text/plain; charset=utf-8", signal });
      toast(`Sent to ${to}.`);
      onSent();
    } catch (error) {
      if (!signal.aborted) message.setError(messageOf(error));
    } finally {
      button.disabled = false;
    }
  }

  return h("div", { class: "stack-s" },
    choice({
      legend: "Kind", value: "text", options: [{ value: "text", title: "Text" }, { value: "json", title: "JSON" }],
      onChange: (kind) => { isJson = kind === "json"; message.setError(""); },
    }),
    message.element, h("div", {}, button));
}

/** @param {string} hub @param {import("../../rest.js").Receiver} receiver @param {{ signal: AbortSignal, to: string }} options */
export function openComposer(hub, receiver, { signal, to }) {
  const { close } = openDialog({ title: `Send to ${to}`, body: composer(hub, receiver, { signal, to, onSent: () => close() }) });
}
