// One connection: what is known of it, and what can be done with it.
import { ApiError, call, get, messageOf, pathOf } from "../../api.js";
import { h, replace } from "../../dom.js";
import { bytes, count, dateTime, protocolName, relative } from "../../format.js";
import { icon } from "../../icons.js";
import { poll } from "../../poll.js";
import { membership } from "../../rest.js";
import { linkTo } from "../../router.js";
import { mayChange } from "../../session.js";
import { copyButton } from "../../components/copy.js";
import { openDialog } from "../../components/dialog.js";
import { field, select, textInput } from "../../components/fields.js";
import { badge, card, facts, page, time } from "../../components/page.js";
import { empty, loading, notice } from "../../components/states.js";
import { toast } from "../../components/toast.js";
import { composer } from "./send.js";

/** @typedef {import("../../types.js").Connection} Connection */

const EVERY_MS = 5_000;
/** @type {[string, string][]} */
const PERMISSIONS = [["sendToGroup", "Send to group"], ["joinLeaveGroup", "Join and leave group"]];

/** @param {string} hub @param {string} id @param {import("../../router.js").Context} context */
export function oneConnection(hub, id, { signal }) {
  const body = h("div", {}, loading());
  const trouble = h("div", {});
  const head = h("span", { class: "row" });
  const actions = h("div", { class: "row" },
    h("a", { class: "button", href: linkTo("trace", { hub, connection: id }) }, icon("trace"), "Watch in live trace"),
    mayChange() && h("button", { class: "button danger", type: "button", on: { click: close } }, icon("unplug"), "Close"));
  /** @type {ReturnType<typeof board>|undefined} */
  let shown;
  let isGone = false;

  async function load() {
    if (isGone) return;
    try {
      /** @type {Connection} */
      const now = await get(pathOf`api/ext/hubs/${hub}/connections/${id}`, { signal });
      if (signal.aborted) return;
      replace(trouble);
      if (!shown) {
        shown = board(hub, id, { signal, act });
        replace(body, shown.element);
      }
      shown.update(now);
      replace(head, now.state === "open" ? badge("Open", "good live") : badge("Away", "warn"),
        h("span", { class: "mono small" }, id), copyButton(() => id, { what: "connection id" }));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) gone();
      else throw error;
    }
  }

  function gone() {
    isGone = true;
    actions.hidden = true;
    replace(head, badge("Gone"), h("span", { class: "mono small" }, id));
    replace(trouble);
    replace(body, card({}, empty("This connection is gone.", "It was closed, or its client left. A client that comes back has another connection.",
      h("a", { class: "button", href: linkTo("trace", { hub, connection: id }) }, "See how it ended in the live trace"))));
  }

  /**
   * Does something through the REST API, then shows what it has done.
   * @param {() => import("../../rest.js").Request} make fails where the page cannot ask for it
   * @param {string} done
   */
  async function act(make, done) {
    try {
      const { method, path, query = {}, body } = make();
      await call(method, path, { query, body, signal });
      toast(done);
      await load();
      return true;
    } catch (error) {
      if (!signal.aborted) toast(messageOf(error), "bad");
      return false;
    }
  }

  function close() {
    const reason = textInput({ placeholder: "maintenance", maxlength: 123 });
    const go = async () => {
      dialog.close();
      await act(() => ({ method: "DELETE", path: pathOf`api/hubs/${hub}/connections/${id}`, query: { reason: reason.value.trim() } }), "The connection is closed.");
    };
    const dialog = openDialog({
      title: "Close this connection?",
      body: [
        h("p", {}, "The client is told the reason. It may connect again as long as its URL is good."),
        field({ label: "Reason", control: reason, optional: true }).element,
      ],
      foot: [
        h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Cancel"),
        h("button", { class: "button danger", type: "button", on: { click: go } }, "Close connection"),
      ],
    });
  }

  poll(load, {
    every: EVERY_MS, signal,
    onError: (error) => {
      if (!shown) replace(body);
      replace(head, badge("Not known", "warn"), h("span", { class: "mono small" }, id));
      replace(trouble, notice("bad", "The connection could not be loaded.", messageOf(error)));
    },
  });
  const back = { href: linkTo("connections", { hub }), title: `Connections of ${hub}` };
  return page({ title: "Connection", lead: head, actions: [actions], class: "connection-page", back }, trouble, body);
}

/** @typedef {(make: () => import("../../rest.js").Request, done: string) => Promise<boolean>} Act */

