// The access keys: see, copy, renew, and how an app uses them.
import { get, messageOf, post } from "../api.js";
import { h, replace, useStyle } from "../dom.js";
import { icon } from "../icons.js";
import { mayChange, session } from "../session.js";
import { codeBlock } from "../components/code.js";
import { copyButton } from "../components/copy.js";
import { confirm } from "../components/dialog.js";
import { badge, card, page } from "../components/page.js";
import { loading, notice, retry } from "../components/states.js";
import { tabs } from "../components/tabs.js";
import { toast } from "../components/toast.js";

/**
 * @typedef {object} Keys
 * @property {"development"|"configured"|"stored"} source
 * @property {string} primaryKey
 * @property {string|null} secondaryKey
 * @property {string} primaryConnectionString
 * @property {string|null} secondaryConnectionString
 * @property {boolean} canRegenerate
 * @property {string|null} reason
 */
/** @typedef {"Primary"|"Secondary"} Kind */

/** What a key looks like while nobody asked to see it. */
const MASK = "••••••••••••••••••••••••••••••••";

/** @type {Record<Keys["source"], [string, "warn"|"note"|"accent"]>} */
const SOURCES = {
  development: ["Development key", "warn"],
  configured: ["From the configuration", "note"],
  stored: ["Kept in the data folder", "accent"],
};

/** @param {import("../router.js").Context} context */
export async function render({ signal }) {
  await useStyle("keys");
  const body = h("div", { class: "stack" });
  const head = {
    title: "Keys",
    lead: "Your app signs its calls and its clients' tokens with an access key. Both keys work, so one can be renewed while the other is in use.",
  };
  if (!mayChange()) {
    return page(head, notice("note", "This session may only read, so it does not see the keys.", "Sign in with an access key."));
  }

  /** Asked for when somebody wants to see or copy one, since that is written down. @type {Keys|null} */
  let keys = null;
  /** The key that this session signed in with was renewed, which ended it. */
  let isOver = false;
  /** What is shown openly. @type {Set<string>} */
  const open = new Set();

  async function load() {
    keys ??= /** @type {Keys} */ (await get("api/ext/keys", { signal }));
    return keys;
  }

  /** The key that everybody knows is no secret. */
  async function loadDevelopmentKey() {
    replace(body, loading());
    try {
      await load();
      draw();
    } catch (error) {
      if (!signal.aborted) replace(body, retry("The keys could not be loaded.", error, loadDevelopmentKey));
    }
  }

  function draw() {
    replace(body,
      isOver ? notice("warn", "You are signed out: the key that you signed in with is no longer good.",
        "Keep the new one, which is below, then sign in with it.",
        // The service refuses any call now, and the page asks for the key.
        h("button", { class: "button", type: "button", on: { click: () => get("api/ext/keys", { signal }).catch(() => {}) } }, "Sign in")) : null,
      keys?.source === "development"
        ? notice("warn", "This is the well-known key of development mode.",
          "Everybody knows it, so it works on this machine only. A service with another listener, or with --production, makes keys of its own.")
        : null,
      keys && !keys.canRegenerate ? notice("note", "These keys cannot be renewed here.", keys.reason ?? "") : null,
      h("div", { class: "grid grid-2" }, keyCard("Primary"), keyCard("Secondary")),
      usage(keys));
  }

  /** @param {Kind} kind */
  function keyCard(kind) {
    if (keys && keyOf(keys, kind) === null) {
      return card({ title: `${kind} key` }, h("p", { class: "quiet" }, "There is none. With a second key the first one can be renewed without a break."));
    }
    const source = keys && SOURCES[keys.source];
    const foot = keys?.canRegenerate === false ? null : h("div", { class: "row-between" },
      h("span", { class: "quiet small" }, "A new key replaces this one at once."),
      h("button", { class: "button danger small", type: "button", on: { click: () => regenerate(kind) } },
        icon("refresh"), "Renew", h("span", { class: "hush" }, ` the ${kind.toLowerCase()} key`)));
    return card({ title: `${kind} key`, note: source ? badge(...source) : "seeing it is written to the audit log", foot }, h("div", { class: "stack" },
      secret(kind, "key", "Key", (all) => keyOf(all, kind)),
      secret(kind, "connection string", "Connection string", (all) => stringOf(all, kind))));
  }

  /**
   * A value that is hidden until somebody wants to see it.
   * @param {Kind} kind
   * @param {string} name
   * @param {string} title
   * @param {(keys: Keys) => string|null} pick
   */
  function secret(kind, name, title, pick) {
    const what = `${kind} ${name}`;
    const isOpen = open.has(what);
    const toggle = async () => {
      try {
        await load();
        if (isOpen) open.delete(what);
        else open.add(what);
        draw();
        // The button was made anew.
        /** @type {HTMLElement|null} */ (body.querySelector(`[data-toggles="${what}"]`))?.focus();
      } catch (error) {
        if (!signal.aborted) toast(messageOf(error), "bad");
      }
    };
    const text = keys ? pick(keys) ?? "" : MASK;
    const masked = keys ? text.replace(keyOf(keys, kind) ?? "", MASK) : MASK;
    return h("div", { class: "stack-s" },
      h("div", { class: "row-between" }, h("h3", {}, title), h("div", { class: "row" },
        h("button", { class: "button small", type: "button", data: { toggles: what }, on: { click: toggle } },
          icon("eye"), isOpen ? "Hide" : "Show", h("span", { class: "hush" }, ` ${what}`)),
        copyButton(async () => pick(await load()) ?? "", { what }))),
      h("code", { class: "secret" }, isOpen ? text : masked));
  }

  /** @param {Kind} kind */
  async function regenerate(kind) {
    const other = kind === "Primary" ? "secondary" : "primary";
    const hasOther = keys === null || keys.secondaryKey !== null;
    const yes = await confirm({
      title: `Renew the ${kind.toLowerCase()} key?`, action: "Renew key",
      text: ["From then on, whatever uses this key is refused: calls of your app, client URLs made with it, and sessions of the portal that signed in with it. ",
        "Clients that are connected stay. ", hasOther ? `Have your app use the ${other} key first, then nothing stops.` : "There is no second key to use meanwhile."],
    });
    if (!yes) return;
    try {
      keys = /** @type {Keys} */ (await post("api/ext/keys/:regenerate", { body: { keyType: kind }, signal }));
      isOver ||= session().name === `${kind.toLowerCase()} key`;
      if (isOver) open.add(`${kind} key`);
      draw();
      toast(`The ${kind.toLowerCase()} key is new. Give it to your app.`);
    } catch (error) {
      if (!signal.aborted) toast(messageOf(error), "bad");
    }
  }

  if (session().development) loadDevelopmentKey();
  else draw();
  return page(head, body);
}

