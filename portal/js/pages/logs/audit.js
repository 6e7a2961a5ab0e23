// Who did what, from where, and whether it was done.
import { get } from "../../api.js";
import { h, replace } from "../../dom.js";
import { dateTime } from "../../format.js";
import { icon } from "../../icons.js";
import { linkTo } from "../../router.js";
import { field, textInput } from "../../components/fields.js";
import { badge, card, time } from "../../components/page.js";
import { empty, loading, retry } from "../../components/states.js";
import { table } from "../../components/table.js";

/** @typedef {{ time: string, who: string, issuer?: string, from: string, action: string, target: string, result: string }} Entry */

const MOST = 200;

/** What actions are called here. @type {Record<string, string>} */
const ACTIONS = {
  "hub.put": "Set a hub", "hub.delete": "Deleted a hub's settings", "hub.test": "Tested handlers", "exchange.replay": "Replayed a call",
  "keys.show": "Saw the keys", "keys.regenerate": "Renewed a key", "session.create": "Signed in", "session.refused": "Was refused", "session.delete": "Signed out",
  "message.send": "Sent a message", "connection.close": "Closed a connection", "group.add": "Added to a group", "group.remove": "Took out of a group",
  "permission.grant": "Granted a permission", "permission.revoke": "Took a permission away", "token.generate": "Made a client URL",
};

/** @param {import("../logs.js").TabContext} context */
export function auditView({ params, signal, setParams }) {
  /** @type {Entry[]} */
  let entries = [];
  const list = h("div", {}, loading());
  const search = textInput({
    type: "search", value: params.get("text") ?? "", "data-search": true, placeholder: "who, what, from where",
    on: { input: () => { setParams({ text: search.value.trim() }); draw(); } },
  });

  async function load() {
    try {
      ({ value: entries } = await get("api/ext/audit", { query: { top: MOST }, signal }));
      draw();
    } catch (error) {
      if (!signal.aborted) replace(list, retry("The audit log could not be loaded.", error, load));
    }
  }

  function draw() {
    const wanted = search.value.trim().toLowerCase();
    const rows = entries.filter((entry) => Object.values(entry).join(" ").toLowerCase().includes(wanted)
      || (ACTIONS[entry.action] ?? "").toLowerCase().includes(wanted));
    replace(list, table({
      label: "Audit log, the newest first", rows,
      columns: [
        { title: "When", cell: (row) => h("span", { class: "nowrap" }, time(row.time, dateTime(row.time))) },
        { title: "Who", cell: (row) => row.issuer ? [row.who, h("span", { class: "quiet small" }, ` of ${row.issuer}`)] : row.who },
        { title: "From", class: "mono", cell: (row) => row.from },
        { title: "Action", cell: (row) => [ACTIONS[row.action] ?? row.action, h("span", { class: "quiet mono small" }, ` ${row.action}`)] },
        { title: "On", cell: (row) => row.action.startsWith("hub.") && row.target ? h("a", { href: linkTo("hubs", {}, row.target) }, row.target) : row.target },
        { title: "Result", class: "wide",
          cell: (row) => row.result === "ok" ? badge("Done", "good") : [badge("Refused", "bad"), " ", row.result.replace(/^refused: /, "")] },
      ],
      empty: wanted
        ? empty("Nothing matches.", "Search for less.")
        : empty("Nobody has changed anything.", "What is done here and by the admin API is listed; audit.jsonl in the data folder has it all."),
    }));
  }

  load();
  return h("div", { class: "stack" },
    h("div", { class: "toolbar" }, field({ label: "Search", control: search }).element,
      h("button", { class: "button", type: "button", on: { click: load } }, icon("refresh"), "Refresh"),
      h("span", { class: "quiet small" }, `The last ${MOST}; audit.jsonl in the data folder has all.`)),
    card({ class: "flush" }, list));
}