/** @param {string} hub @param {string} id @param {{ signal: AbortSignal, act: Act }} options */
function board(hub, id, { signal, act }) {
  const about = h("div", {});
  const groups = chips({
    empty: "It is in no group.",
    remove: (group) => act(() => membership(hub, group, id, false), `Taken out of ${group}.`), what: "Take it out of",
  });
  const roles = chips({
    empty: "It may do nothing but send events.", remove: (role) => revoke(role), what: "Take away",
    canRemove: (role) => permissionOf(role) !== null,
  });

  /** @param {string} permission @param {string} group @param {"PUT"|"DELETE"} method */
  const permit = (permission, group, method) =>
    act(() => ({ method, path: pathOf`api/hubs/${hub}/permissions/${permission}/connections/${id}`, query: { targetName: group } }),
      method === "PUT" ? "The permission is granted." : "The permission is taken away.");
  const revoke = (/** @type {string} */ role) => {
    const found = permissionOf(role);
    return found ? permit(found.permission, found.group, "DELETE") : Promise.resolve(false);
  };

  const group = textInput({ placeholder: "lobby", on: { keydown: (event) => { if (event.key === "Enter") join(); } } });
  const groupField = field({
    label: "Add to group", control: group,
    behind: h("button", { class: "button", type: "button", on: { click: () => join() } }, icon("plus"), "Add"),
  });
  async function join() {
    const name = group.value.trim();
    groupField.setError(name === "" ? "Name the group." : "");
    if (name !== "" && await act(() => membership(hub, name, id, true), `Added to ${name}.`)) group.value = "";
  }

  const permission = select(PERMISSIONS);
  const target = field({ label: "Group", control: textInput({ placeholder: "lobby" }) });
  /** REST knows no permission for all groups, and no patterns. @param {"PUT"|"DELETE"} method */
  function change(method) {
    const name = target.control.value.trim();
    target.setError(name === "" ? "Name the group. A permission is for one group." : "");
    if (name !== "") permit(permission.value, name, method);
  }
  const element = h("div", { class: "grid grid-2" },
    card({ title: "What is known" }, about),
    mayChange() ? card({ title: "Send a message" }, composer(hub, { kind: "connection", name: id }, { signal, to: "this connection" })) : null,
    card({ title: "Groups" }, h("div", { class: "stack" }, groups.element, mayChange() ? groupField.element : null)),
    card({ title: "Roles" }, h("div", { class: "stack" }, roles.element,
      mayChange() ? h("div", { class: "toolbar" },
        field({ label: "Permission", control: permission }).element, target.element,
        h("div", { class: "row" },
          h("button", { class: "button", type: "button", on: { click: () => change("PUT") } }, "Grant"),
          h("button", { class: "button", type: "button", on: { click: () => change("DELETE") } }, "Revoke"))) : null)));

  /** @param {Connection} now */
  function update(now) {
    replace(about, facts([
      ["User", now.userId === null ? h("span", { class: "quiet" }, "anonymous") : h("a", { href: linkTo("connections", { hub, user: now.userId }) }, now.userId)],
      ["Hub", h("a", { href: linkTo("hubs", {}, hub) }, hub)],
      ["Protocol", [protocolName(now.protocol), h("span", { class: "quiet mono" }, ` ${now.protocol}`)]],
      ["Connected", [time(now.connectedAt, relative(now.connectedAt)), h("span", { class: "quiet" }, ` ${dateTime(now.connectedAt)}`)]],
      ["Address", now.remoteAddress ? h("span", { class: "mono" }, now.remoteAddress) : h("span", { class: "quiet" }, "none now: the client is away")],
      ["Queued for it", bytes(now.queuedBytes)],
      ["Not acknowledged", now.unackedMessages === null ? h("span", { class: "quiet" }, "its protocol has no acknowledgements") : count(now.unackedMessages)],
    ]));
    groups.update(now.groups, now.groupCount);
    roles.update(now.roles, now.roles.length);
  }
  return { element, update };
}

/** The permission and the group of a role; null where it is for no single group: then it cannot be taken away. @param {string} role */
function permissionOf(role) {
  const match = /^webpubsub\.(sendToGroup|joinLeaveGroup)\.(.+)$/s.exec(role);
  return match && { permission: match[1] ?? "", group: match[2] ?? "" };
}

/** @param {{ empty: string, what: string, remove: (value: string) => Promise<boolean>, canRemove?: (value: string) => boolean }} options */
function chips({ empty: without, what, remove, canRemove = () => true }) {
  const element = h("div", {});
  let last = "";
  return {
    element,
    /** @param {string[]} values @param {number} all */
    update(values, all) {
      const text = JSON.stringify([values, all]);
      if (text === last) return; // Whoever is on a button here stays there.
      last = text;
      replace(element, values.length === 0 ? h("p", { class: "quiet small" }, without)
        : h("ul", { class: "chips" }, values.map((value) => h("li", {}, h("span", {}, value),
          mayChange() && canRemove(value) && h("button", {
            type: "button", "aria-label": `${what} ${value}`, title: `${what} ${value}`, on: { click: () => remove(value) }
          }, icon("close"))))),
      all > values.length ? h("p", { class: "quiet small" }, `and ${count(all - values.length)} more`) : null);
    },
  };
}