/** @param {Keys} keys @param {Kind} kind */
const keyOf = (keys, kind) => (kind === "Primary" ? keys.primaryKey : keys.secondaryKey);
/** @param {Keys} keys @param {Kind} kind */
const stringOf = (keys, kind) => (kind === "Primary" ? keys.primaryConnectionString : keys.secondaryConnectionString);

/** @param {Keys|null} keys */
function usage(keys) {
  // Only the key that everybody knows stands in the page unasked.
  const connection = keys?.source === "development" ? keys.primaryConnectionString : "PASTE THE CONNECTION STRING HERE";
  /** @param {import("../components/code.js").Language} language @param {string} label @param {...string} lines */
  const code = (language, label, ...lines) => () => codeBlock(lines.join("\n"), { language, label });
  return card({ title: "How an app uses a key", note: "keep it out of the code" }, tabs({
    label: "Where",
    tabs: [
      { id: "env", title: "Environment", render: code("sh", "Environment variable",
        "# In the shell that starts your app. The command line of hublet reads it, too.", `export WebPubSubConnectionString='${connection}'`) },
      { id: "node", title: "Node", render: code("js", "Use in Node",
        "import { WebPubSubServiceClient } from \"@azure/web-pubsub\";", "",
        "const service = new WebPubSubServiceClient(process.env.WebPubSubConnectionString, \"chat\", { allowInsecureConnection: true });",
        "const { url } = await service.getClientAccessToken({ userId: \"me\" });", "await service.sendToAll({ hello: \"world\" });") },
      { id: "python", title: "Python", render: code("python", "Use in Python",
        "import os", "from azure.messaging.webpubsubservice import WebPubSubServiceClient", "",
        "service = WebPubSubServiceClient.from_connection_string(os.environ[\"WebPubSubConnectionString\"], hub=\"chat\")",
        "print(service.get_client_access_token(user_id=\"me\")[\"url\"])", "service.send_to_all({\"hello\": \"world\"}, content_type=\"application/json\")") },
      { id: "csharp", title: "C#", render: code("csharp", "Use in C#",
        "using Azure.Messaging.WebPubSub;", "",
        "var connection = Environment.GetEnvironmentVariable(\"WebPubSubConnectionString\");",
        "var service = new WebPubSubServiceClient(connection, \"chat\");",
        "var url = await service.GetClientAccessUriAsync(userId: \"me\");", "await service.SendToAllAsync(\"hello\");") },
      { id: "cli", title: "Command line", render: code("sh", "Use on the command line",
        "hublet token --hub chat --user me", "hublet send --hub chat 'hello'") },
    ],
  }).element);
}
